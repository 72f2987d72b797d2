"""The gate of recognisers: a new one serves only if it reads the corrected lines better and has not forgotten the general ones.

Both are judged on held-out lines by their character error rate. Lines are drawn anew 2,000 times (paired bootstrap), which says
how sure it is that the difference is more than the luck of these lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.reading.lines import LEAST_HELD
from training.reading.reading_back import Errors
from training.verdict_words import sure

RESAMPLES = 2_000
SURE = 0.95  # as for fields: of 20 recognisers that are no better, one may pass
FORGIVEN = 0.005  # character error rate that general lines may rise by: half a point


@dataclass(frozen=True, slots=True)
class Judged:
    """Errors line by line: of the version that serves and of the new one on the held-out lines, and on general lines.

    ``general_before`` are those of the wheel's own recogniser, so that many small steps cannot add up to a large loss.
    """

    before: Sequence[Errors]
    after: Sequence[Errors]
    general_before: Sequence[Errors]
    general_after: Sequence[Errors]


@dataclass(frozen=True, slots=True)
class ReadingVerdict:
    """What the gate decided; ``sentence`` is for an admin, ``metrics`` a JSON object with the figures behind it."""

    promoted: bool
    sentence: str
    metrics: dict[str, float | int]


def judge(judged: Judged, champion: str, challenger: str, seed: int = 0) -> ReadingVerdict:
    """Whether ``challenger`` may take the place of ``champion``. The same errors and seed give the same verdict."""
    before, after = _sum(judged.before), _sum(judged.after)
    general_before, general_after = _sum(judged.general_before), _sum(judged.general_after)
    probability = _probability(judged.before, judged.after, seed)
    metrics: dict[str, float | int] = {
        "lines": after.lines,
        "cer_before": round(before.cer, 5),
        "cer": round(after.cer, 5),
        "exact_before": round(before.share_exact, 4),
        "exact": round(after.share_exact, 4),
        "probability": round(probability, 4),
        "general_lines": general_after.lines,
        "general_cer_before": round(general_before.cer, 5),
        "general_cer": round(general_after.cer, 5),
    }
    own = f"{_change(before.cer, after.cer)} of the characters are misread on {after.lines} held-out lines"
    general = f"{_change(general_before.cer, general_after.cer)} on {general_after.lines} general lines"
    kept = f"Kept {champion}: "
    if after.lines < LEAST_HELD:
        return ReadingVerdict(
            False,
            f"{kept}{after.lines} held-out lines cannot judge {challenger}; at least {LEAST_HELD} are needed, so about "
            f"{5 * LEAST_HELD} lines in all.",
            metrics,
        )
    if after.edits >= before.edits:
        word = "no better" if after.edits == before.edits else "worse"
        return ReadingVerdict(False, f"{kept}{challenger} reads {word} ({own}). More lines may help.", metrics)
    if probability < SURE:
        return ReadingVerdict(
            False,
            f"{kept}{challenger} is not measurably better ({own}, {sure(probability)}). More lines will tell.",
            metrics,
        )
    if general_after.cer > general_before.cer + FORGIVEN:
        return ReadingVerdict(
            False,
            f"{kept}{challenger} has forgotten too much ({general}; half a point is allowed), although {own}.",
            metrics,
        )
    return ReadingVerdict(True, f"Promoted {challenger}: {own}, {sure(probability)}; {general}.", metrics)


def _sum(each: Sequence[Errors]) -> Errors:
    return sum(each, Errors())


def _change(before: float, after: float) -> str:
    return f"{100 * before:.1f} -> {100 * after:.1f} %"


def _probability(before: Sequence[Errors], after: Sequence[Errors], seed: int) -> float:
    """The share of draws in which the new one makes fewer edits."""
    saved = np.array([one.edits - other.edits for one, other in zip(before, after, strict=True)], float)
    if not len(saved):
        return 0.0
    values, counts = np.unique(saved, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(saved), counts / len(saved), size=RESAMPLES)
    return float((draws @ values > 0).mean())
