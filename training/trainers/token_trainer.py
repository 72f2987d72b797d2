"""Trains the token classifier: on a laptop's CPU, in a minute, from a handful of documents up.

Each document is answered once by models that have not seen it (folds). Those answers teach the second step, calibrate it, and
are what the gate compares; the model that is kept has seen all documents.
"""

from __future__ import annotations

from collections.abc import Sequence

from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.errors import ModelRejected
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.models.token_classifier.answering import Options, label_chances, options_of
from ml_backend.models.token_classifier.classifier import Parts, TokenClassifier, as_field
from ml_backend.models.token_classifier.gazetteer import remember
from training.trainers.base import Fitted, Progress
from training.trainers.prepared import Prepared, prepare
from training.trainers.rank_fitting import Answer, answer, calibrate, fit_ranking, label_facts, shown
from training.trainers.tag_fitting import fit_tags, gazetteer_features

FOLDS = 5
FEWEST = 3  # samples; fewer teach nothing that could be judged


class TokenTrainer:
    """``country`` as in ``KeywordBaseline``."""

    kind = "token-classifier"

    def __init__(self, country: str = "") -> None:
        self._country = country

    def fit(
        self, samples: Sequence[Sample], specs: Sequence[FieldSpec], version: str, progress: Progress, seed: int = 0
    ) -> Fitted:
        """A model of ``samples``, the same for the same samples (in any order), specs and seed.

        Raises:
            ModelRejected: too few samples, or no region of any of them lies on a word.
        """
        if len(samples) < FEWEST:
            raise ModelRejected(
                "too_few_samples",
                f"The model needs {FEWEST} confirmed documents, but there are: {len(samples)}.",
                "Submit more documents.",
            )
        ordered = sorted(samples, key=lambda sample: (sample.content, sample.confirmed_at))
        prepared: list[Prepared] = []
        for number, sample in enumerate(ordered):
            progress("prepare", number / len(ordered))
            prepared.append(prepare(sample, specs, self._country))
        return _Fit(prepared, specs, version, progress, seed).run(self._country)


class _Fit:
    """One fit: the prepared documents and what is learned from them on the way."""

    def __init__(
        self, prepared: Sequence[Prepared], specs: Sequence[FieldSpec], version: str, progress: Progress, seed: int
    ) -> None:
        self.facts = label_facts(prepared, [spec.label for spec in specs])
        if not self.facts:
            raise ModelRejected(
                "no_region_matches",
                f"No region of the {len(prepared)} confirmed documents lies on a word that OCR has read.",
                "Check that the regions have the labels of the labelling interface.",
            )
        self.prepared = prepared
        self.specs = {spec.label: spec for spec in specs}
        self.asked = tuple(spec for spec in self.specs.values() if spec.label in self.facts)
        self.version, self.progress, self.seed = version, progress, seed
        self.gazetteer = remember(known for n, one in enumerate(prepared) for known in one.confirmed(n))
        self.folds = [range(fold, len(prepared), FOLDS) for fold in range(min(FOLDS, len(prepared)))]

    def run(self, country: str) -> Fitted:
        options = self._options()
        answers = self._answers(options)
        calibration = calibrate(list(zip(self.prepared, answers, strict=True)), self.facts, self.specs)
        self.progress("fit", 0.9)
        parts = Parts(
            samples=len(self.prepared),
            tags=fit_tags(list(enumerate(self.prepared)), self.gazetteer, frozenset(), self.seed),
            ranking=fit_ranking(list(zip(self.prepared, options, strict=True)), tuple(self.facts), self.seed),
            calibration=calibration,
            facts=self.facts,
            gazetteer=self.gazetteer,
        )
        self.progress("fit", 1.0)
        extractor = TokenClassifier(parts, self.version, country)
        return Fitted(extractor, extractor.save, self._out_of_fold(answers, country))

    def _options(self) -> list[list[Options]]:
        """The candidates of every document, from a tag model and a gazetteer that do not know it."""
        options: list[list[Options]] = [[] for _ in self.prepared]
        for fold, inside in enumerate(self.folds):
            self.progress("folds", fold / len(self.folds))
            without = frozenset(inside)
            rest = [(n, one) for n, one in enumerate(self.prepared) if n not in without]
            tags = fit_tags(rest, self.gazetteer, without, self.seed)
            for number in inside:
                self.progress("folds", (fold + 0.9) / len(self.folds))
                one = self.prepared[number]
                more = gazetteer_features(one, self.gazetteer, without)
                chances = tags.chances([[*row, *extra] for row, extra in zip(one.features, more, strict=True)])
                by_label = label_chances(chances, tags.tags, list(self.facts))
                options[number] = options_of(one.reading, self.asked, by_label, self.facts, self.gazetteer, without)
        return options

    def _answers(self, options: Sequence[Sequence[Options]]) -> list[Answer]:
        """What is chosen in every document by a ranking that has not seen it."""
        answers: list[Answer] = [{} for _ in self.prepared]
        for fold, inside in enumerate(self.folds):
            self.progress("choose", fold / len(self.folds))
            rest = [(self.prepared[n], options[n]) for n in range(len(options)) if n not in inside]
            model = fit_ranking(rest, tuple(self.facts), self.seed)
            for number in inside:
                answers[number] = answer(self.prepared[number], options[number], model, self.specs)
        return answers

    def _out_of_fold(self, answers: Sequence[Answer], country: str) -> dict[str, tuple[Field, ...]]:
        """The fields of every document as models answer that have not seen it, their confidences too."""
        fields: dict[str, tuple[Field, ...]] = {}
        new = [spec for spec in self.specs.values() if spec.label not in self.facts]
        baseline = KeywordBaseline(country)
        for inside in self.folds:
            rest = [(self.prepared[n], answers[n]) for n in range(len(answers)) if n not in inside]
            calibration = calibrate(rest, self.facts, self.specs)
            for number in inside:
                one = self.prepared[number]
                chosen = [
                    as_field(one.reading, choice, sure, len(rest))
                    for items in shown(answers[number], calibration, self.specs).values()
                    for choice, sure, _ in items
                ]
                others = baseline.extract(one.sample.document, new).fields if new else ()
                fields[one.sample.content] = (*chosen, *others)
        return fields
