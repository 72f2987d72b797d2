"""How typical a document is of those that are still open: what is learned from a typical one helps many others.

Asking by uncertainty alone begins with outliers: pages that nobody could read, papers of a kind that comes once. So the doubt
``1 - p`` of a document counts by its density, its mean similarity to the open documents, relative to the densest of them (Settles
and Craven 2008, "information density"). On real receipts (``benchmarks/loop.py``) it learned faster than
random order in eight of ten seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np

from active_learning.diversity import Profiles, Signature
from active_learning.measures import Floats

POOL = 200  # documents that stand for all open ones: enough for a mean, and linear in their number
_CHUNK = 256  # documents compared with the pool at once


def weighed(
    scores: Sequence[float], signatures: Sequence[Signature], others: Sequence[Signature] = (), seed: int = 0
) -> list[float]:
    """``1 - (1 - p) * density / greatest density`` of each document, in ``[0, 1]`` and never below its ``p``.

    ``scores`` are the probabilities that nothing needs correcting, ``others`` the signatures of further open documents. One
    without text has no density: its score stays what it was. The same documents give the same scores, in whatever order.

    Raises:
        ValueError: there are not as many signatures as scores.
    """
    if len(scores) != len(signatures):
        raise ValueError(f"{len(scores)} scores and {len(signatures)} signatures do not belong together")
    rows = [row for row, signature in enumerate(signatures) if signature]
    if not rows:
        return list(scores)
    known = sorted([signatures[row] for row in rows] + [signature for signature in others if signature])
    pool = Profiles.of(known if len(known) <= POOL else Random(seed).sample(known, POOL))
    density = _mean_similarity(Profiles.of([signatures[row] for row in rows]), pool)
    greatest = max(float(density.max()), float(_mean_similarity(pool, pool).max()))
    weights = dict(zip(rows, (density / greatest).tolist(), strict=True))
    return [1 - (1 - score) * weights.get(row, 1.0) for row, score in enumerate(scores)]


def _mean_similarity(documents: Profiles, pool: Profiles) -> Floats:
    """For each document its mean similarity to those of the pool."""
    chunks = (np.arange(start, min(start + _CHUNK, len(documents))) for start in range(0, len(documents), _CHUNK))
    return np.concatenate([documents.table(chunk, pool).mean(axis=1) for chunk in chunks])
