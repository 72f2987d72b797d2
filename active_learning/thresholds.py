"""From where on something about a document is worth a person's attention, and what is usual in a project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from statistics import quantiles

LEARNT_FROM = 20  # samples from which the usual number of blocks is known
_LEAST_WIDENING = 2.0  # blocks


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The criteria's limits; all but ``blocks`` lie in ``[0, 1]``.

    ``confidence`` is the setting ``CONFIDENCE_THRESHOLD``: a block (text line) whose words have a lower mean confidence is
    doubtful, and so is a document; under ``low_confidence`` a document is urgent. ``doubtful_blocks`` is the share of doubtful
    blocks that is too much, ``field_confidence`` what the field model should reach, ``disagreement`` (the setting
    ``DISAGREEMENT_THRESHOLD``) how much of the models' belief may go to other answers than the one given for a field.
    ``blocks`` are the fewest and the most blocks a page has, while no samples show what is usual.
    """

    confidence: float = 0.7
    low_confidence: float = 0.5
    doubtful_blocks: float = 0.3
    field_confidence: float = 0.6
    disagreement: float = 0.3
    blocks: tuple[float, float] = (3.0, 30.0)


def learnt_range(counts: Sequence[float]) -> tuple[float, float] | None:
    """The usual blocks a page, fewest and most, from the counts of confirmed documents of one project; None under 20.

    The middle nine tenths, widened on both sides by half their width and at least 2 blocks, so that a new document of a known
    kind seldom falls outside and a few odd samples move nothing.
    """
    if len(counts) < LEARNT_FROM:
        return None
    twentieths = quantiles(counts, n=20, method="inclusive")
    low, high = twentieths[0], twentieths[-1]
    margin = max(_LEAST_WIDENING, (high - low) / 2)
    return max(1.0, floor(low - margin)), ceil(high + margin)
