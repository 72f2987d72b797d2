"""Training: what is asked of one, and the runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from ml_backend.web.schemas.base import Answer, Asked, Seconds, example


class Train(Asked):
    """What this one training shall do other than the settings say."""

    model_config = example(layout=True, release="3f2a91cc")

    layout: bool | None = Field(None, description="Whether a layout model is trained, too.")
    from_scratch: Literal["small", "base"] | None = Field(
        None, description="With a layout model of this size and random weights, in place of a base model."
    )
    release: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{4,64}$")] | None = Field(
        None, description="On this dataset release (its id, or how that begins) instead of today's documents."
    )


class RunLine(Answer):
    """One training run."""

    id: int
    number: int = Field(description="Counts the runs of the project from 1.")
    state: Literal["requested", "running", "succeeded", "failed", "cancelled"]
    stage: str = Field(description="What it is at.")
    progress: float = Field(description="From 0 to 1.")
    seconds_left: float | None = Field(description="About how long it will still take, where that can be told.")
    attempt: int
    requested_by: str
    requested_at: Seconds
    finished_at: Seconds | None
    samples: int = Field(description="Documents that it learns from.")
    version: str = Field(description="The model version it made, if any.")
    verdict: str = Field(description="What the gate says of it.")
    reason: str
    f1: float | None = Field(description="Of the challenger on documents that neither had seen.")
    champion_f1: float | None
    acceptance: float | None = Field(description="Share of the fields that annotators left untouched.")


class Runs(Answer):
    """Training runs, the newest first."""

    model_config = example(
        project=7,
        runs=[
            {
                "id": 12,
                "number": 3,
                "state": "succeeded",
                "stage": "",
                "progress": 1.0,
                "seconds_left": None,
                "attempt": 1,
                "requested_by": "docloop",
                "requested_at": 1_795_000_000.0,
                "finished_at": 1_795_000_300.0,
                "samples": 120,
                "version": "fields-3",
                "verdict": "Promoted: field F1 0.94, 0.91 before.",
                "reason": "120 confirmed documents, 20 more than at the last training.",
                "f1": 0.94,
                "champion_f1": 0.91,
                "acceptance": 0.93,
            }
        ],
    )

    project: int
    runs: list[RunLine]


class Run(RunLine):
    """One training run with all that is kept of it."""

    model_config = example(
        id=12,
        number=3,
        state="succeeded",
        stage="",
        progress=1.0,
        seconds_left=None,
        attempt=1,
        requested_by="docloop",
        requested_at=1_795_000_000.0,
        finished_at=1_795_000_300.0,
        samples=120,
        version="fields-3",
        verdict="Promoted: field F1 0.94, 0.91 before.",
        reason="120 confirmed documents, 20 more than at the last training.",
        f1=0.94,
        champion_f1=0.91,
        acceptance=0.93,
        release="3f2a91cc0d3e",
        options={},
        metrics={"challenger": {"f1": 0.94}, "champion": {"f1": 0.91}},
        started_at=1_795_000_010.0,
        heartbeat_at=1_795_000_290.0,
    )

    release: str
    options: dict[str, Any]
    metrics: dict[str, Any]
    started_at: Seconds | None
    heartbeat_at: Seconds | None


class Cancelled(Answer):
    """What was stopped."""

    model_config = example(project=7, detail="Run 3 is being cancelled.")

    project: int
    detail: str
