"""The order in which documents are asked: the lowest score first, ties by a seeded draw that can be repeated.

A score lies in ``[0, 1]``: the probability that a document needs no correction, raised for near-duplicates (``spreading``). Label
Studio serves tasks in the order of the pushed scores and leaves ties to its database, so pushed scores are ``separated``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

TIE = 1e-6  # a difference of scores that means nothing


def order(scores: Sequence[float], ids: Sequence[int], seed: int = 0) -> list[int]:
    """The positions of ``scores`` in the order they are asked.

    Equal scores are ordered by a draw from ``seed`` and the task id: the same in every process, whatever order they come in, and
    not by age of the task. Equal ids of equal score keep their order.

    Raises:
        ValueError: there are not as many ids as scores.
    """
    keys = sorted(
        (score, draw(task, seed), position) for position, (score, task) in enumerate(zip(scores, ids, strict=True))
    )
    return [position for _, _, position in keys]


def draw(task_id: int, seed: int = 0) -> int:
    """The number from 0 to 2**64 - 1 that decides ties of this task."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{task_id}".encode(), digest_size=8).digest())


def separated(score: float, task_id: int, seed: int = 0) -> float:
    """``score`` moved by at most a millionth, still in ``[0, 1]``: equal scores of different tasks come in their drawn order."""
    return score * (1 - TIE) + TIE * (draw(task_id, seed) / 2**64)
