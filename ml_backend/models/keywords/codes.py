"""Everything with a shape of its own: phone numbers, mail and web addresses, bank accounts, article, serial and document numbers.

Shapes that prove themselves (check digits, an @) count without a keyword; a serial number is only known by the words beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ml_backend.models.keywords.found import Context, Found, Search, context_of
from ml_backend.models.keywords.matching import Phrasebook, phrasebook
from ml_backend.models.keywords.role import Role
from ml_backend.models.keywords.roles import ROLES
from ml_backend.models.layout import PageLayout, Segment
from ml_backend.models.types.candidate import Candidate
from ml_backend.models.types.codes import find_codes, find_eans, find_ibans
from ml_backend.models.types.contacts import find_emails, find_phones, find_urls
from ml_backend.models.types.dates import find_dates

Finder = Callable[[Segment, str], Iterable[Candidate]]
"""Candidates of a type in a segment; the second argument is the country for phone numbers."""

FINDERS: dict[str, Finder] = {
    "phone": find_phones,
    "email": lambda segment, country: find_emails(segment),
    "url": lambda segment, country: find_urls(segment),
    "iban": lambda segment, country: find_ibans(segment),
    "ean": lambda segment, country: find_eans(segment),
    "serial": lambda segment, country: _undated(segment),
    "model_number": lambda segment, country: _undated(segment),
    "invoice_number": lambda segment, country: _undated(segment),
}
NEEDS_KEYWORD = frozenset({"serial", "model_number", "invoice_number"})
DOCUMENT_ROLES = frozenset({"invoice number", "receipt number"})
LEVEL = 0.2  # candidates within so many points of the best are its rivals

_NUMBER_SIGN = re.compile(r"(?:#|№|\bn[ro]?\s?[.°º]+)\s*:?\s*$", re.IGNORECASE)


def _undated(segment: Segment) -> Iterator[Candidate]:
    """Codes that are no part of a date."""
    dates = [(d.start, d.end) for d in find_dates(segment)]
    return (c for c in find_codes(segment) if all(c.end <= a or c.start >= b for a, b in dates))


@dataclass(frozen=True, slots=True)
class _Code:
    """One candidate for a role, and the words beside it."""

    candidate: Candidate
    context: Context
    role: Role

    @property
    def keyword(self) -> bool:
        return self.context.hit is not None and self.role.name in self.context.hit.roles

    @property
    def number_sign(self) -> bool:
        """Whether a lone "#" or "Nr." in front makes the code the number of the document."""
        before = self.candidate.segment.text[: self.candidate.start]
        return self.role.name in DOCUMENT_ROLES and self.context.hit is None and bool(_NUMBER_SIGN.search(before))

    @property
    def points(self) -> float:
        """The weight of the candidate; 0 leaves it out."""
        sure, hit = self.candidate.sure, self.context.hit
        if hit and self.keyword:
            return sure + (0.5 if hit.exact else 0.3) - (0.2 if self.context.side == "under" else 0.0)
        if self.number_sign:
            return sure
        if self.role.type in NEEDS_KEYWORD:
            return 0.0
        return sure - (0.5 if hit else 0.0)

    @property
    def confidence(self) -> float:
        """How likely it is the right one if there are no rivals."""
        if self.keyword:
            return 0.95 * self.candidate.sure
        if self.context.hit:
            return 0.4 * self.candidate.sure
        return (0.6 if self.number_sign else 0.9) * self.candidate.sure

    @property
    def reason(self) -> str:
        what = self.role.type.replace("_", " ")
        repair = f"; OCR read {self.candidate.text}, its check digit says otherwise" if self.candidate.printed else ""
        if self.keyword:
            return f"{what} {self.context.side} '{self.context.text[-40:]}'{repair}"
        return (f"{what} behind a number sign" if self.number_sign else f"looks like: {what}") + repair


def search_codes(search: Search) -> list[Found]:
    """All values of the role's type, ranked by keyword and by how sure the shape is, then in reading order."""
    phrases = phrasebook(ROLES if search.role in ROLES else (*ROLES, search.role))
    codes = [code for layout in search.pages for code in _codes(layout, search, phrases)]
    scored = [(points, code) for code in codes if (points := code.points) > 0]
    scored.sort(key=lambda item: -item[0])
    rivals = {code.candidate.value for points, code in scored if points > scored[0][0] - LEVEL}
    return [_found(code, len(rivals)) for _, code in scored]


def _codes(layout: PageLayout, search: Search, phrases: Phrasebook) -> Iterator[_Code]:
    find = FINDERS[search.role.type]
    for segment in layout.segments:
        for candidate in find(segment, search.country):
            yield _Code(candidate, context_of(layout, candidate, phrases), search.role)


def _found(code: _Code, rivals: int) -> Found:
    span = code.candidate.span
    confidence = code.confidence - 0.1 * min(2, rivals - 1)
    return Found((span,), code.candidate.value, max(0.05, confidence), code.reason)
