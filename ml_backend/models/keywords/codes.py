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

_NUMBER_SIGN = re.compile(r"(?:#|№|\bn[ro]?\s?[.°º]+)\s*:?\s*$", re.IGNORECASE)

Finder = Callable[[Segment, str], Iterable[Candidate]]

NEEDS_KEYWORD = frozenset({"serial", "model_number", "invoice_number"})
DOCUMENT_ROLES = frozenset({"invoice number", "receipt number"})
FINDERS: dict[str, Finder] = {
    "phone": find_phones,
    "email": lambda segment, country: find_emails(segment),
    "url": lambda segment, country: find_urls(segment),
    "iban": lambda segment, country: find_ibans(segment),
    "ean": lambda segment, country: find_eans(segment),
    "serial": lambda segment, country: _codes(segment),
    "model_number": lambda segment, country: _codes(segment),
    "invoice_number": lambda segment, country: _codes(segment),
}


def _codes(segment: Segment) -> Iterator[Candidate]:
    """Codes that are no part of a date."""
    dates = [(d.start, d.end) for d in find_dates(segment)]
    return (c for c in find_codes(segment) if all(c.end <= a or c.start >= b for a, b in dates))


@dataclass(frozen=True, slots=True)
class _Code:
    candidate: Candidate
    context: Context
    order: int
    sure: float
    needs_keyword: bool


def search_codes(search: Search) -> list[Found]:
    """All values of the role's type, ranked by keyword, then by how sure the shape is, then by reading order."""
    phrases = phrasebook(ROLES if search.role in ROLES else (*ROLES, search.role))
    codes = [code for layout in search.pages for code in _ranked(layout, search, phrases)]
    scored = [(points, code) for code in codes if (points := _points(code, search.role)) > 0]
    scored.sort(key=lambda item: (-item[0], item[1].candidate.segment.page, item[1].order))
    rivals = {code.candidate.value for points, code in scored if points > scored[0][0] - 0.2}
    return [_found(code, search.role, len(rivals)) for _, code in scored]


def _ranked(layout: PageLayout, search: Search, phrases: Phrasebook) -> Iterator[_Code]:
    find = FINDERS[search.role.type]
    order = 0
    for segment in layout.segments:
        for candidate in find(segment, search.country):
            context = context_of(layout, candidate, phrases)
            yield _Code(candidate, context, order, candidate.sure, search.role.type in NEEDS_KEYWORD)
            order += 1


def _points(code: _Code, role: Role) -> float:
    """The probability-like weight of a candidate; 0 leaves it out."""
    hit = code.context.hit
    if hit and role.name in hit.roles:
        return code.sure + (0.5 if hit.exact else 0.3) - (0.2 if code.context.side == "under" else 0.0)
    if _bare_number(code, role):
        return code.sure
    if code.needs_keyword:
        return 0.0
    return code.sure - (0.5 if hit else 0.0)


def _bare_number(code: _Code, role: Role) -> bool:
    """Whether a lone "#" or "Nr." in front makes the code the number of the document."""
    before = code.candidate.segment.text[: code.candidate.start]
    return role.name in DOCUMENT_ROLES and code.context.hit is None and bool(_NUMBER_SIGN.search(before))


def _found(code: _Code, role: Role, rivals: int) -> Found:
    candidate, hit = code.candidate, code.context.hit
    span = candidate.segment.span(candidate.start, candidate.end)
    keyword = hit is not None and role.name in hit.roles
    share = 0.95 if keyword else 0.4 if hit else 0.6 if code.needs_keyword else 0.9
    confidence = share * candidate.sure - 0.1 * min(2, rivals - 1)
    what = role.type.replace("_", " ")
    reason = f"{what} {code.context.side} '{code.context.text[-40:]}'" if keyword else f"looks like: {what}"
    return Found((span,), candidate.value, max(0.05, confidence), reason)
