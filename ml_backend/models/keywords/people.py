"""People: names at a keyword, or the largest line that looks like one, as on a business card."""

from __future__ import annotations

from ml_backend.models.keywords.found import Found, Search
from ml_backend.models.keywords.other_lines import says_something_else
from ml_backend.models.keywords.texts import anchored, search_texts
from ml_backend.models.layout import Segment
from ml_backend.models.types.places import address_points, company_points, is_job, is_person, without_title

LEGAL = 2.0  # points from which a line is a company's


def search_people(search: Search) -> list[Found]:
    """Names behind or below the role's keyword, then lines that look like names, the largest first."""
    keyed = [
        Found((a.span,), a.span.text, a.sure + (0.1 if is_person(a.span.text) else -0.1), f"name {a.side} '{a.phrase}'")
        for layout in search.pages
        for a in anchored(layout, search.role)
        if not any(c.isdigit() for c in a.span.text)
    ]
    names = [segment for layout in search.pages[:1] for segment in layout.segments if _is_name(segment)]
    names.sort(key=lambda segment: (-segment.box.height, segment.row))
    return keyed + [Found((s.span(),), s.text, 0.45, "a line that looks like a name") for s in names]


def search_jobs(search: Search) -> list[Found]:
    """Job titles: text at the role's keyword, then lines with the word of a job."""
    lines = [segment for layout in search.pages[:1] for segment in layout.segments if is_job(segment.text)]
    alone = [
        Found((s.span(),), s.text, 0.5, "a line with the word of a job")
        for s in lines
        if company_points(s.text) < LEGAL
    ]
    return search_texts(search) + alone


def _is_name(segment: Segment) -> bool:
    text = without_title(segment.text)
    if not is_person(segment.text) or company_points(text) >= 1 or address_points(text) >= 1:
        return False
    return not says_something_else(segment)
