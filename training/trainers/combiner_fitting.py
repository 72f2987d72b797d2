"""Fits the combiner: a logistic regression that few documents leave at what is usual, many take where the evidence is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ml_backend.document.bio_tags import bare
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.models.combined.combiner import POOLED, Combiner
from ml_backend.models.combined.opinions import NUMBERS, Floats, proposals
from ml_backend.models.token_classifier.choosing import LEAST, MORE_IF_RARE
from training.trainers.rank_fitting import DOCUMENTS, SMOOTH, platt

Answers = Mapping[str, Sequence[Field]]
"""Fields by a document's content."""

HELD = 8.0  # how many proposals' worth the weights for all labels are held at what is usual
HELD_OWN = 4.0  # and those of one label at those for all
FIRST = (1.0, 0.3, 0.0)  # usual weights of the first member: for its text, against another text, when it is silent
OTHER = (0.4, 0.2, 0.0)
_ROUNDS = 100


def fit_combiner(
    samples: Sequence[Sample],
    answers: Mapping[str, Answers],
    specs: Sequence[FieldSpec],
    scores: Sequence[tuple[float, bool]] = (),
) -> Combiner:
    """The combiner of what each member of ``answers`` (in the order of trust) says of ``samples`` out of fold.

    ``scores`` are the doubt of each document, and whether nothing was to be corrected in it.
    """
    members = tuple(answers)
    labels = [spec.label for spec in specs]
    rows, places, right = _examples(samples, answers, specs, labels)
    usual = np.array([*FIRST, *OTHER * (len(members) - 1), 0.0])
    pooled, own = _fit(rows, places, right, usual, len(labels))
    weights = {POOLED: tuple(map(float, pooled))}
    weights |= {label: tuple(map(float, row)) for label, row in zip(labels, own, strict=True)}
    presence = {label: _share(samples, label) for label in labels}
    return Combiner(
        members,
        weights,
        {label: LEAST + MORE_IF_RARE * (1 - share) for label, share in presence.items()},
        {label: _absent(samples, answers, label, 1 - share) for label, share in presence.items()},
        platt(scores) if len(scores) >= DOCUMENTS else None,
    )


def _examples(
    samples: Sequence[Sample], answers: Mapping[str, Answers], specs: Sequence[FieldSpec], labels: Sequence[str]
) -> tuple[Floats, Floats, Floats]:
    """A row for each proposal: its numbers and a 1 for the offset; 1 in the column of its label; whether it is right."""
    members = tuple(answers)
    rows: list[tuple[float, ...]] = []
    places: list[int] = []
    right: list[bool] = []
    for sample in samples:
        for place, spec in enumerate(specs):
            if spec.repeats:
                continue
            said = {m: [f for f in some[sample.content] if f.label == spec.label] for m, some in answers.items()}
            truth = {bare(field.text) for field in sample.fields if field.label == spec.label}
            for proposal in proposals(said, members):
                rows.append(proposal.numbers)
                places.append(place)
                right.append(bare(proposal.field.text) in truth)
    return (
        np.array([(*row, 1.0) for row in rows], dtype=np.float64).reshape(-1, NUMBERS * len(members) + 1),
        np.eye(len(labels))[places] if places else np.zeros((0, len(labels))),
        np.array(right, dtype=np.float64),
    )


def _fit(rows: Floats, places: Floats, right: Floats, usual: Floats, labels: int) -> tuple[Floats, Floats]:
    """The weights for labels that have none, and those of each label: of highest posterior, by Newton's method.

    A label's weights are those for all plus its own; the prior is Gaussian, around ``usual`` for those for all, around 0 for
    a label's own (Daume 2007, "Frustratingly easy domain adaptation").
    """
    own = (places[:, :, None] * rows[:, None, :]).reshape(len(rows), labels * len(usual))
    wide = np.concatenate([rows, own], axis=1)
    middle = np.concatenate([usual, np.zeros(own.shape[1])])
    held = np.concatenate([np.full(len(usual), HELD), np.full(own.shape[1], HELD_OWN)])
    weights = middle.copy()
    for _ in range(_ROUNDS):
        chances = 1.0 / (1.0 + np.exp(-np.clip(wide @ weights, -30, 30)))
        slope = wide.T @ (chances - right) + held * (weights - middle)
        bend = (wide * (chances * (1 - chances))[:, None]).T @ wide + np.diag(held)
        step = np.linalg.solve(bend, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-8:
            break
    pooled = weights[: len(usual)]
    return pooled, pooled + weights[len(usual) :].reshape(labels, len(usual))


def _share(samples: Sequence[Sample], label: str) -> float:
    """The share of documents that have the label."""
    return sum(any(field.label == label for field in sample.fields) for sample in samples) / max(1, len(samples))


def _absent(samples: Sequence[Sample], answers: Mapping[str, Answers], label: str, usual: float) -> float:
    """How often the label is really not there where no member finds it."""
    silent = [
        not any(field.label == label for field in sample.fields)
        for sample in samples
        if not any(field.label == label for some in answers.values() for field in some[sample.content])
    ]
    return (sum(silent) + SMOOTH * usual) / (len(silent) + SMOOTH)
