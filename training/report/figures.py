"""The figures of a report: each field before and after, what was taken for what, how far confidences can be trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ml_backend.document.fields import Field
from ml_backend.document.samples import Sample
from training.metrics import Counts, by_label, judge, judge_all, plain, same_region
from training.report.judged import Judged

NOTHING = "nothing"  # no field: one that was missed, or one where there is none
OVERLAP = 0.5  # of the smaller box, from which two fields speak of the same print
BUCKETS = 10


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One label: what the champion and the challenger did with it."""

    label: str
    required: bool
    before: Counts
    after: Counts


@dataclass(frozen=True, slots=True)
class Confusion:
    """``cells[true][said]`` counts fields; both may be ``NOTHING``. A right label with a wrong text is on the diagonal."""

    true: Sequence[str]
    said: Sequence[str]
    cells: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Fields whose confidence lies in one tenth: how many, their mean confidence, and the share that was exactly right."""

    fields: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """``error`` is the expected calibration error: the mean distance of the two, weighed by the number of fields."""

    buckets: Sequence[Bucket]
    error: float


def field_rows(judged: Judged) -> list[FieldRow]:
    """A row a label, those that cost annotators most edits first."""
    before = by_label(judge_all(judged.samples, judged.before, judged.specs).values())
    after = by_label(judge_all(judged.samples, judged.after, judged.specs).values())
    rows = [
        FieldRow(spec.label, spec.required, before.get(spec.label, Counts()), after.get(spec.label, Counts()))
        for spec in judged.specs
        if spec.label in before or spec.label in after
    ]
    return sorted(rows, key=lambda row: (-edits(row.after), row.label))


def edits(counts: Counts) -> int:
    """Fields that an annotator has to touch: those to change, to add and to delete."""
    return max(counts.expected, counts.predicted) - counts.exact


def confusion(judged: Judged) -> Confusion:
    """Which label the challenger gave to the print that a person labelled otherwise."""
    counts: Counter[tuple[str, str]] = Counter()
    for sample in judged.samples:
        counts.update(_pairs(sample.fields, judged.after.get(sample.content, ())))
    known = [spec.label for spec in judged.specs]
    true = [label for label in (*known, NOTHING) if any(pair[0] == label for pair in counts)]
    said = [label for label in (*known, NOTHING) if any(pair[1] == label for pair in counts)]
    return Confusion(true, said, [[counts[one, other] for other in said] for one in true])


def _pairs(truth: Sequence[Field], said: Sequence[Field]) -> list[tuple[str, str]]:
    """Each true label with the label that was said of the same print: a field of the same label first, then one that overlaps."""
    left, missed = list(said), list[Field]()
    pairs: list[tuple[str, str]] = []
    for field in truth:
        same = [other for other in left if other.label == field.label]
        if same:
            left.remove(next((other for other in same if same_region(field, other)), same[0]))
            pairs.append((field.label, field.label))
        else:
            missed.append(field)
    for field in missed:
        other = next((other for other in left if _overlap(field, other)), None)
        if other is not None:
            left.remove(other)
        pairs.append((field.label, other.label if other else NOTHING))
    return [*pairs, *((NOTHING, other.label) for other in left)]


def _overlap(one: Field, other: Field) -> bool:
    """Whether the smaller of two boxes lies for the most part in the other one."""
    smaller = min(one.box.area, other.box.area)
    return one.page == other.page and smaller > 0 and one.box.intersection(other.box) >= OVERLAP * smaller


def reliability(judged: Judged) -> Reliability:
    """Whether the challenger's confidences mean what they say (Naeini et al. 2015, ten buckets of equal width)."""
    found: list[list[tuple[float, bool]]] = [[] for _ in range(BUCKETS)]
    for sample in judged.samples:
        for field in judged.after.get(sample.content, ()):
            right = any(
                other.label == field.label and plain(other.text) == plain(field.text) for other in sample.fields
            )
            found[min(BUCKETS - 1, int(field.confidence * BUCKETS))].append((field.confidence, right))
    buckets = [
        Bucket(len(some), sum(sure for sure, _ in some) / len(some), sum(right for _, right in some) / len(some))
        for some in found
        if some
    ]
    total = sum(bucket.fields for bucket in buckets)
    error = sum(bucket.fields * abs(bucket.confidence - bucket.right) for bucket in buckets) / max(1, total)
    return Reliability(buckets, error)


def worst(judged: Judged, most: int) -> list[tuple[Sample, int]]:
    """The documents that ask for most edits, with how many; none that asks for none."""
    found = [
        (sample, sum(map(edits, judge(judged.after[sample.content], sample.fields, judged.specs).labels.values())))
        for sample in judged.samples
        if sample.content in judged.after
    ]
    found.sort(key=lambda pair: (-pair[1], pair[0].content))
    return [pair for pair in found[:most] if pair[1]]
