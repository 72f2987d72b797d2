"""The next documents to ask, for rounds that are simulated: what Label Studio would serve from the pushed scores."""

from __future__ import annotations

from collections.abc import Sequence

from active_learning.diversity import Signature
from active_learning.ranking import order
from active_learning.representative import weighed
from active_learning.spreading import spread


def select(scores: Sequence[float], signatures: Sequence[Signature], n: int, seed: int = 0) -> list[int]:
    """The positions of the ``n`` documents that are asked first, in that order; all where there are fewer.

    ``scores`` are probabilities in ``[0, 1]`` that nothing needs correcting. Typical documents come before odd ones,
    near-duplicates of a document asked before are moved back; ties are drawn by ``seed`` and position.
    """
    ids = range(len(scores))
    raised = spread(weighed(scores, signatures, seed=seed), signatures, ids, seed=seed)
    return order(raised, ids, seed)[:n]
