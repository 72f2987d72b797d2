"""Types whose values are told by their shape, and how they are found: dates, amounts, and all kinds of codes."""

from __future__ import annotations

from collections.abc import Iterable

from ml_backend.models.keywords.codes import FINDERS, Finder
from ml_backend.models.layout import Segment
from ml_backend.models.types.amounts import find_amounts
from ml_backend.models.types.candidate import Candidate
from ml_backend.models.types.dates import find_dates

SHAPES: dict[str, Finder] = {
    "date": lambda segment, country: find_dates(segment),
    "amount": lambda segment, country: find_amounts(segment),
    **FINDERS,
}


def shaped(segment: Segment, kind: str, country: str) -> Iterable[Candidate]:
    """The candidates of a type in a segment; none for a type without a shape. ``country`` is for phone numbers."""
    find = SHAPES.get(kind)
    return find(segment, country) if find else ()
