"""A multinomial logistic regression over named features, as plain arrays: what inference needs of one that was fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TagModel:
    """``weights`` has a row for each feature in ``columns`` and a column for each of ``tags`` (``O``, ``B-total`` ...).

    Features are known by ``hashed`` names alone: many are made of a document's words, which may have to be deleted one day.
    """

    columns: Mapping[str, int]
    tags: tuple[str, ...]
    weights: Floats
    bias: Floats

    def chances(self, rows: Sequence[Sequence[str]]) -> Floats:
        """The probability of each tag for each row of feature names; unknown names are left out. Shape (rows, tags)."""
        logits = np.tile(self.bias, (len(rows), 1))
        columns = {name: self.columns.get(hashed(name)) for name in {name for row in rows for name in row}}
        for number, row in enumerate(rows):
            known = [column for name in row if (column := columns[name]) is not None]
            if known:
                logits[number] += self.weights[known].sum(axis=0)
        return softmax(logits)


def hashed(name: str) -> str:
    """16 hexadecimal digits for a feature's name: enough that no two of a model's features have the same."""
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def softmax(logits: Floats) -> Floats:
    """Along the last axis."""
    if not logits.size:
        return logits
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def sigmoid(logits: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0))))


def logit(chance: float) -> float:
    """The log odds of a probability, kept away from 0 and 1."""
    chance = min(0.999, max(0.001, chance))
    return float(np.log(chance / (1.0 - chance)))
