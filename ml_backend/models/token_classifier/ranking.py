"""Which candidate is the field: numbers that speak for or against each, weighed by a small logistic regression.

Every weight is there once for all labels and once for each label, so that a label with few examples lives on what the others
taught. The baseline's own confidence is the first number and is hardly held back, so that with few documents the answer is the
baseline's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import log

import numpy as np

from ml_backend.document.bio_tags import bare
from ml_backend.models.token_classifier.candidates import Candidate
from ml_backend.models.token_classifier.linear import Floats, logit, sigmoid
from ml_backend.models.token_classifier.reading import Reading
from ml_backend.models.types.places import LEGAL_FORM, address_points

OWN = 0.7  # how freely a label's own weights move, compared with those for all labels
COIN = Decimal("0.05")  # where cash is rounded, it is mostly to this
CHANGED = frozenset({"known", "mended", "currency"})  # texts that are not as the baseline would leave them
OPINION_SIZE = 3.0  # the first number is the baseline's log odds divided by this
NOT_BASELINE = -3.0  # log odds of a place that the baseline does not know


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What the confirmed values of a label are like: mean and spread of their words, share of documents that have one."""

    words: float
    spread: float
    lines: float
    presence: float
    examples: int


def ranking_features(
    reading: Reading, options: Sequence[Candidate], chances: Floats, others: Floats, facts: LabelFacts
) -> Floats:
    """A row of numbers for each candidate of one label; ``others`` is each token's best chance for another label."""
    together = chances.sum(axis=1)
    mass = float(together.sum()) + 1e-6
    alike = Counter(bare(option.text) for option in options)
    amounts = [amount for option in options if (amount := _amount(option.value)) is not None]
    largest = max(amounts, default=None)
    first = next((set(option.words) for option in options if option.rank == 0), set())
    rows = []
    for option in options:
        words = list(option.words)
        inside = together[words]
        total = float(inside.sum())
        shared = len(first & set(words)) / max(1, len(first | set(words)))
        rows.append(
            [
                *_of_opinion(option),
                shared,
                float(inside.mean()),
                float(inside.min()),
                logit(float(inside.mean())) / 3,
                logit(float(inside.min())) / 3,
                2 * total / (len(words) + mass),
                total / mass,
                _outside(reading, option, together),
                float(chances[words[0], 0]),
                float(chances[words[1:], 0].max()) if len(words) > 1 else 0.0,
                float(others[words].max()),
                *_of_text(reading, option, facts),
                float(min(3, alike[bare(option.text)]) - 1),
                float(largest is not None and _amount(option.value) == largest),
                _rounded(option, amounts),
                *_of_likeness(option),
                *_of_mends(option),
                *_of_place(reading, option),
            ]
        )
    return np.array(rows, dtype=np.float64) if rows else np.zeros((0, 0))


def _of_opinion(option: Candidate) -> list[float]:
    prior = NOT_BASELINE
    if option.rank == 0:
        prior = logit(option.confidence) + 1.0
    elif option.rank > 0:
        prior = logit(option.confidence) - 1.5
    if option.form in CHANGED:
        prior -= 1.5
    return [
        prior / OPINION_SIZE,
        float(option.rank == 0),
        float(option.rank > 0),
        float(option.rank < 0),
        option.confidence,
    ]


def _outside(reading: Reading, option: Candidate, together: Floats) -> float:
    """The best chance of a word right before or behind the candidate that it leaves out."""
    around = (option.words[0] - 1, option.words[-1] + 1)
    return max((float(together[n]) for n in around if 0 <= n < len(together)), default=0.0)


def _of_text(reading: Reading, option: Candidate, facts: LabelFacts) -> list[float]:
    text = option.text
    tokens = [reading.tokens[number] for number in option.words]
    lines = len({token.segment for token in tokens})
    size = (log(1 + len(option.words)) - facts.words) / facts.spread
    confidences = [token.word.confidence for token in tokens]
    first = reading.segments[tokens[0].segment]
    last = reading.segments[tokens[-1].segment]
    return [
        max(-3.0, min(3.0, size)),
        min(3.0, size * size) / 3,
        min(3.0, abs(lines - facts.lines)),
        float(option.typed),
        float(option.form == "part"),
        float(option.form == "currency"),
        float(bool(option.value)),
        sum(c.isdigit() for c in text) / max(1, len(text)),
        float(not text[:1].isalnum()),
        float(not text[-1:].isalnum()),
        float(text.count("(") != text.count(")")),
        float(tokens[0].position == 0),
        float(tokens[-1].position == len(last.words) - 1),
        float(min(confidences)),
        float(sum(confidences) / len(confidences)),
        float(bool(LEGAL_FORM.search(text))),
        min(4.0, address_points(text)) / 4,
        min(3.0, tokens[0].word.box.height / reading.layouts[first.page].letter),
        min(5.0, log(1 + len(text))) / 3,
    ]


def _of_mends(option: Candidate) -> list[float]:
    mends = option.mends
    if mends is None:
        return [0.0] * 4
    return [1.0, float(mends.words > 0), min(3, mends.words) / 3, min(3, mends.stops) / 3]


def _rounded(option: Candidate, amounts: Sequence[Decimal]) -> float:
    """1 for the rounded one of two amounts that differ by a rounding of cash, -1 for the other, 0 for all others."""
    amount = _amount(option.value)
    if amount is None or not any(0 < abs(other - amount) < COIN for other in amounts):
        return 0.0
    return 1.0 if amount % COIN == 0 else -1.0


def _of_likeness(option: Candidate) -> list[float]:
    like = option.like
    if like is None:
        return [0.0] * 8
    known, same = option.form == "known", like.alike == 1.0
    times = log(1 + like.times) / 2
    near = (like.alike - 0.8) * 5
    return [1.0, near, float(same), float(same) * times, float(known), known * near, known * times, known * near * near]


def _of_place(reading: Reading, option: Candidate) -> list[float]:
    token = reading.tokens[option.words[0]]
    row = reading.segments[token.segment].row
    return [option.box.top, min(10, row) / 10, option.box.left, float(token.page > 0)]


def _amount(value: str) -> Decimal | None:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


@dataclass(frozen=True, slots=True)
class RankModel:
    """``means`` and ``scales`` bring the numbers to one size; ``weights`` are those for all labels, then those of each label.

    All are empty where the documents held not one candidate: nothing was learned that could be added to the baseline's opinion.
    """

    labels: tuple[str, ...]
    means: Floats
    scales: Floats
    weights: Floats
    bias: float

    def chances(self, label: str, rows: Floats) -> Floats:
        """The probability that each candidate is the field."""
        if not len(rows):
            return np.zeros(0)
        if not len(self.means):
            return sigmoid(OPINION_SIZE * rows[:, 0])
        return sigmoid(
            widen(rows, [label] * len(rows), self.labels, self.means, self.scales) @ self.weights + self.bias
        )


def widen(rows: Floats, of: Sequence[str], labels: Sequence[str], means: Floats, scales: Floats) -> Floats:
    """The numbers, brought to one size, once for all labels and once in the columns of the row's own label.

    The first number, the baseline's opinion, keeps its size and so is held back less.
    """
    even = (rows - means) / scales
    place: Mapping[str, int] = {label: number for number, label in enumerate(labels, 1)}
    size = rows.shape[1] + 1
    wide = np.zeros((len(rows), size * (1 + len(labels))))
    wide[:, : size - 1] = even
    for number, label in enumerate(of):
        if label in place:
            start = place[label] * size
            wide[number, start : start + size - 1] = OWN * even[number]
            wide[number, start + size - 1] = OWN
    return wide
