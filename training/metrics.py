"""How right a model's fields are: counted per document, so that counts can be summed, resampled and compared.

Two protocols, micro-averaged over all fields of all documents: *exact*, the strings are equal after upper-casing and dropping
every character that is not a letter, a digit or a dot; *fuzzy*, rapidfuzz's ratio of the same strings is at least 90. Several
regions of one label are a multiset. A missing field is a false negative, one that the truth lacks a false positive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.samples import Sample

Protocol = Literal["exact", "fuzzy"]

FUZZY_FROM = 90.0  # rapidfuzz ratio, 0 to 100
SAME_PLACE = 0.5  # intersection over union from which two boxes are one region


@dataclass(frozen=True, slots=True)
class Counts:
    """Fields of one label: how many the truth has, how many were predicted, how many of these are right by each protocol."""

    expected: int = 0
    predicted: int = 0
    exact: int = 0
    fuzzy: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.expected + other.expected,
            self.predicted + other.predicted,
            self.exact + other.exact,
            self.fuzzy + other.fuzzy,
        )

    def right(self, protocol: Protocol) -> int:
        """True positives; ``predicted - right`` are false positives, ``expected - right`` false negatives."""
        return self.exact if protocol == "exact" else self.fuzzy

    def f1(self, protocol: Protocol = "exact") -> float:
        """F1 in ``[0, 1]``; 1 where nothing was to be found and nothing was said."""
        both = self.expected + self.predicted
        return 2 * self.right(protocol) / both if both else 1.0


@dataclass(frozen=True, slots=True)
class DocumentOutcome:
    """How a model did on one document. ``untouched`` fields have label, text and place of the truth: no edit was needed."""

    labels: Mapping[str, Counts]
    untouched: int = 0

    @property
    def total(self) -> Counts:
        return sum(self.labels.values(), Counts())

    @property
    def perfect(self) -> bool:
        """Whether an annotator has nothing to correct."""
        total = self.total
        return self.untouched == total.expected == total.predicted


def judge(predicted: Sequence[Field], truth: Sequence[Field], specs: Sequence[FieldSpec]) -> DocumentOutcome:
    """Compare a model's fields of one document with what a person submitted; labels outside ``specs`` do not count."""
    labels = {}
    untouched = 0
    for spec in specs:
        said = [field for field in predicted if field.label == spec.label]
        meant = [field for field in truth if field.label == spec.label]
        labels[spec.label] = _count([plain(f.text) for f in said], [plain(f.text) for f in meant])
        untouched += _untouched(said, meant)
    return DocumentOutcome(labels, untouched)


def judge_all(
    samples: Iterable[Sample], answers: Mapping[str, Sequence[Field]], specs: Sequence[FieldSpec]
) -> dict[str, DocumentOutcome]:
    """Outcomes by content, of the samples that ``answers`` (fields by content) has an answer for."""
    return {s.content: judge(answers[s.content], s.fields, specs) for s in samples if s.content in answers}


def f1(outcomes: Iterable[DocumentOutcome], protocol: Protocol = "exact") -> float:
    """Micro-averaged F1 in ``[0, 1]`` over all fields of all documents."""
    return sum((outcome.total for outcome in outcomes), Counts()).f1(protocol)


def by_label(outcomes: Iterable[DocumentOutcome]) -> dict[str, Counts]:
    """Counts of each label over all documents; a label that is neither in the truth nor predicted has no entry."""
    sums: dict[str, Counts] = {}
    for outcome in outcomes:
        for label, counts in outcome.labels.items():
            sums[label] = sums.get(label, Counts()) + counts
    return {label: counts for label, counts in sums.items() if counts.expected or counts.predicted}


def plain(text: str) -> str:
    """``text`` as both protocols compare it: upper case, and only letters, digits and dots."""
    return "".join(c for c in text.upper() if c.isalnum() or c == ".")


def same_region(one: Field, other: Field) -> bool:
    """Whether two fields stand in the same place; a field without a box may stand anywhere."""
    if one.box.area <= 0 or other.box.area <= 0:
        return True
    return one.page == other.page and one.box.iou(other.box) >= SAME_PLACE


def _count(said: list[str], meant: list[str]) -> Counts:
    same = Counter(said) & Counter(meant)
    exact = same.total()
    fuzzy = exact + _near(list((Counter(said) - same).elements()), list((Counter(meant) - same).elements()))
    return Counts(expected=len(meant), predicted=len(said), exact=exact, fuzzy=fuzzy)


def _near(said: list[str], meant: list[str]) -> int:
    """How many of ``said`` are nearly one of ``meant``, each used once, the nearest pairs first."""
    if not said or not meant:
        return 0
    from rapidfuzz import fuzz, process

    ratios = process.cdist(said, meant, scorer=fuzz.ratio, score_cutoff=FUZZY_FROM, dtype=float)
    pairs = sorted(zip(*ratios.nonzero(), strict=True), key=lambda pair: (-ratios[pair], pair))
    left, right = set(range(len(said))), set(range(len(meant)))
    for one, other in pairs:
        if one in left and other in right:
            left.remove(one)
            right.remove(other)
    return len(said) - len(left)


def _untouched(said: Sequence[Field], meant: Sequence[Field]) -> int:
    rest = list(meant)
    count = 0
    for field in said:
        for other in rest:
            if field.text.strip() == other.text.strip() and same_region(field, other):
                rest.remove(other)
                count += 1
                break
    return count
