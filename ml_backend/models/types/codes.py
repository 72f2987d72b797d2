"""Codes: bank accounts and article numbers by their check digits, serial, model and document numbers by their looks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import ean, iban
from stdnum.eu import vat

from ml_backend.models.layout import Segment
from ml_backend.models.types.candidate import Candidate
from ml_backend.models.types.check_digits import repaired

_IBAN = re.compile(r"(?<![A-Z0-9])[A-Z]{2}\s?[0-9OQDILZSGB]{2}(?:\s?[A-Z0-9]){11,30}", re.IGNORECASE)
_EAN = re.compile(r"(?<![\w.,/-])[\dOQDIL|ZSGB](?:\s?[\dOQDIL|ZSGB]){7,13}(?![\w/-]|[.,]\d)")
_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Z0-9]+(?:[-/._][A-Z0-9]+)*", re.IGNORECASE)
_VAT = re.compile(r"(?:BE|DE|DK|EE|FI|HU|IT|LU|MT|PL|PT|SE|SI|SK|HR|LV|EL)[0-9A-Z]{8,12}")  # countries with digits only
_MOST_LETTERS = 0.25  # of an article number may be read as letters


def find_ibans(segment: Segment) -> Iterator[Candidate]:
    """IBANs whose check digits are right, perhaps after one repair; the value has no spaces."""
    for match in _IBAN.finditer(segment.text):
        # letters that follow the account number belong to the next word: shorten until the check digits agree
        ends = [e for e in range(match.end(), match.start() + 14, -1) if not segment.text[e - 1].isspace()]
        for find in (_iban, _mended_iban):
            found = next(filter(None, (find(segment, match.start(), end) for end in ends)), None)
            if found:
                yield found
                break


def _iban(segment: Segment, start: int, end: int) -> Candidate | None:
    compact = _compact(segment.text[start:end])
    return Candidate(segment, start, end, compact, 0.99) if iban.is_valid(compact) else None


def _mended_iban(segment: Segment, start: int, end: int) -> Candidate | None:
    """With letters for digits put right, or with one character changed: of 97 wrong changes one has the right check digits."""
    text = segment.text[start:end]
    fixed = repaired(text, iban.is_valid, digits=slice(2, 4))
    if fixed is None:
        return None
    letters = sum(one != other and one.isalpha() for one, other in zip(text, fixed.text, strict=True))
    return Candidate(segment, start, end, _compact(fixed.text), 0.9 if letters == fixed.changes else 0.6, fixed.text)


def find_eans(segment: Segment) -> Iterator[Candidate]:
    """EAN-8, UPC-12, EAN-13 and GTIN-14 with the right check digit, perhaps after a repair; the value is digits only."""
    for match in _EAN.finditer(segment.text):
        code = _compact(match[0])
        letters = sum(not c.isdigit() for c in code)
        if len(code) not in (8, 12, 13, 14) or letters > _MOST_LETTERS * len(code) or not code.strip("0"):
            continue
        if not letters and ean.is_valid(code):
            yield Candidate(segment, match.start(), match.end(), code, 0.98 if len(code) > 8 else 0.7)
        elif len(code) > 8 and (fixed := repaired(match[0], ean.is_valid, digits=slice(None))):
            # One check digit: of ten wrong repairs one fits. Letters that look like digits are evidence of their own.
            sure = 0.85 if fixed.changes == letters else 0.4
            yield Candidate(segment, match.start(), match.end(), _compact(fixed.text), sure, fixed.text)


def _compact(text: str) -> str:
    return re.sub(r"\s", "", text).upper()


def find_codes(segment: Segment) -> Iterator[Candidate]:
    """Words that look like a serial, model or document number: at least 2 characters, with a digit, no plain amount or date."""
    for match in _CODE.finditer(segment.text):
        code = match[0]
        digits = sum(c.isdigit() for c in code)
        if len(code) < 2 or not digits or re.fullmatch(r"\d+\.\d{1,2}|\d{1,4}([/.-])\d{1,2}\1\d{1,4}", code):
            continue
        letters = sum(c.isalpha() for c in code)
        sure = 0.9 if len(code) >= 5 or letters else 0.7 if len(code) >= 3 else 0.5
        printed = _printed_vat(code)
        yield Candidate(segment, match.start(), match.end(), (printed or code).upper(), sure, printed)


def _printed_vat(code: str) -> str:
    """A European VAT number with its misread digits put right; empty if the code is none, or as it should be."""
    if not _VAT.fullmatch(code) or vat.is_valid(code):
        return ""
    fixed = repaired(code, vat.is_valid, digits=slice(2, None))
    return fixed.text if fixed else ""
