"""Measures on plain arrays and texts: the lowest of three layers (measures, signals of one document, selection).

Every measure lies in ``[0, 1]``. Nothing here knows of documents, thresholds or scores.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def mean_of(values: Sequence[float]) -> float:
    """The mean, or 0 of nothing: what was not read is not trusted."""
    return sum(values) / len(values) if values else 0.0


def share_below(values: Sequence[float], threshold: float) -> float:
    """The share of ``values`` under ``threshold``; 0 of nothing."""
    return sum(value < threshold for value in values) / len(values) if values else 0.0


def overlap(one: Floats, other: Floats) -> Floats:
    """How much of two non-negative profiles is shared, over the last axis: sum of minima / sum of maxima (Ruzicka 1958).

    Two empty profiles are the same: 1.
    """
    shared = np.minimum(one, other).sum(axis=-1)
    whole = np.maximum(one, other).sum(axis=-1)
    return np.asarray(np.divide(shared, whole, out=np.ones_like(whole), where=whole > 0))


def equal_share(one: NDArray[np.uint16], other: NDArray[np.uint16]) -> Floats:
    """The share of equal entries over the last axis.

    Of two MinHash rows it estimates the Jaccard similarity of the sets behind them (Broder 1997), with a standard error of
    at most ``0.5 / sqrt(entries)``.
    """
    return np.asarray((one == other).mean(axis=-1))
