"""Dates as people print them: 31/12/2018, 2018.12.31, 12 Mar 2018, 31. März 2026, Dec 31, 2018, 20180331.

Patterns find the place; numbers are put together here (day first where both readings are possible), month names in seven
languages are left to dateparser. A time glued to the date by OCR ("25/12/20188:13PM") is cut off.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache

from dateparser.date import DateDataParser

from ml_backend.models.layout import Segment
from ml_backend.models.types.candidate import Candidate

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl")
YEARS = range(1900, 2101)

# dateparser loads a language at its first use, into dictionaries that all threads share
_LANGUAGE_DATA = threading.Lock()

_SEP = r"\s?([/.\-])\s?"
_NUMERIC = re.compile(rf"(?<![\d.,])(\d{{1,2}}){_SEP}(\d{{1,2}})\s?\2\s?(\d{{2,4}})")
_ISO = re.compile(rf"(?<!\d)((?:19|20)\d\d){_SEP}(\d{{1,2}})\s?\2\s?(\d{{1,2}})(?!\d)")
_SOLID = re.compile(r"(?<![\d.,/-])((?:19|20)\d\d)(0\d|1[0-2])([0-2]\d|3[01])(?![\d.,/-])")
_SOLID_DAY_FIRST = re.compile(r"(?<![\d.,/-])([0-2]\d|3[01])(0\d|1[0-2])((?:19|20)\d\d)(?![\d.,/-])")
_MONTH = r"([^\W\d_]{3,10})"
_DAY_MONTH = re.compile(
    rf"(?<![\d.,])(\d{{1,2}})(?:st|nd|rd|th|er|\.|º|°)?[\s/.\-]{{0,2}}(?:de\s|of\s)?{_MONTH}\.?[\s/.,\-']{{0,2}}(?:del?\s)?"
    r"((?:19|20)\d\d|\d\d(?!\d))"
)
_MONTH_DAY = re.compile(
    rf"(?<![^\W\d_]){_MONTH}\.?[\s\-]?(\d{{1,2}})(?:st|nd|rd|th)?[\s,.\-]{{1,2}}((?:19|20)\d\d|\d\d(?!\d))"
)


def find_dates(segment: Segment) -> Iterator[Candidate]:
    """Dates in the segment, the surest reading of each place first; the value is the ISO date."""
    text = segment.text
    taken: list[tuple[int, int]] = []
    for start, end, value, sure in _readings(text):
        if all(end <= a or start >= b for a, b in taken):
            taken.append((start, end))
            yield Candidate(segment, start, end, value.isoformat(), sure)


def _readings(text: str) -> Iterator[tuple[int, int, date, float]]:
    for match in _ISO.finditer(text):
        year, _, month, day = match.groups()
        if value := _date(year, month, day):
            yield *match.span(), value, 0.99
    for match in _NUMERIC.finditer(text):
        yield from _numeric(match)
    for pattern, order in ((_DAY_MONTH, (1, 2, 3)), (_MONTH_DAY, (2, 1, 3))):
        for match in pattern.finditer(text):
            day, name, year = (match.group(i) for i in order)
            if value := _named(day, name.lower(), year):
                yield *match.span(), value, 0.99
    for pattern, order in ((_SOLID, (1, 2, 3)), (_SOLID_DAY_FIRST, (3, 2, 1))):
        for match in pattern.finditer(text):
            year, month, day = (match.group(i) for i in order)
            if value := _date(year, month, day):
                yield *match.span(), value, 0.6 if pattern is _SOLID else 0.4


def _numeric(match: re.Match[str]) -> Iterator[tuple[int, int, date, float]]:
    """Day first, month first if only that is a date; a glued hour is left outside of a year of two digits."""
    first, separator, second, year = match.groups()
    for digits in (4, 2):
        if len(year) < digits:
            continue
        value = _date(year[:digits], second, first) or _date(year[:digits], first, second)
        if value:
            sure = 0.95 if digits == 4 else 0.9 if separator != "." else 0.7
            yield match.start(), match.end() - len(year) + digits, value, sure
            return


def _date(year: str, month: str, day: str) -> date | None:
    """The date, or None if there is no such day; a year of two digits is of this century up to 69."""
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < 70 else 1900
    elif number not in YEARS:
        return None
    try:
        return date(number, int(month), int(day))
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _month(name: str) -> int:
    """The number of a month by its name or short name in one of the languages, or 0."""
    settings = {"DATE_ORDER": "DMY", "STRICT_PARSING": True, "PARSERS": ["absolute-time"]}
    parser = DateDataParser(languages=list(LANGUAGES), use_given_order=True, settings=settings)
    with _LANGUAGE_DATA:
        parsed: datetime | None = parser.get_date_data(f"1 {name} 2000").date_obj
    return parsed.month if parsed and parsed.day == 1 and parsed.year == 2000 else 0


def _named(day: str, name: str, year: str) -> date | None:
    month = _month(name)
    return _date(year, str(month), day) if month else None
