"""An annotator for the demo, who knows the truth of every sample receipt: opens what Label Studio serves next, corrects what is
wrong, submits. What the loop makes of it is shown as a table of rounds and a picture of the learning curve.

The seconds of work are those that Label Studio was measured to cost a person; nobody waits for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docloop.demo.samples import Sample
from ml_backend.document.fields import Field, Prediction
from ml_backend.document.geometry import Box
from ml_backend.errors import LabelStudioError, SetupError
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.results import from_prediction_body, to_results

_LOOK, _TEXT, _LABEL, _DELETE, _DRAW = 4.0, 4.0, 3.0, 2.0, 12.0  # seconds a document, and for each kind of correction
_SAME_PLACE = 0.3  # intersection over union from which a box is left where it is
_TRAINING, _POLL = 300.0, 0.5  # seconds to wait for a round, and between looks


@dataclass(frozen=True, slots=True)
class Step:
    """One document: how many have been annotated with it, who predicted it, and how many of its fields were left untouched."""

    documents: int
    version: str
    fields: int
    untouched: int


@dataclass
class Simulation:
    """``status`` gives ``docloop status --json`` of the project, ``on_round`` is called with it after each training.

    ``before`` is how many samples the project had that are not of these ``steps``.
    """

    label_studio: LabelStudio
    project_id: int
    interface: Interface
    samples: Mapping[str, Sample]
    status: Callable[[], Mapping[str, Any]]
    on_round: Callable[[Mapping[str, Any]], None]
    on_step: Callable[[Step], None] = lambda step: None
    steps: list[Step] = field(default_factory=list)
    before: int = 0

    def run(self, count: int) -> None:
        """Annotate ``count`` documents, or all there are; after each, wait for the training that it may have started.

        Raises:
            SetupError: Label Studio serves a document that is no sample receipt.
        """
        found = self.status()
        rounds = len(found["training"]["runs"])
        self.before = found["samples"] - len(self.steps)
        while len(self.steps) < count and self._annotate_next():
            self.on_step(self.steps[-1])
            found = self._settled()
            if len(found["training"]["runs"]) > rounds:
                rounds = len(found["training"]["runs"])
                self.on_round(found)

    def _annotate_next(self) -> bool:
        """One document; False when Label Studio has no more."""
        try:
            task = self.label_studio.call("GET", f"api/projects/{self.project_id}/next")
        except LabelStudioError as error:
            if error.code == "label_studio_not_found":
                return False
            raise
        shown = (task.get("predictions") or [{}])[0]
        predicted = from_prediction_body(shown).fields if shown else ()
        final, seconds = corrected(self._sample(task), predicted, self.interface)
        size = from_prediction_body(shown).page_sizes or ((1, 1),)
        body = {
            "result": to_results(Prediction(final, size, 1.0, ""), self.interface, task["id"]),
            "lead_time": seconds,
            "parent_prediction": shown.get("id"),
        }
        self.label_studio.call("POST", f"api/tasks/{task['id']}/annotations/", body=body)
        untouched = sum(one in predicted for one in final)
        deleted = {one.id for one in predicted} - {one.id for one in final}
        fields = len(final) + len(deleted)
        version = str(shown.get("model_version") or "")
        self.steps.append(Step(len(self.steps) + 1, version, fields, untouched))
        return True

    def _sample(self, task: Mapping[str, Any]) -> Sample:
        sample = self.samples.get(str(task["data"].get("filename")))
        if sample is None:
            raise SetupError(
                "no_sample",
                f"Task {task['id']} is no receipt of the demo, so that nobody knows what is right there.",
                "Annotate or delete it in Label Studio, then simulate again.",
            )
        return sample

    def _settled(self) -> Mapping[str, Any]:
        """How it stands once docloop has seen all annotations, and no training waits, runs, or has still to be served."""
        deadline = time.monotonic() + _TRAINING
        while True:
            found = self.status()
            open_runs = [run for run in found["training"]["runs"] if run["state"] in ("requested", "running")]
            served = self.label_studio.project(self.project_id).model_version
            current = served == found["model_version"]
            if found["samples"] >= self.before + len(self.steps) and not open_runs and current:
                return found
            if time.monotonic() > deadline:
                return found
            time.sleep(_POLL)


def corrected(sample: Sample, predicted: Sequence[Field], interface: Interface) -> tuple[tuple[Field, ...], float]:
    """The fields as the truth has them, and the seconds that a person would have taken.

    What was predicted right stays as it is, box and all; a wrong text is typed anew; what does not belong there is deleted, what
    is missing is drawn.
    """
    asked = [spec.label for spec in interface.specs if spec.label in sample.truth]
    seconds = _LOOK
    final: list[Field] = []
    rest = list(predicted)
    for label in asked:
        text, box = sample.truth[label], sample.boxes[label]
        there = next((one for one in rest if one.label == label), None)
        if there is None:
            final.append(Field(label, text, box))
            seconds += _DRAW
            continue
        rest.remove(there)
        same_text, same_place = there.text.strip() == text, _overlaps(there.box, box)
        final.append(there if same_text and same_place else _moved(there, text, there.box if same_place else box))
        seconds += (not same_text) * _TEXT + (not same_place) * _LABEL
    return tuple(final), seconds + len(rest) * _DELETE


def _overlaps(one: Box, other: Box) -> bool:
    return one.iou(other) >= _SAME_PLACE or one.intersection(other) > 0.8 * min(one.area, other.area)


def _moved(there: Field, text: str, box: Box) -> Field:
    return Field(there.label, text, box, there.page, 1.0, there.id)


def draw_curve(steps: Sequence[Step], runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The learning curve as a picture: fields left untouched as documents come in, and each version's F1 at the gate."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    window = 8
    figure, axes = pyplot.subplots(figsize=(9, 5), dpi=110)
    shares = [step.untouched / max(1, step.fields) for step in steps]
    smooth = [
        sum(shares[max(0, i - window + 1) : i + 1]) / len(shares[max(0, i - window + 1) : i + 1])
        for i in range(len(shares))
    ]
    axes.plot(
        [step.documents for step in steps],
        smooth,
        color="#2f6f4f",
        label=f"fields left untouched (last {window} documents)",
    )
    tried = [run for run in runs if run["f1"] is not None]
    axes.plot(
        [r["samples"] for r in tried],
        [r["f1"] for r in tried],
        "o-",
        color="#1f4e9c",
        label="new version, F1 at the gate",
    )
    axes.plot(
        [r["samples"] for r in tried],
        [r["champion_f1"] for r in tried],
        "s--",
        color="#999999",
        label="champion before, F1",
    )
    for run in tried:
        if run["verdict"].startswith("Promoted"):
            axes.annotate(
                "promoted", (run["samples"], run["f1"]), textcoords="offset points", xytext=(0, 9), ha="center"
            )
    axes.set(xlabel="documents annotated", ylim=(0, 1.05), title="docloop learns")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, bbox_inches="tight")
    pyplot.close(figure)
