"""Ways to reach somebody: phone numbers, mail addresses, web addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers

from ml_backend.models.layout import Segment
from ml_backend.models.types.candidate import Candidate

_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+\s?@\s?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,10}")
_TOP = (
    "com|org|net|edu|gov|info|biz|shop|eu|io|app|dev|co|de|at|ch|fr|es|it|pt|nl|be|uk|ie|us|ca|au|nz|my|sg|id|in|br|mx|ar|pl|cz|"
    "dk|se|no|fi|jp|cn"
)
_URL = re.compile(
    r"(?<![@\w.-])(?:https?:\s?//\s?\S+|www\s?\.\s?[\w-]+(?:\.[\w-]+)+(?:/\S*)?"
    rf"|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:{_TOP})(?![\w@.-]*@|\w)(?:/\S*)?)",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"(?<![\w.,/])[+(]?\(?\d[\d\s()./–-]{5,18}\d(?![\w,]|\.\d)")


def find_phones(segment: Segment, country: str = "") -> Iterator[Candidate]:
    """Phone numbers; the value is E.164 when the country is known or printed, else the digits as they stand."""
    found: list[tuple[int, int]] = []
    for match in phonenumbers.PhoneNumberMatcher(segment.text, country.upper() or None):
        found.append((match.start, match.end))
        value = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
        yield Candidate(segment, match.start, match.end, value, 0.95 if match.raw_string.startswith("+") else 0.8)
    for digits in _DIGITS.finditer(segment.text):
        value = re.sub(r"\D", "", digits[0])
        if 7 <= len(value) <= 15 and all(digits.end() <= a or digits.start() >= b for a, b in found):
            yield Candidate(segment, digits.start(), digits.end(), value, 0.5 if value.startswith("0") else 0.3)


def find_emails(segment: Segment) -> Iterator[Candidate]:
    """Mail addresses; the value is lower case without spaces."""
    for match in _EMAIL.finditer(segment.text):
        yield Candidate(segment, match.start(), match.end(), re.sub(r"\s", "", match[0]).lower(), 0.98)


def find_urls(segment: Segment) -> Iterator[Candidate]:
    """Web addresses; the value has no spaces, and its host is lower case."""
    for match in _URL.finditer(segment.text):
        text = match[0].rstrip(".,;)")
        scheme, _, rest = re.sub(r"\s", "", text).rpartition("//")
        host, slash, path = rest.partition("/")
        if "." in host:
            value = (f"{scheme.lower()}//" if scheme else "") + host.lower() + slash + path
            yield Candidate(segment, match.start(), match.start() + len(text), value, 0.95 if text != host else 0.85)
