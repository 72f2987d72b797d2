"""Codes: bank accounts and article numbers by their check digits, serial, model and document numbers by their looks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import ean, iban

from ml_backend.models.layout import Segment
from ml_backend.models.types.candidate import Candidate

_IBAN = re.compile(r"(?<![A-Z0-9])[A-Z]{2}\s?[0-9OIl]{2}(?:\s?[A-Z0-9]){11,30}", re.IGNORECASE)
_EAN = re.compile(r"(?<![\d.,/-])\d(?:\s?\d){7,13}(?![\d/-]|[.,]\d)")
_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Z0-9]+(?:[-/._][A-Z0-9]+)*", re.IGNORECASE)


def find_ibans(segment: Segment) -> Iterator[Candidate]:
    """IBANs whose check digits are right (OCR's O, I and l in their place read as 0 and 1); the value has no spaces."""
    for match in _IBAN.finditer(segment.text):
        # letters that follow the account number belong to the next word: shorten until the check digits agree
        for end in range(match.end(), match.start() + 14, -1):
            compact = re.sub(r"\s", "", segment.text[match.start() : end]).upper()
            fixed = compact[:2] + compact[2:4].translate(str.maketrans("OIL", "011")) + compact[4:]
            if not segment.text[end - 1].isspace() and iban.is_valid(fixed):
                yield Candidate(segment, match.start(), end, fixed, 0.99 if fixed == compact else 0.9)
                break


def find_eans(segment: Segment) -> Iterator[Candidate]:
    """EAN-8, UPC-12, EAN-13 and GTIN-14 with the right check digit; the value is digits only."""
    for match in _EAN.finditer(segment.text):
        digits = re.sub(r"\s", "", match[0])
        if len(digits) in (8, 12, 13, 14) and ean.is_valid(digits) and digits.strip("0"):
            yield Candidate(segment, match.start(), match.end(), digits, 0.98 if len(digits) > 8 else 0.7)


def find_codes(segment: Segment) -> Iterator[Candidate]:
    """Words that look like a serial, model or document number: at least 2 characters, with a digit, no plain amount or date."""
    for match in _CODE.finditer(segment.text):
        code = match[0]
        digits = sum(c.isdigit() for c in code)
        if len(code) < 2 or not digits or re.fullmatch(r"\d+\.\d{1,2}|\d{1,4}([/.-])\d{1,2}\1\d{1,4}", code):
            continue
        letters = sum(c.isalpha() for c in code)
        yield Candidate(
            segment,
            match.start(),
            match.end(),
            code.upper(),
            0.9 if len(code) >= 5 or letters else 0.7 if len(code) >= 3 else 0.5,
        )
