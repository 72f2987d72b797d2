"""Projects: connecting one, how it stands, letting it rest."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ml_backend.web.schemas.base import Answer, Asked, Seconds, example
from ml_backend.web.schemas.system import ProjectLine
from ml_backend.web.schemas.training import RunLine

Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\x00-\x20/?#]+[^\s\x00-\x20?#]*$", max_length=500)]


class Projects(Answer):
    """The projects that docloop follows."""

    model_config = example(
        projects=[
            {
                "project": 7,
                "title": "Receipts",
                "followed": True,
                "paused": False,
                "champion": "fields-3",
                "model_version": "fields-3.4bf1c2d9",
                "looked_at": 1_795_000_000.0,
                "fault": "",
                "fault_since": None,
            }
        ]
    )

    projects: list[ProjectLine]


class Connect(Asked):
    """A project of Label Studio that docloop shall follow."""

    model_config = example(project=7, url="http://docloop.internal:9090")

    project: int = Field(ge=1, lt=2**63, description="Label Studio's number of the project.")
    url: Address | None = Field(
        None, description="docloop's address as Label Studio sees it; DOCLOOP_BACKEND_URL if not said."
    )
    poll_only: bool = Field(False, description="Make no backend and no webhook: Label Studio cannot reach docloop.")


class Connected(Answer):
    """A project that is followed from now on."""

    model_config = example(project=7, title="Receipts", url="http://docloop.internal:9090", order="")

    project: int
    title: str
    url: str = Field(description="The address that Label Studio was given; empty for one that is only polled.")
    order: str = Field(
        description="What to know of the order in which Label Studio serves tasks; empty: hardest first."
    )


class Kept(Answer):
    """A wish that was kept; the worker sees to it."""

    model_config = example(status="kept", project=7)

    status: Literal["kept"] = "kept"
    project: int


class Resting(Answer):
    """Whether a project rests."""

    model_config = example(project=7, paused=True)

    project: int
    paused: bool


class VersionLine(Answer):
    """How annotators got on with one version."""

    version: str
    documents: int
    fields: int
    untouched: int
    acceptance: float
    edits: int
    median_seconds: float | None


class Training(Answer):
    """Why training did or did not start, and the runs so far."""

    answer: str
    answered_at: float
    refusal: str
    requested: list[str] = Field(description="Who asks for a training now.")
    runs: list[RunLine]


class LabelStudioLook(Answer):
    """The last look at the project in Label Studio."""

    looked_at: float
    fault: str
    fault_since: Seconds | None


class StorageLook(Answer):
    """Whether the bucket of DOCLOOP_STORAGE_URL answers; while it does not, the versions of this machine serve."""

    fault: str = Field(description="Empty when it answers, or where there is none.")
    fault_since: Seconds | None


class ProjectStatus(Answer):
    """How it stands with a project."""

    model_config = example(
        project=7,
        title="Receipts",
        followed=True,
        paused=False,
        workers=1,
        documents=500,
        samples=120,
        corrections={"confirmed": 900, "text": 60},
        champion="fields-3",
        champion_base="",
        champion_fault="",
        model_version="fields-3.4bf1c2d9",
        training={
            "answer": "121 confirmed documents so far; training starts by itself at 144 (23 more).",
            "answered_at": 1_795_000_000.0,
            "refusal": "",
            "requested": [],
            "runs": [],
        },
        versions=[
            {
                "version": "fields-3.4bf1c2d9",
                "documents": 40,
                "fields": 300,
                "untouched": 279,
                "acceptance": 0.93,
                "edits": 21,
                "median_seconds": 8.5,
            }
        ],
        tainted_versions={},
        storage={"fault": "", "fault_since": None},
        label_studio={"looked_at": 1_795_000_000.0, "fault": "", "fault_since": None},
    )

    project: int
    title: str
    followed: bool
    paused: bool
    workers: int = Field(description="Workers that are alive.")
    documents: int
    samples: int = Field(description="Confirmed documents to learn from.")
    corrections: dict[str, int] = Field(description="By kind.")
    champion: str = Field(description="The version that serves; “keywords (untrained)” while no trained one does.")
    champion_base: str = Field(description="The base model it began with, and its licence; empty if none.")
    champion_fault: str = Field(description="Why the promoted version does not serve; empty when it does.")
    model_version: str
    training: Training
    versions: list[VersionLine]
    tainted_versions: dict[str, int] = Field(
        description="Versions that learned from documents which were deleted since."
    )
    storage: StorageLook
    label_studio: LabelStudioLook
