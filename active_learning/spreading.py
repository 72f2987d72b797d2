"""Near-duplicates of a document that is asked earlier are moved back: maximal marginal relevance, in one greedy pass.

Documents are taken from the lowest score up. Each is compared with those kept before it; where the nearest is at least
``ALIKE``, its score ``s`` rises to ``s + (1 - s) * (similarity - ALIKE) / (1 - ALIKE)``: not at all at the threshold, to 1 for
an exact copy. A near-duplicate is not kept: it raises no others. (Carbonell and Goldstein 1998, "The use of MMR".)

Only the score that is pushed changes; the calibrated probability behind it stays what it is. The time grows with the square of
the documents that are like no other, so of a very large batch only those asked first take part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from active_learning.diversity import HEAD, HEAD_WEIGHT, Profiles, Signature
from active_learning.measures import Floats
from active_learning.ranking import order

ALIKE = 0.75  # similarity from which a document counts as a near-duplicate
FIRST = 20_000  # of one batch take part; nobody gets to the others before a new model has ranked them again
_CHUNK = 128  # documents compared at once
_BLOCK = 8192  # kept ones that a chunk is compared with at once
_PAIRS = 50_000  # compared in full at once
_LEAST_HEAD = int(np.ceil(HEAD * (ALIKE - (1 - HEAD_WEIGHT)) / HEAD_WEIGHT - 1e-9))
"""Equal slots of the head without which two documents cannot be ``ALIKE``, however alike the rest is."""

Rows = NDArray[np.intp]


def spread(
    scores: Sequence[float],
    signatures: Sequence[Signature],
    ids: Sequence[int],
    earlier: Sequence[tuple[float, Signature]] = (),
    seed: int = 0,
) -> list[float]:
    """The scores to push, in ``[0, 1]``, in the order of ``scores``; none is lower than it was.

    ``scores`` are the probabilities that nothing needs correcting, ``ids`` the task ids: equal scores are taken in their seeded
    order. ``earlier`` are score and signature of *other* open documents pushed before with the same model version; one of them
    counts for the documents whose score is not lower. A document without text is like no other.

    Raises:
        ValueError: the three sequences differ in length, or a signature has another size.
    """
    if not len(scores) == len(signatures) == len(ids):
        raise ValueError(
            f"{len(scores)} scores, {len(signatures)} signatures and {len(ids)} ids do not belong together"
        )
    raised = list(scores)
    turn = [row for row in order(scores, ids, seed) if signatures[row]][:FIRST]
    kept = [(score, one) for score, one in earlier if one]
    profiles = Profiles.of([one for _, one in kept] + [signatures[row] for row in turn])
    values = np.array([score for score, _ in kept] + [scores[row] for row in turn], dtype=np.float64)
    for row, similarity in zip(turn, _nearest(profiles, values, len(kept)), strict=True):
        excess = max(0.0, similarity - ALIKE) / (1 - ALIKE)
        raised[row] = min(1.0, scores[row] + (1 - scores[row]) * excess)
    return raised


def _nearest(profiles: Profiles, values: Floats, first: int) -> Iterator[float]:
    """For each row from ``first`` on: the similarity of the nearest row kept before it, or 0 where none is ``ALIKE``.

    The first rows are kept from the start, of the others those that are ``ALIKE`` to no kept one.
    """
    kept = np.arange(len(profiles)) < first
    for start in range(first, len(profiles), _CHUNK):
        chunk = np.arange(start, min(start + _CHUNK, len(profiles)))
        near = np.zeros(len(chunk))
        for rows, others, similarity in _alike(profiles, chunk, np.flatnonzero(kept)):
            before = values[others] <= values[rows]
            np.maximum.at(near, rows[before] - start, similarity[before])
        nearest = dict(zip(chunk.tolist(), near.tolist(), strict=True))
        for pairs in _alike(profiles, chunk, chunk):
            for row, other, alike in zip(*(part.tolist() for part in pairs), strict=True):
                if other < row and not nearest[other]:
                    nearest[row] = max(nearest[row], alike)
        kept[chunk] = [not alike for alike in nearest.values()]
        yield from nearest.values()


def _alike(profiles: Profiles, rows: Rows, others: Rows) -> Iterator[tuple[Rows, Rows, Floats]]:
    """All pairs that are ``ALIKE``: rows, others and similarities; for others of one block with ascending rows."""
    for start in range(0, len(others), _BLOCK):
        block = others[start : start + _BLOCK]
        equal = np.zeros((len(rows), len(block)), dtype=np.uint8)
        head = np.ascontiguousarray(profiles.head[block].T)
        for slot in range(HEAD):
            equal += profiles.head[rows, slot][:, None] == head[slot]
        left, right = np.nonzero(equal >= _LEAST_HEAD)
        for some in range(0, len(left), _PAIRS):
            one, other = rows[left[some : some + _PAIRS]], block[right[some : some + _PAIRS]]
            similarity = profiles.similarity(one, profiles, other)
            alike = similarity >= ALIKE
            yield one[alike], other[alike], similarity[alike]
