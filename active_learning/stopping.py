"""Whether annotating further is worth it: what the last documents needed, and what the rest is expected to need.

A statement for people, who decide. The hardest documents are asked first, so the last ones speak rather too badly of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

TARGET = 0.9  # of the documents, untouched
LAST = 50  # reviewed documents that are looked at
_Z = 1.645  # 95 % on one side


@dataclass(frozen=True, slots=True)
class Advice:
    """``stop`` says whether further annotating pays little; ``sentence`` why. ``expected`` open documents need a correction."""

    stop: bool
    sentence: str
    expected: float


def advise(untouched: Sequence[bool], probabilities: Sequence[float], target: float = TARGET) -> Advice:
    """Advice from ``untouched`` (oldest first: was the reviewed document left as predicted?) and the open documents'
    ``probabilities`` in ``[0, 1]`` that nothing needs correcting.

    Stop when both agree: at least ``target`` of the last 50 documents were untouched with 95 % certainty (lower bound of
    Wilson 1927), and at least that share of the open ones is expected to be. With nothing open there is nothing to do.
    """
    last = untouched[-LAST:]
    right = sum(last)
    expected = sum(1 - probability for probability in probabilities)
    if not probabilities:
        return Advice(True, "No document is open.", 0.0)
    facts = (
        f"{right} of the last {len(last)} documents needed no correction; "
        f"of {len(probabilities)} open ones about {expected:.0f} are expected to need one."
    )
    if lower_bound(right, len(last)) >= target and expected <= (1 - target) * len(probabilities):
        return Advice(True, f"Further annotating would change little: {facts}", expected)
    return Advice(False, f"Go on: {facts}", expected)


def lower_bound(right: int, of: int) -> float:
    """The share that is reached with 95 % certainty when ``right`` of ``of`` were seen, in ``[0, 1]``; 0 of none."""
    if not of:
        return 0.0
    share, square = right / of, _Z * _Z
    middle = share + square / (2 * of)
    return max(0.0, (middle - _Z * sqrt(share * (1 - share) / of + square / (4 * of * of))) / (1 + square / of))
