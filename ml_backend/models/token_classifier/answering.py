"""The two steps between words and chosen fields, the same in training and in use: label chances, then scored candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml_backend.document.fields import FieldSpec
from ml_backend.models.token_classifier.candidates import Candidate, candidates
from ml_backend.models.token_classifier.gazetteer import Gazetteer
from ml_backend.models.token_classifier.linear import Floats
from ml_backend.models.token_classifier.ranking import LabelFacts, ranking_features
from ml_backend.models.token_classifier.reading import Reading


@dataclass(frozen=True, slots=True)
class Options:
    """All candidates of one label in one document, with a row of numbers for each."""

    label: str
    candidates: Sequence[Candidate]
    rows: Floats


def label_chances(chances: Floats, tags: Sequence[str], labels: Sequence[str]) -> dict[str, Floats]:
    """For each label the probability of B and of I for each token, shape (tokens, 2), from those of all tags."""
    place = {tag: column for column, tag in enumerate(tags)}
    nothing = np.zeros(len(chances))
    return {
        label: np.stack(
            [chances[:, place[tag]] if (tag := f"{mark}-{label}") in place else nothing for mark in "BI"], axis=1
        )
        for label in labels
    }


def options_of(
    reading: Reading,
    specs: Sequence[FieldSpec],
    chances: Mapping[str, Floats],
    facts: Mapping[str, LabelFacts],
    gazetteer: Gazetteer,
    without: frozenset[int] = frozenset(),
) -> list[Options]:
    """The candidates for each asked label that has facts. ``without`` are documents whose confirmed values do not count."""
    together = {label: both.sum(axis=1) for label, both in chances.items()}
    answers: list[Options] = []
    for spec in specs:
        if spec.label not in facts:
            continue
        own = chances[spec.label]
        others = np.max([np.zeros(len(own)), *(c for label, c in together.items() if label != spec.label)], axis=0)
        some = candidates(reading, spec, own, gazetteer, without)
        rows = ranking_features(reading, some, own, others, facts[spec.label])
        answers.append(Options(spec.label, some, rows))
    return answers
