"""Exports: asked for, made, written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ml_backend.web.schemas.base import Answer, Asked, Line, Seconds, example


class Filtered(Asked):
    """Which documents an export holds."""

    approved_only: bool = Field(True, description="Only documents that people approved.")
    has_corrections: bool | None = None
    since: Line = Field("", description="Reviewed at this time or later, such as 2026-01-31.")
    until: Line = Field("", description="Reviewed before this time.")
    fields: list[Annotated[Line, Field(min_length=1)]] = Field([], max_length=200, description="Only these labels.")
    model_version: Line = Field("", description="Only what was shown by this version.")
    annotator: int | None = Field(None, ge=0, lt=2**63)
    limit: int | None = Field(None, ge=1, lt=2**63)


class ExportAsked(Asked):
    """What shall be exported, and how."""

    model_config = example(format="hf-dataset", filters={"since": "2026-01-31"})

    format: Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,40}$")] = Field(
        "jsonl", description="`jsonl`, or one of the formats of docs/exports.md."
    )
    filters: Filtered = Field(default_factory=lambda: Filtered.model_validate({}), description="Which documents.")


class Export(Answer):
    """An export that docloop makes, or has made, for download."""

    model_config = example(
        id="20260131T080000Z-3f2a91cc",
        project=7,
        format="jsonl",
        state="done",
        asked_by="docloop",
        asked_at=1_795_000_000.0,
        documents=120,
        size=48_213,
        reason="",
        counts={"documents": 120},
        download="/api/v1/exports/20260131T080000Z-3f2a91cc/file",
    )

    id: str
    project: int
    format: str
    state: Literal["running", "done", "failed"]
    asked_by: str
    asked_at: Seconds
    documents: int = Field(description="Documents that are in it so far.")
    size: int = Field(description="Bytes of the zip file.")
    reason: str = Field(description="Why it failed.")
    counts: dict[str, int]
    download: str = Field(description="Where the zip file is, once it is done.")


class ExportedBatch(Answer):
    """An export that was written somewhere."""

    id: str
    format: str
    created_at: str = Field(description="ISO 8601, UTC.")
    counts: dict[str, int]
    deleted: int = Field(description="Documents in it that were deleted since: more than 0 is tainted.")


class Exports(Answer):
    """Exports: those that can be downloaded here, and all that were ever written."""

    model_config = example(
        made=[],
        written=[
            {
                "id": "20260131T080000Z-jsonl-3f2a91cc",
                "format": "jsonl",
                "created_at": "2026-01-31T08:00:00+00:00",
                "counts": {"documents": 120},
                "deleted": 0,
            }
        ],
    )

    made: list[Export]
    written: list[ExportedBatch]
