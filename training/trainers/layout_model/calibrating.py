"""Fits the curves that make confidences mean what they say, on answers for documents that the network had not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml_backend.document.bio_tags import bare
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.models.layout_model.calibration import LEAST, POOLED, Calibration, Curve, evidence
from ml_backend.models.layout_model.decoding import Choice

MORE_IF_RARE = 0.4  # of a label that is always absent so much more confidence is asked before a field is shown
OWN_CURVE = 60  # answers from which a label has a curve of its own
DOCUMENTS = 20  # from which a document's score is learned
SMOOTH = 2.0
LOOSE = 10.0  # inverse of the penalty of a curve
FLATTEST = 0.05  # slope of a curve; more evidence never means less confidence
USUAL: Curve = (0.6, -0.5)  # the curve before there are any answers
PRIOR_EVIDENCE = np.arange(-4.0, 11.0)  # made-up answers that hold a curve near the one expected
ROUNDS = 200


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
    pooled = _platt([pair for some in pairs.values() for pair in some], USUAL)
    curves = {POOLED: pooled} | {label: _platt(some, pooled) for label, some in pairs.items() if len(some) >= OWN_CURVE}
    presence = {spec.label: _share([bool(one.truth(spec.label)) for one in answers]) for spec in specs}
    least = {label: round(LEAST + MORE_IF_RARE * (1 - share), 4) for label, share in presence.items()}
    draft = Calibration(curves, least, {})
    absent = {spec.label: _absent(answers, draft, spec, 1 - presence[spec.label]) for spec in specs}
    draft = Calibration(curves, least, absent)
    if len(answers) < DOCUMENTS:
        return draft
    return Calibration(curves, least, absent, _platt([_judged(one, draft, specs) for one in answers]))


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


def _platt(pairs: Sequence[tuple[float, bool]], prior: Curve | None = None) -> Curve:
    """Slope and offset of the logistic curve through (evidence, right).

    Few answers say little: made-up ones all along the curve ``prior``, or else one right and one wrong in the middle, keep it
    from being too sure.
    """
    from sklearn.linear_model import LogisticRegression

    middle = float(np.mean([one for one, _ in pairs])) if pairs else 0.0
    made_up = PRIOR_EVIDENCE if prior else np.array([middle])
    chances = 1 / (1 + np.exp(-(prior[0] * made_up + prior[1]))) if prior else np.array([0.5])
    seen = np.concatenate([[one for one, _ in pairs], made_up, made_up])
    right = np.array([one for _, one in pairs] + [True] * len(made_up) + [False] * len(made_up))
    weights = np.concatenate([np.ones(len(pairs)), chances, 1.0 - chances])
    model = LogisticRegression(C=LOOSE, max_iter=ROUNDS)
    model.fit((seen - middle).reshape(-1, 1), right, sample_weight=weights)
    slope = max(FLATTEST, float(model.coef_[0, 0]))
    return round(slope, 6), round(float(model.intercept_[0]) - slope * middle, 6)
