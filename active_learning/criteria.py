"""Why a document deserves a person's eyes: the criteria, as a priority and reasons that people read.

| criterion | high (3) | medium (2) | low (1) |
|---|---|---|---|
| text | none was found | none on one of several pages | |
| average OCR confidence | below 0.5 | below 0.7 | |
| share of doubtful blocks (text lines) | | above 30 % | |
| required fields missing | several | one | |
| blocks a page | | fewer than 3, or outside what the samples show | more than 30 |
| field model confidence, mean over the found labels | | below 0.6 | |
| disagreement of the models on a field, as a share of what they believe | | above 0.3 | |
| none of these, but a label without a field | | | that is less likely absent than the least sure field right |

The priority is that of the gravest criterion, and low when none is met. It is shown beside the score and does not change it:
Label Studio asks by score alone. More than 30 blocks are a guess that fits no long receipt: a reason, never a higher priority.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from active_learning.measures import mean_of
from active_learning.signals import Signals
from active_learning.thresholds import Thresholds

HIGH, MEDIUM, LOW = 3, 2, 1
PRIORITIES = {HIGH: "high", MEDIUM: "medium", LOW: "low"}
_DEFAULTS = Thresholds()
_NAMED = 3  # labels that a reason names; more are counted


@dataclass(frozen=True, slots=True)
class Assessment:
    """``priority`` is 3 (high), 2 (medium) or 1 (low); ``reasons`` say why, the gravest first."""

    priority: int
    reasons: tuple[str, ...]


def assess(
    signals: Signals, thresholds: Thresholds = _DEFAULTS, block_range: tuple[float, float] | None = None
) -> Assessment:
    """The priority of a document and why. ``block_range`` is the project's learnt one (``learnt_range``), if there is one."""
    findings = [*_reading(signals, thresholds), *_fields(signals, thresholds)]
    findings += _blocks(signals, thresholds.blocks, block_range)
    findings = findings or [*_not_found(signals)]
    findings.sort(key=lambda finding: -finding[0])
    return Assessment(max((priority for priority, _ in findings), default=LOW), tuple(why for _, why in findings))


def _reading(signals: Signals, thresholds: Thresholds) -> Iterator[tuple[int, str]]:
    if not signals.words:
        yield HIGH, "no text was found"
        return
    if signals.confidence < thresholds.confidence:
        priority = HIGH if signals.confidence < thresholds.low_confidence else MEDIUM
        yield priority, f"text was read with doubt (average {signals.confidence:.2f})"
    if signals.empty_pages:
        yield MEDIUM, f"no text was found on {signals.empty_pages} of {signals.pages} pages"
    if signals.doubtful_blocks > thresholds.doubtful_blocks:
        yield MEDIUM, f"{signals.doubtful_blocks:.0%} of the text lines were read with doubt".replace("%", " %")


def _fields(signals: Signals, thresholds: Thresholds) -> Iterator[tuple[int, str]]:
    if len(signals.missing) == 1:
        yield MEDIUM, f"required field {_named(signals.missing)} is missing"
    elif signals.missing:
        yield HIGH, f"required fields {_named(signals.missing)} are missing"
    sure = signals.field_confidence
    average = mean_of([*sure.values()])
    if sure and average < thresholds.field_confidence:
        doubted = sorted((confidence, label) for label, confidence in sure.items())
        least = [label for confidence, label in doubted if confidence < thresholds.field_confidence]
        yield MEDIUM, f"the model doubts {_named(least)} (average of all fields {average:.2f})"
    apart = sorted(
        (-share, label) for label, share in (signals.disagreement or {}).items() if share > thresholds.disagreement
    )
    if apart:
        yield MEDIUM, f"the models disagree on {_named([label for _, label in apart])}"


def _not_found(signals: Signals) -> Iterator[tuple[int, str]]:
    """Labels without a field that lower the document's score more than the least sure field does: else nothing names them."""
    least = min(signals.field_confidence.values(), default=1.0)
    weighing = sorted((chance, label) for label, chance in signals.absent.items() if chance < least)
    if weighing:
        yield LOW, f"no {_named([label for _, label in weighing])} found"


def _blocks(
    signals: Signals, guessed: tuple[float, float], learnt: tuple[float, float] | None
) -> Iterator[tuple[int, str]]:
    fewest, most = learnt or guessed
    if signals.words and not fewest <= signals.blocks <= most:
        few = signals.blocks < fewest
        noun = "text line" if signals.blocks == 1 else "text lines"
        page = " a page" if signals.pages > 1 else ""
        usual = f"{fewest:.3g} to {most:.3g} are usual"
        yield (MEDIUM if few or learnt else LOW), f"{'only ' if few else ''}{signals.blocks:.3g} {noun}{page}; {usual}"


def _named(labels: Sequence[str]) -> str:
    """``total``, ``total and date``, ``total, date, tax and 2 more``."""
    names = list(labels[:_NAMED])
    if len(labels) > _NAMED:
        names.append(f"{len(labels) - _NAMED} more")
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
