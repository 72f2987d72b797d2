"""Fits the logistic regression that gives words their tags."""

from __future__ import annotations

import warnings
from array import array
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ml_backend.document.bio_tags import OUTSIDE
from ml_backend.errors import ModelRejected
from ml_backend.models.token_classifier.gazetteer import Gazetteer, line_features
from ml_backend.models.token_classifier.linear import Floats, TagModel, hashed
from training.trainers.prepared import IGNORED, Prepared

RARE = 2  # a feature seen in fewer words is left out
EVERY = 4  # of the plain words that nothing speaks for, one in so many is learned from, and counts as many
STRENGTH = 0.3  # inverse of the L2 penalty
ROUNDS = 60
NEAR = 3  # words around a field that are always learned from

Columns = NDArray[np.int32]


def gazetteer_features(prepared: Prepared, gazetteer: Gazetteer, without: frozenset[int]) -> list[list[str]]:
    """The gazetteer's features of each token: those of its line."""
    lines = line_features(gazetteer, prepared.lines, without)
    return [lines[token.segment] for token in prepared.reading.tokens]


def fit_tags(
    documents: Sequence[tuple[int, Prepared]], gazetteer: Gazetteer, without: frozenset[int], seed: int
) -> TagModel:
    """The tag model of these numbered documents. ``without``: documents of a fold that the gazetteer must not speak of.

    Raises:
        ModelRejected: no word of them teaches anything, since nearly all words are in the documents of the fold, say.
    """
    names: dict[str, int] = {}
    found, lengths = array("i"), list[int]()
    tags: list[str] = []
    weights: list[float] = []
    for number, prepared in documents:
        extra = gazetteer_features(prepared, gazetteer, without | {number})
        for at, (tag, own, more) in enumerate(zip(prepared.tags, prepared.features, extra, strict=True)):
            weight = _weight(prepared, at, tag, bool(more), seed)
            if weight:
                row = {names.setdefault(name, len(names)) for name in (*own, *more)}
                found.extend(row)
                lengths.append(len(row))
                tags.append(tag)
                weights.append(weight)
    if not tags:
        raise ModelRejected(
            "too_few_words",
            f"Nothing can be learned from {len(documents)} of the confirmed documents, which are to judge the others: "
            "OCR has read next to no words on them.",
            "Submit more documents that have text.",
        )
    return _fitted(list(names), np.frombuffer(found, dtype=np.int32), lengths, tags, weights)


def _weight(prepared: Prepared, at: int, tag: str, spoken: bool, seed: int) -> float:
    """How much a word counts; most of the plain words far from any field are left out for speed."""
    if tag == IGNORED:
        return 0.0
    near = prepared.tags[max(0, at - NEAR) : at + NEAR + 1]
    if spoken or any(other != OUTSIDE for other in near) or any(name[0] == "k" for name in prepared.features[at]):
        return 1.0
    chosen = crc32(f"{seed}:{prepared.sample.content}:{at}".encode()) % EVERY == 0
    return float(EVERY) if chosen else 0.0


def _fitted(
    names: Sequence[str], found: Columns, lengths: Sequence[int], tags: Sequence[str], weights: Sequence[float]
) -> TagModel:
    """The regression over rows of ``lengths`` features each, whose places in ``names`` stand one after the other in ``found``."""
    from scipy.sparse import csr_matrix
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(set(tags)) == 1:
        return TagModel({}, (tags[0],), np.zeros((0, 1)), np.zeros(1))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    matrix = csr_matrix((np.ones(len(found)), found, starts), shape=(len(lengths), len(names)))
    common = np.flatnonzero(np.bincount(found, minlength=len(names)) >= RARE)
    common = np.array(sorted(common, key=lambda column: names[column]), dtype=np.int64)
    model = LogisticRegression(C=STRENGTH, max_iter=ROUNDS, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopped after ROUNDS on purpose
        model.fit(matrix[:, common], tags, sample_weight=weights)
    coefficients, bias = _both_ways(model.coef_, model.intercept_)
    columns = {hashed(names[column]): place for place, column in enumerate(common)}
    return TagModel(columns, tuple(str(tag) for tag in model.classes_), coefficients.T.copy(), bias)


def _both_ways(coefficients: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """A row for each class also where there are two, for which scikit-learn keeps one."""
    if len(coefficients) > 1:
        return coefficients, bias
    return np.concatenate([-coefficients, coefficients]) / 2, np.concatenate([-bias, bias]) / 2
