"""How the installation stands."""

from __future__ import annotations

from pydantic import Field

from ml_backend.web.schemas.base import Answer, Seconds, example


class LabelStudioPart(Answer):
    """Label Studio, as docloop reaches it."""

    ok: bool = Field(description="Whether it answers.")
    token_ok: bool = Field(description="Whether it takes docloop's token.")
    url: str = Field("", description="Where it is looked for.")
    version: str = Field("", description="Which version it says it is.")
    reason: str = Field("", description="Why it is not ok.")


class StorePart(Answer):
    """The database."""

    ok: bool
    kind: str = Field("", description="`sqlite` or `postgresql`.")
    reason: str = Field("", description="Why it is not ok.")


class QueuePart(Answer):
    """The queue of jobs."""

    ok: bool
    kind: str = Field("", description="`sqlite` or `redis`.")
    depth: int = Field(0, description="Jobs that wait.")
    reason: str = Field("", description="Why it is not ok.")


class StoragePart(Answer):
    """Where files are kept."""

    ok: bool
    kind: str = Field("", description="`folder`, or the kind of storage that DOCLOOP_STORAGE_URL names, such as `s3`.")
    free_bytes: int | None = Field(None, description="Free space in the data folder of who answers.")
    reason: str = Field("", description="Why it is not ok.")


class Worker(Answer):
    """A worker that was heard of in the last five minutes."""

    name: str = Field(description="Host and process.")
    alive: bool = Field(description="Whether its heartbeat is recent enough.")
    heartbeat_age: float = Field(description="Seconds since its last sign of life.")


class Web(Answer):
    """The web process that answered."""

    process: int
    since: Seconds


class ProjectLine(Answer):
    """A project in one line."""

    project: int = Field(description="Label Studio's number.")
    title: str
    followed: bool = Field(description="Whether docloop looks at it by itself.")
    paused: bool = Field(description="Whether it rests.")
    champion: str = Field(description="The model version that serves.")
    model_version: str = Field(description="The version that predictions carry in Label Studio.")
    looked_at: Seconds | None = Field(description="When it was last looked at.")
    fault: str = Field(description="Why the last look failed; empty when it did not.")
    fault_since: Seconds | None


class SystemStatus(Answer):
    """How the whole installation stands."""

    model_config = example(
        docloop="0.3.0",
        at=1_795_000_000.0,
        ready=False,
        reasons=[
            "No worker runs: nothing is predicted in advance or learned. Start docloop serve (or docloop worker)."
        ],
        label_studio={"ok": True, "token_ok": True, "url": "http://localhost:8080", "version": "1.23.2", "reason": ""},
        store={"ok": True, "kind": "sqlite", "reason": ""},
        queue={"ok": True, "kind": "sqlite", "depth": 0, "reason": ""},
        storage={"ok": True, "kind": "folder", "free_bytes": 80_000_000_000, "reason": ""},
        workers=[],
        web={"process": 4711, "since": 1_794_999_000.0},
        projects=[],
    )

    docloop: str = Field(description="docloop's version.")
    at: Seconds
    ready: bool = Field(description="Whether everything that docloop needs is there.")
    reasons: list[str] = Field(description="Sentences that say what is missing; empty when `ready`.")
    label_studio: LabelStudioPart
    store: StorePart
    queue: QueuePart
    storage: StoragePart
    workers: list[Worker]
    web: Web
    projects: list[ProjectLine]


class Job(Answer):
    """A job that waits."""

    kind: str = Field(description="`look`, `push` or `train`.")
    identity: int = Field(description="The project's number; of `train` the run's id.")


class Hold(Answer):
    """Work that somebody has in hand."""

    name: str = Field(description="`look-7`: project 7 is being looked at; `push-7`: predicted.")
    until: Seconds = Field(description="When the hold ends unless it is renewed.")


class PushProgress(Answer):
    """How far the predictions of a project's open tasks are."""

    project: int
    model_version: str
    done: int = Field(description="Open documents with a prediction of this version.")
    total: int = Field(description="Open documents.")


class RunningRun(Answer):
    """A training that waits or runs."""

    project: int
    run: int = Field(description="The run's id.")
    number: int
    state: str
    stage: str
    progress: float = Field(description="From 0 to 1.")
    seconds_left: float | None


class QueueState(Answer):
    """What waits, and what is being worked on."""

    model_config = example(
        waiting=[{"kind": "look", "identity": 7}],
        held=[{"name": "push-7", "until": 1_795_000_020.0}],
        pushes=[{"project": 7, "model_version": "fields-3.4bf1c2d9", "done": 120, "total": 500}],
        runs=[],
    )

    waiting: list[Job]
    held: list[Hold]
    pushes: list[PushProgress]
    runs: list[RunningRun]
