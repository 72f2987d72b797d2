"""Makes a layout memory of confirmed documents: nothing is fitted but the curves that make its confidence mean what it says.

Each document is answered once as if it had not been remembered. Those answers are what the gate compares, and from ``ENOUGH`` of
them on they replace the fixed curve.
"""

from __future__ import annotations

from collections.abc import Sequence

from ml_backend.document.bio_tags import bare
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.errors import ModelRejected
from ml_backend.models.memory import LayoutMemory
from ml_backend.models.memory.memory import Choice
from ml_backend.models.memory.votes import FIXED, POOLED, Curves
from training.trainers.base import Fitted, Progress
from training.trainers.rank_fitting import platt

FOLDS = 5  # of curves, for answers whose curve does not know them either
ENOUGH = 40  # answers from which curves are fitted
OWN = 20  # answers from which a label has a curve of its own, held near that of all


class MemoryTrainer:
    """``country`` as in ``KeywordBaseline``."""

    kind = "memory"

    def __init__(self, country: str = "") -> None:
        self._country = country

    def fit(
        self, samples: Sequence[Sample], specs: Sequence[FieldSpec], version: str, progress: Progress, seed: int = 0
    ) -> Fitted:
        """The memory of ``samples``, the same in whatever order they come; nothing in it is random.

        Raises:
            ModelRejected: there are no samples, or no region of any of them lies on a word.
        """
        progress("remember", 0.0)
        memory = LayoutMemory.of(samples, specs, version, self._country)
        if not any(paper.marks for paper in memory.papers):
            raise ModelRejected(
                "no_region_matches",
                f"No region of the {len(samples)} confirmed documents lies on a word that OCR has read.",
                "Check that the regions have the labels of the labelling interface.",
            )
        by_content = {sample.content: sample for sample in samples}
        ordered = [by_content[paper.content] for paper in memory.papers]
        choices: list[list[Choice]] = []
        for number, sample in enumerate(ordered):
            progress("answer", number / len(ordered))
            choices.append(memory.choices(sample.document, specs, frozenset((sample.content,))))
        pairs = [_judged(sample, some) for sample, some in zip(ordered, choices, strict=True)]
        out_of_fold: dict[str, tuple[Field, ...]] = {}
        for fold in range(FOLDS):
            curves = _fitted([some for number, some in enumerate(pairs) if number % FOLDS != fold])
            for sample, some in list(zip(ordered, choices, strict=True))[fold::FOLDS]:
                out_of_fold[sample.content] = memory.answer(some, sample.document, specs, curves)[0]
        final = memory.calibrated(_fitted(pairs))
        progress("answer", 1.0)
        return Fitted(final, final.save, out_of_fold)


Judged = Sequence[tuple[str, float, bool]]
"""Of each answer for a document its label, its evidence, and whether the annotator left it."""


def _judged(sample: Sample, choices: Sequence[Choice]) -> Judged:
    truth: dict[str, list[str]] = {}
    for field in sample.fields:
        truth.setdefault(field.label, []).append(bare(field.text))
    return [
        (choice.field.label, choice.vote.evidence, bare(choice.field.text) in truth.get(choice.field.label, ()))
        for choice in choices
    ]


def _fitted(documents: Sequence[Judged]) -> Curves:
    """Platt's curves, held near the fixed one where there are few answers."""
    answers = [answer for some in documents for answer in some]
    if len(answers) < ENOUGH:
        return FIXED
    fixed = FIXED.by_label[POOLED]
    pooled = platt([(evidence, right) for _, evidence, right in answers], fixed)
    curves = {POOLED: pooled}
    for label in sorted({label for label, _, _ in answers}):
        own = [(evidence, right) for name, evidence, right in answers if name == label]
        if len(own) >= OWN:
            curves[label] = platt(own, pooled)
    return Curves(curves)
