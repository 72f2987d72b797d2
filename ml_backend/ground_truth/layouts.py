"""Which layouts of a project need documents most: those that are corrected most, with fewest confirmed ones.

Documents are grouped by the signatures that are stored with their predictions (``active_learning/diversity.py``): two are of one
layout when enough of the numbers are the same, most of which are MinHash slots of the head and of all words. Cheap, since no
document is read again; and rough: what two shops have in common may put them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_backend.store.counts import SignedDocument

ALIKE = 0.4  # of the numbers that are not 0 in both must be equal: see docs/statistics.md for how well that tells layouts apart


@dataclass(frozen=True, slots=True)
class Layout:
    """Documents that look alike. ``edits`` is corrections a document; where nobody corrected any yet, what others need.

    ``example`` is a document to open: an open one if there is any. ``known`` is a confirmed one, or None.
    """

    documents: int
    confirmed: int
    open: int
    edits: float
    example: SignedDocument
    known: SignedDocument | None


def layouts(documents: Sequence[SignedDocument]) -> list[Layout]:
    """The layouts, the one that needs documents most at the top; ``documents`` are the newest first.

    Corrections a document are drawn towards the mean of all as if one document more had it, so that one document says little.
    Layouts of a single confirmed document are left out: nothing like it came since; and those that nobody had to correct. Where
    all need the same, none needs most: there are none.
    """
    groups = group(documents)
    known = [one.edits for one in documents if one.edits is not None]
    mean = sum(known) / len(known) if known else 0.0
    found = [_layout(some, mean) for some in groups if len(some) > 1 or not some[0].approved]
    needing = [one for one in found if one.edits > 0]
    if len(needing) > 1 and len({(one.edits, one.confirmed) for one in needing}) == 1:
        return []
    return sorted(needing, key=lambda one: (-one.edits, one.confirmed, -one.open, one.example.task_id))


def group(documents: Sequence[SignedDocument]) -> list[list[SignedDocument]]:
    """``documents`` by layout: each joins the first document of the layout it is likest to, or begins one."""
    import numpy as np

    if not documents:
        return []
    size = max(len(one.signature) for one in documents)
    usual = [one for one in documents if len(one.signature) == size]
    table = np.array([one.signature for one in usual])
    first = np.empty_like(table)
    groups: list[list[SignedDocument]] = []
    for row, document in zip(table, usual, strict=True):
        leaders = first[: len(groups)]
        there = ((leaders != 0) | (row != 0)).sum(axis=1)
        alike = ((leaders == row) & (row != 0)).sum(axis=1) / np.maximum(there, 1)
        if len(groups) and alike.max() >= ALIKE:
            groups[int(alike.argmax())].append(document)
        else:
            first[len(groups)] = row
            groups.append([document])
    return groups


def _layout(some: Sequence[SignedDocument], mean: float) -> Layout:
    confirmed = [one for one in some if one.approved]
    waiting = [one for one in some if one.open and not one.approved]
    known = [one.edits for one in some if one.edits is not None]
    edits = (sum(known) + mean) / (len(known) + 1)
    example = waiting[0] if waiting else some[0]
    return Layout(len(some), len(confirmed), len(waiting), edits, example, confirmed[0] if confirmed else None)
