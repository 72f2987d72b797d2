"""Trains several models, and who of them is to be believed for each field.

Each member answers every document out of fold. On those answers a logistic regression learns the weight of each member's word;
few documents leave it near what is usual: the first member is believed as far as it believes itself, the others half as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ml_backend.document.bio_tags import bare
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.models.base import FieldExtractor
from ml_backend.models.combined import Combined
from ml_backend.models.combined.combiner import Combiner
from ml_backend.services import COMBINED, KEYWORDS
from training.trainers.base import Fitted, Progress, Trainer
from training.trainers.combiner_fitting import Answers, fit_combiner

FOLDS = 5


class CombinedTrainer:
    """``trainers`` make the members, in the order of trust; ``baseline`` is one that needs no training."""

    kind = COMBINED

    def __init__(self, trainers: Sequence[Trainer], baseline: FieldExtractor) -> None:
        self._trainers = trainers
        self._baseline = baseline

    def fit(
        self, samples: Sequence[Sample], specs: Sequence[FieldSpec], version: str, progress: Progress, seed: int = 0
    ) -> Fitted:
        """A model of ``samples``. Raises ModelRejected when a member cannot be made of them."""
        fitted: dict[str, Fitted] = {}
        for number, trainer in enumerate(self._trainers):
            done, share = number / len(self._trainers), 0.95 / len(self._trainers)

            def told(stage: str, part: float, done: float = done, share: float = share) -> None:
                progress(stage, done + share * part)

            fitted[trainer.kind] = trainer.fit(samples, specs, version, told, seed)
        progress("combine", 0.95)
        answers = {name: one.out_of_fold for name, one in fitted.items()}
        answers[KEYWORDS] = {s.content: self._baseline.extract(s.document, specs).fields for s in samples}
        combiner, out_of_fold = _combined(samples, answers, specs)
        progress("combine", 1.0)
        members: dict[str, FieldExtractor] = {name: one.extractor for name, one in fitted.items()}
        extractor = Combined(combiner, {**members, KEYWORDS: self._baseline}, version)
        savers = {name: one.save for name, one in fitted.items()}

        def save(folder: Path) -> None:
            extractor.save(folder, savers)

        settings = {name: value for one in fitted.values() for name, value in one.settings.items()}
        return Fitted(extractor, save, out_of_fold, settings)


def _combined(
    samples: Sequence[Sample], answers: Mapping[str, Answers], specs: Sequence[FieldSpec]
) -> tuple[Combiner, dict[str, tuple[Field, ...]]]:
    """The combiner of all documents, and each document's fields by one that has not seen it."""
    ordered = sorted({sample.content: sample for sample in samples}.values(), key=lambda sample: sample.content)
    known = [sample for sample in ordered if all(sample.content in some for some in answers.values())]
    fields: dict[str, tuple[Field, ...]] = {}
    scores: list[tuple[float, bool]] = []
    for fold in range(min(FOLDS, len(known))):
        rest = [sample for number, sample in enumerate(known) if number % FOLDS != fold]
        combiner = fit_combiner(rest, answers, specs)
        for sample in known[fold::FOLDS]:
            said = {name: some[sample.content] for name, some in answers.items()}
            chosen = combiner.choose(said, specs).fields
            fields[sample.content] = chosen
            scores.append((combiner.doubt(chosen, specs), _nothing_to_correct(sample, chosen, specs)))
    return fit_combiner(known, answers, specs, scores), fields


def _nothing_to_correct(sample: Sample, chosen: Sequence[Field], specs: Sequence[FieldSpec]) -> bool:
    asked = {spec.label for spec in specs}
    said = sorted((field.label, bare(field.text)) for field in chosen)
    return said == sorted((field.label, bare(field.text)) for field in sample.fields if field.label in asked)
