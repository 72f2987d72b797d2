"""What tells a line that it is no name and no address: a number, a date, an amount, a way to reach somebody."""

from __future__ import annotations

import re

from ml_backend.models.keywords.matching import phrasebook
from ml_backend.models.keywords.roles import AMOUNTS, DATES, NUMBERS, PARTIES
from ml_backend.models.layout import Segment
from ml_backend.models.plain_text import normalise
from ml_backend.models.types.contacts import find_emails, find_phones, find_urls
from ml_backend.models.types.dates import find_dates

SHORT = 3  # letters of a keyword that must begin the line or stand before a colon; shorter ones do not count

_STOPS = phrasebook((*NUMBERS, *(r for r in PARTIES if r.type in ("phone", "email", "url")), *DATES, *AMOUNTS))


def speaks_of(text: str) -> str:
    """The keyword of a number, a date, an amount or a contact in the line, or empty."""
    hit = _STOPS.find_exact(text)
    if hit is None:
        return ""
    if len(hit.phrase) > SHORT:
        return hit.phrase
    # a short keyword inside a line is as likely a part of a name: Calle del Sol
    alone = re.search(rf"^\W*{hit.phrase}\b|\b{hit.phrase}\s?[:.#]", text, re.IGNORECASE)
    return hit.phrase if alone and len(hit.phrase) == SHORT else ""


def says_something_else(segment: Segment) -> bool:
    """Whether the line is about a number, a date, an amount or a contact.

    A keyword inside of a longer name is a part of the name: HOME MASTER HARDWARE takes no cards.
    """
    plain, phrase = normalise(segment.text), speaks_of(segment.text)
    if phrase and (plain.startswith(phrase) or len(phrase) >= len(plain) / 2):
        return True
    if any(any(True for _ in find(segment)) for find in (find_dates, find_emails, find_urls)):
        return True
    return any(c.sure >= 0.5 and c.end - c.start > len(segment.text) / 2 for c in find_phones(segment))
