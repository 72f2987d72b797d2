"""Model versions, which of them serves, and the dataset releases that they learned from."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from ml_backend.web.schemas.base import Answer, Asked, Line, Seconds, example

Version = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,30}-[1-9][0-9]{0,8}$")]


class ModelVersion(Answer):
    """A model version: its manifest, and how it stands."""

    version: str
    champion: bool = Field(description="Whether it serves.")
    deleted: int = Field(description="Documents it learned from that were deleted since: more than 0 is tainted.")
    kind: str
    created_at: str
    release: str
    samples: int
    seed: int
    code_version: str
    settings: dict[str, Any]
    labels: list[str]
    metrics: dict[str, Any]
    verdict: str = Field(description="What the gate said.")
    promoted: bool
    files: dict[str, str] = Field(description="SHA-256 by file.")


class ModelVersions(Answer):
    """The model versions of a project, the newest last."""

    model_config = example(
        project=7,
        champion="fields-3",
        versions=[
            {
                "version": "fields-3",
                "champion": True,
                "deleted": 0,
                "kind": "combined",
                "created_at": "2026-01-31T08:00:00+00:00",
                "release": "3f2a91cc0d3e",
                "samples": 120,
                "seed": 0,
                "code_version": "0.3.0",
                "settings": {},
                "labels": ["company", "date", "total"],
                "metrics": {"f1": 0.94},
                "verdict": "Promoted: field F1 0.94, 0.91 before.",
                "promoted": True,
                "files": {"combiner.json": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
            }
        ],
    )

    project: int
    champion: str = Field(description="The version that serves; empty: the keywords (untrained).")
    versions: list[ModelVersion]


class Promote(Asked):
    """Which version shall serve."""

    model_config = example(version="fields-3")

    version: Version = Field(description="Such as `fields-3`.")


class Served(Answer):
    """Which version serves from now on."""

    model_config = example(project=7, version="fields-3", changed=True, verdict="Better by 2.1 points on 40 documents.")

    project: int
    version: str = Field(description="Empty: the keywords (untrained).")
    changed: bool = Field(description="Whether another one did before.")
    verdict: str = Field(description="What the gate said of it.")


class Release(Answer):
    """A dataset release: frozen documents under an id that the same documents have on every machine."""

    model_config = example(
        id="3f2a91cc0d3e",
        frozen_at=1_795_000_000.0,
        documents={"train": 96, "test": 24},
        deleted=0,
        licence="CC-BY-4.0",
        parents=[],
        labels=["company", "date", "total"],
        versions=["fields-3"],
    )

    id: str
    frozen_at: Seconds
    documents: dict[str, int] = Field(description="By split.")
    deleted: int = Field(description="Documents that were deleted since: more than 0 is tainted.")
    licence: str
    parents: list[str]
    labels: list[str]
    versions: list[str] = Field(description="Model versions that learned from it.")


class Releases(Answer):
    """The dataset releases of a project, the newest first."""

    model_config = example(
        project=7,
        releases=[
            {
                "id": "3f2a91cc0d3e",
                "frozen_at": 1_795_000_000.0,
                "documents": {"train": 96, "test": 24},
                "deleted": 0,
                "licence": "CC-BY-4.0",
                "parents": [],
                "labels": ["company", "date", "total"],
                "versions": ["fields-3"],
            }
        ],
    )

    project: int
    releases: list[Release]


class Freeze(Asked):
    """How the confirmed documents are frozen."""

    model_config = example(licence="CC-BY-4.0")

    licence: Line = Field("", description="Under which licence the documents may be used, noted beside it.")
