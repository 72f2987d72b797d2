"""Amounts of money: 1,234.56 / 1.234,56 / 1 234,56 / RM 12.50 / 12,50 EUR / $12 / 12.50- .

The pattern finds the digits, price-parser reads them. A currency sign is never part of the text: it is on the paper beside the
amount, and people who label receipts mostly leave it out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from price_parser import Price

from ml_backend.models.layout import Segment
from ml_backend.models.types.candidate import Candidate

_CURRENCY = (
    r"(?:[$€£¥₹₪₩]|US\$|S\$|A\$|R\$|RM|MYR|USD|EUR|GBP|CHF|SGD|AUD|CAD|JPY|INR|IDR|THB|VND|PHP|BRL|MXN|PLN|CZK|SEK|NOK|DKK|"
    r"Fr\.|kr|Rp)"
)
_CENTS = r"\d{1,3}(?:[ .,'’]\d{3})+\s?[.,]\s?\d{2}|\d+\s?[.,]\d{2}|\d+[.,]\s?\d{2}|\.\d{2}"
_WHOLE = r"\d{1,3}(?:[.,'’]\d{3})+|\d+"
_END = r"(?!\d|[.,:/]\d|\s?%)"
_AMOUNT = re.compile(
    rf"(?P<before>{_CURRENCY})?\s{{0,2}}(?P<sign>[-–(]\s?)?(?<![\d.,/])(?<!\d:)(?P<cents>{_CENTS}){_END}(?P<minus>-(?!\d))?"
    rf"(?P<after>\s?{_CURRENCY}(?![A-Za-z]))?"
    rf"|(?P<front>{_CURRENCY})\s{{0,2}}(?P<whole>{_WHOLE})(?:[.,][-–]{{1,2}})?{_END}"
    rf"|(?<![\d.,:/A-Za-z-])(?P<number>{_WHOLE})(?:(?P<dash>[.,][-–]{{1,2}}){_END}|{_END}\s?(?P<back>{_CURRENCY})(?![A-Za-z]))",
    re.IGNORECASE,
)


def find_amounts(segment: Segment) -> Iterator[Candidate]:
    """Amounts in the segment; the value is a plain decimal with a dot, negative ones with a minus."""
    for match in _AMOUNT.finditer(segment.text):
        group = "cents" if match["cents"] else "whole" if match["whole"] else "number"
        value = read_amount(match[group])
        if value is None:
            continue
        minus = "-" if match["sign"] or match["minus"] else ""
        currency = match["before"] or match["after"] or match["front"] or match["back"]
        sure = 0.99 if currency and match["cents"] else 0.9 if match["cents"] else 0.7
        start = match.start("sign") if match["sign"] and "(" not in match["sign"] else match.start(group)
        yield Candidate(segment, start, match.end(group), minus + value, sure)


@lru_cache(maxsize=4096)
def read_amount(digits: str) -> str | None:
    """Digits with separators as a plain decimal, or None if they are no number."""
    amount = Price.fromstring(re.sub(r"[\s'’]", "", digits)).amount
    return None if amount is None else format(amount, "f")
