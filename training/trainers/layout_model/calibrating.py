"""Fits the curves that make confidences mean what they say, on answers for documents that the network had not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml_backend.document.bio_tags import bare
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.models.layout_model.calibration import LEAST, POOLED, Calibration, Curve, evidence
from ml_backend.models.layout_model.decoding import Choice
from training.trainers.rank_fitting import platt

MORE_IF_RARE = 0.4  # of a label that is always absent so much more confidence is asked before a field is shown
OWN_CURVE = 60  # answers from which a label has a curve of its own
DOCUMENTS = 20  # from which a document's score is learned
SMOOTH = 2.0
USUAL: Curve = (0.6, -0.5)  # the curve before there are any answers


@dataclass(frozen=True, slots=True)
class Answer:
    """What was chosen in one document: for each label the choices with their fields, which have no confidence yet."""

    sample: Sample
    chosen: Mapping[str, Sequence[tuple[Choice, Field]]]

    def truth(self, label: str) -> list[str]:
        return [bare(field.text) for field in self.sample.fields if field.label == label]

    def right(self, label: str) -> list[bool]:
        """For each choice whether it says what the annotator left."""
        truth = set(self.truth(label))
        return [bare(field.text) in truth for _, field in self.chosen.get(label, ())]


def calibrate(answers: Sequence[Answer], specs: Sequence[FieldSpec]) -> Calibration:
    """The curves for the labels of ``specs``; with few answers they stay near the usual one."""
    pairs = {
        spec.label: [
            (evidence(choice), right)
            for one in answers
            for (choice, _), right in zip(one.chosen.get(spec.label, ()), one.right(spec.label), strict=True)
        ]
        for spec in specs
    }
    pooled = platt([pair for some in pairs.values() for pair in some], USUAL)
    curves = {POOLED: pooled} | {label: platt(some, pooled) for label, some in pairs.items() if len(some) >= OWN_CURVE}
    presence = {spec.label: _share([bool(one.truth(spec.label)) for one in answers]) for spec in specs}
    least = {label: round(LEAST + MORE_IF_RARE * (1 - share), 4) for label, share in presence.items()}
    draft = Calibration(curves, least, {})
    absent = {spec.label: _absent(answers, draft, spec, 1 - presence[spec.label]) for spec in specs}
    draft = Calibration(curves, least, absent)
    if len(answers) < DOCUMENTS:
        return draft
    return Calibration(curves, least, absent, platt([_judged(one, draft, specs) for one in answers]))


def shown(answer: Answer, calibration: Calibration, spec: FieldSpec) -> list[tuple[Field, float]]:
    """The fields of one label that are sure enough, with their confidence."""
    sure = [(field, calibration.confidence(choice)) for choice, field in answer.chosen.get(spec.label, ())]
    return [(field, chance) for field, chance in sure if calibration.shown(spec.label, spec.repeats, chance)]


def _share(some: Sequence[bool]) -> float:
    return (sum(some) + 0.5) / (len(some) + 1)


def _absent(answers: Sequence[Answer], draft: Calibration, spec: FieldSpec, usually: float) -> float:
    """How often a document that gets no field of this label has none."""
    empty = [not one.truth(spec.label) for one in answers if not shown(one, draft, spec)]
    return (sum(empty) + SMOOTH * usually) / (len(empty) + SMOOTH)


def _judged(answer: Answer, draft: Calibration, specs: Sequence[FieldSpec]) -> tuple[float, bool]:
    """A document's doubt, and whether nothing at all is to be corrected."""
    some = {spec.label: shown(answer, draft, spec) for spec in specs}
    doubt = draft.doubt({label: [chance for _, chance in items] for label, items in some.items()})
    return doubt, all(
        sorted(bare(field.text) for field, _ in items) == sorted(answer.truth(label)) for label, items in some.items()
    )
