"""Annotators whose labels contradict everything else: their documents must not make a model, nor judge one.

A wrong label in the truth teaches the wrong thing and at once rewards whoever learned it, so the gate alone cannot see it. Here a
field counts as *contradicted* when the challenger, without having seen the document, or the champion gives the very same place
another label, and neither of them the annotator's. Everybody has a few of these; an annotator is in doubt when there are far more
than chance allows at the rate of all others. What is said names people by Label Studio's number and labels by name, never
document text.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml_backend.document.fields import Field
from ml_backend.document.samples import Sample
from training.metrics import plain, same_region

LEAST = 2  # contradicted fields: one is a slip of the hand
USUAL = 0.005  # of an honest annotator's fields are contradicted at least; of 400 fields of scanned receipts one was
CHANCE = 0.02  # an honest annotator is in doubt less often than this
NORM = 0.8  # who submitted more than this share of all fields is the norm, and not to be judged by the few others
ALONE = 0.15  # of the norm's fields must be contradicted for a doubt: else the truth is what that one person says
SHOWN = 3  # examples in a sentence


@dataclass(frozen=True, slots=True)
class Doubt:
    """An annotator in doubt: how many of the fields they submitted are contradicted, and which labels for which.

    ``examples`` are (label given, label that the models expect, how often), the most frequent first.
    """

    annotator: int | None
    documents: int
    fields: int
    contradicted: int
    examples: tuple[tuple[str, str, int], ...]


def doubts(
    samples: Sequence[Sample],
    champion: Mapping[str, Sequence[Field]],
    out_of_fold: Mapping[str, Sequence[Field]],
) -> tuple[Doubt, ...]:
    """The annotators in doubt, by what the champion and the challenger (out of fold) say of their documents, by content."""
    mine: dict[int | None, list[Sample]] = {}
    for sample in samples:
        if sample.content in out_of_fold or sample.content in champion:
            mine.setdefault(sample.annotator, []).append(sample)
    fields = {who: sum(len(sample.fields) for sample in their) for who, their in mine.items()}
    found: dict[int | None, Counter[tuple[str, str]]] = {
        who: Counter(
            pair
            for sample in their
            for pair in contradictions(
                sample.fields, champion.get(sample.content, ()), out_of_fold.get(sample.content, ())
            )
        )
        for who, their in mine.items()
    }
    return tuple(
        Doubt(who, len(mine[who]), fields[who], found[who].total(), _examples(found[who]))
        for who in sorted(mine, key=lambda who: (who is None, who or 0))
        if _in_doubt(who, fields, {one: count.total() for one, count in found.items()})
    )


def contradictions(
    truth: Sequence[Field], champion: Sequence[Field], out_of_fold: Sequence[Field]
) -> list[tuple[str, str]]:
    """(label given, label expected) of each contradicted field."""
    found = []
    for field in truth:
        expected = [other.label for other in (*out_of_fold, *champion) if _same_place(field, other)]
        given = {other.label for other in truth if _same_place(field, other)}  # one place may bear several labels
        if expected and given.isdisjoint(expected):
            found.append((field.label, expected[0]))
    return found


def sentence_of(found: Sequence[Doubt]) -> str:
    """For the verdict: who, how much, which labels, what to do; empty if nobody is in doubt."""
    parts = []
    for doubt in found:
        who = "an unknown annotator" if doubt.annotator is None else f"annotator {doubt.annotator}"
        labels = ", ".join(f"{given} where {meant} is expected ({often}x)" for given, meant, often in doubt.examples)
        parts.append(
            f"{doubt.contradicted} of {doubt.fields} fields of {who} contradict the other documents: {labels}."
        )
    if not parts:
        return ""
    text = " ".join(parts)
    return f"{text} Check these documents in Label Studio; corrected or removed, they no longer stand in the way."


def _examples(found: Counter[tuple[str, str]]) -> tuple[tuple[str, str, int], ...]:
    return tuple((given, meant, often) for (given, meant), often in found.most_common(SHOWN))


def _in_doubt(who: int | None, fields: Mapping[int | None, int], found: Mapping[int | None, int]) -> bool:
    number, contradicted = fields[who], found[who]
    if contradicted < LEAST:
        return False
    other_fields = sum(fields.values()) - number
    if other_fields < (1 - NORM) * (number + other_fields):
        return contradicted / number > ALONE
    usual = max(USUAL, (sum(found.values()) - contradicted + 0.5) / (other_fields + 1))
    return _at_least(contradicted, number, usual) < CHANCE


def _at_least(count: int, number: int, rate: float) -> float:
    """The probability of ``count`` or more among ``number`` independent events of this rate (binomial tail)."""
    if rate >= 1:
        return 1.0
    below = (
        math.lgamma(number + 1)
        - math.lgamma(k + 1)
        - math.lgamma(number - k + 1)
        + k * math.log(rate)
        + (number - k) * math.log1p(-rate)
        for k in range(count)
    )
    return max(0.0, 1.0 - sum(math.exp(term) for term in below))


def _same_place(one: Field, other: Field) -> bool:
    if one.box.area <= 0 or other.box.area <= 0:
        return plain(one.text) == plain(other.text) != ""
    return same_region(one, other)
