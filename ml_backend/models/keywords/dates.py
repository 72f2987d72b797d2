"""Dates: of the document, when it is due, of birth, until when it is valid."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from ml_backend.models.keywords.found import Context, Found, Search, context_of
from ml_backend.models.keywords.matching import phrasebook
from ml_backend.models.keywords.role import Role
from ml_backend.models.keywords.roles import DATES
from ml_backend.models.layout import PageLayout
from ml_backend.models.types.candidate import Candidate
from ml_backend.models.types.dates import find_dates

NO_RIVAL = -9.0  # points of the next best value where there is none

_TIME = re.compile(r"^[\s,T-]*\d{1,2}\s?[:.]\s?\d{2}")


@dataclass(frozen=True, slots=True)
class _Date:
    layout: PageLayout
    candidate: Candidate
    context: Context


def search_dates(search: Search) -> list[Found]:
    """All dates, ranked for the role that is asked for."""
    phrases = phrasebook(DATES if search.role in DATES else (*DATES, search.role))
    dates = [
        _Date(layout, candidate, context_of(layout, candidate, phrases))
        for layout in search.pages
        for segment in layout.segments
        for candidate in find_dates(segment)
    ]
    times = Counter(d.candidate.value for d in dates)
    scored = [
        (_points(d, search.role, order, times[d.candidate.value]), d)
        for order, d in enumerate(dates)
        if _may_be(d, search.role, len(times))
    ]
    scored.sort(key=lambda item: -item[0])
    ranked = []
    for points, found in scored:
        rival = next((p for p, d in scored if d.candidate.value != found.candidate.value), NO_RIVAL)
        span = found.candidate.segment.span(found.candidate.start, found.candidate.end)
        ranked.append(
            Found((span,), found.candidate.value, _confidence(points, points - rival), _reason(found, len(times)))
        )
    return ranked


def _points(found: _Date, role: Role, order: int, times: int) -> float:
    hit = found.context.hit
    points = 2.0 * (found.candidate.sure - 1.0) - 0.1 * min(order, 5) + 0.3 * min(times - 1, 2)
    if hit and role.name in hit.roles:
        points += 2.0 if hit.exact else 1.5
    elif hit:
        points -= 4.0 if "printed" not in hit.roles else 0.5
    if role.name == "date":
        points += 0.5 if _TIME.match(found.candidate.segment.text[found.candidate.end :]) else 0.0
    elif not hit:
        points -= 4.0
    return points


def _may_be(found: _Date, role: Role, different: int) -> bool:
    """Whether the date may have the role: "date" needs no word for it, and the only date of a document may be anything new."""
    if role.name == "date" or (found.context.hit and role.name in found.context.hit.roles):
        return True
    return role not in DATES and different == 1


def _confidence(points: float, margin: float) -> float:
    # set so that it meets the share that was right on receipts, which benchmarks/fields.py prints
    return max(0.02, min(0.97, 0.8 + 0.12 * points + 0.05 * min(margin, 2.0)))


def _reason(found: _Date, different: int) -> str:
    if found.context.hit:
        return f"date {found.context.side} '{found.context.text[-40:]}'"
    return "the only date" if different == 1 else "one of several dates"
