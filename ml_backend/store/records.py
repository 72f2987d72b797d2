"""What the store holds, as the rest of docloop sees it.

Times are seconds since 1970 in UTC when they are ours, and Label Studio's own ISO strings (``...Z``) when they are its.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from ml_backend.document.fields import Field

RunState = Literal["requested", "running", "succeeded", "failed", "cancelled"]
CorrectionKind = Literal["text", "label", "box", "deleted", "added", "confirmed"]
Cause = Literal["", "detection missed", "misread characters", "wrong field", "field missed", "wrong format", "absent"]


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """A project docloop follows. ``uid`` (id and creation time) is its identity, ``project_id`` Label Studio's number.

    ``label_config`` is its labelling interface (XML), ``fingerprint`` that of what docloop reads in it. ``cursor`` is the
    ``updated_at`` from which changed tasks are pulled. ``fault`` says why the last look failed ("" when it did not),
    ``fault_since`` since when. ``answer`` says why training did or did not start at the last decision, ``refusal`` why the last
    request was not followed ("" since a run began). ``trained_samples`` is the number of samples at the last run that began
    (0: never). ``seen_as`` stands for the address and the token that it was last seen with: only who saw it can say that it is
    gone.
    """

    uid: str
    project_id: int
    title: str = ""
    fingerprint: str = ""
    label_config: str = ""
    cursor: str = ""
    swept_at: float = 0.0
    looked_at: float = 0.0
    fault: str = ""
    fault_since: float | None = None
    answer: str = ""
    answered_at: float = 0.0
    refusal: str = ""
    trained_samples: int = 0
    followed: bool = True
    seen_as: str = ""


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """One task of a project. A task is known by its id *and* creation time: SQLite gives ids out again.

    ``data`` is the task's data, ``content`` the SHA-256 of its pages' pixels ("" until they were read), ``open`` whether no
    annotation was submitted yet (a skip leaves it open).
    """

    id: int
    project_uid: str
    task_id: int
    created_at: str
    updated_at: str
    data: Mapping[str, Any]
    content: str = ""
    open: bool = True


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """A prediction as it was pushed. ``score`` is what Label Studio orders by, ``probability`` the calibrated one behind it.

    ``priority`` is 3 (high), 2 or 1; ``reasons`` say why; ``signature`` is what near-duplicates are told by.
    """

    document_id: int
    model_version: str
    score: float
    probability: float
    fields: tuple[Field, ...]
    engines: tuple[str, ...] = ()
    priority: int = 1
    reasons: tuple[str, ...] = ()
    signature: tuple[float, ...] = ()
    pushed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class AnnotationRecord:
    """An annotation as submitted. ``reviewed``: a person looked at it; only those become samples.

    ``shown`` is the prediction the person saw (None: nothing was shown), ``shown_version`` its model version.
    """

    annotation_id: int
    created_at: str
    updated_at: str
    fields: tuple[Field, ...]
    completed_by: int | None = None
    lead_time: float | None = None
    skipped: bool = False
    ground_truth: bool = False
    reviewed: bool = False
    shown: tuple[Field, ...] | None = None
    shown_version: str = ""
    document_id: int = 0


@dataclass(frozen=True, slots=True)
class CorrectionRecord:
    """One difference between what was shown and what was submitted, or the confirmation that there was none.

    ``label`` is the final label ("" when the field was deleted), ``predicted_label`` the shown one ("" when it was added).
    ``ocr_text`` is what OCR reads inside the final box (the shown box when deleted). ``region_id`` is Label Studio's.
    ``predicted_place`` is where a field was shown that was moved or deleted: page, left, top, right, bottom, rotation.
    ``field_number`` counts the submitted fields with a label from 0 (None for a deleted one).
    """

    kind: CorrectionKind
    cause: Cause
    label: str
    predicted_label: str
    ocr_text: str
    predicted_value: str
    final_value: str
    page: int = 0
    region_id: str = ""
    model_version: str = ""
    engine: str = ""
    lead_time: float | None = None
    completed_by: int | None = None
    at: str = ""
    task_id: int = 0
    annotation_id: int = 0
    predicted_place: tuple[float, ...] | None = None
    field_number: int | None = None


@dataclass(frozen=True, slots=True)
class VersionUse:
    """How a model version did with the annotators: over annotations that were reviewed and had a prediction of it."""

    model_version: str
    documents: int
    fields: int
    untouched: int
    edits: int
    median_seconds: float | None

    @property
    def acceptance(self) -> float:
        """Fields left untouched, as a share of all fields shown or added."""
        return self.untouched / self.fields if self.fields else 0.0


class TrainingOptions(TypedDict, total=False):
    """What one training is to do other than the settings say; what is left out stays as they say.

    ``layout``: whether a layout model is trained, too. ``from_scratch``: its size, with random weights in place of a base model.
    ``release``: the id of the dataset release that is trained on, in place of today's samples.
    """

    layout: bool
    from_scratch: Literal["small", "base"]
    release: str


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """Somebody asked to train; kept until a run exists or the answer why not was written."""

    project_id: int
    requested_by: str
    requested_at: float
    options: TrainingOptions = field(default_factory=TrainingOptions)


TELLING = 0.1  # of a run must be done before its end can be told


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One training run. ``number`` counts the runs of its project from 1 and names the version it makes.

    ``attempt`` counts starts; who runs attempt N may write only while the run is still at attempt N. ``stage`` is a word for
    people, ``progress`` in ``[0, 1]``, ``cancel`` whether somebody asked to stop it, ``reason`` why it failed or was made.
    ``options`` are those of the request that it was made from.
    """

    id: int
    project_uid: str
    project_id: int
    number: int
    state: RunState
    requested_by: str
    requested_at: float
    attempt: int = 0
    started_at: float | None = None
    heartbeat_at: float | None = None
    finished_at: float | None = None
    stage: str = ""
    progress: float = 0.0
    cancel: bool = False
    reason: str = ""
    samples: int = 0
    release: str = ""
    version: str = ""
    verdict: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    options: TrainingOptions = field(default_factory=TrainingOptions)

    def seconds_left(self, now: float) -> float | None:
        """How long it will still run if it goes on as it did; None before that can be told."""
        if self.state != "running" or self.started_at is None or self.progress < TELLING:
            return None
        return max(0.0, now - self.started_at) * (1 - self.progress) / self.progress
