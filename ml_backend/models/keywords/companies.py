"""Companies.

The vendor stands near the top of the first page, right above its address, and is often printed large. The customer stands at its
keyword.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ml_backend.models.keywords.addresses import CUSTOMER_ROLES, find_blocks
from ml_backend.models.keywords.found import Found, Search
from ml_backend.models.keywords.other_lines import says_something_else
from ml_backend.models.keywords.texts import anchored
from ml_backend.models.layout import PageLayout, Segment
from ml_backend.models.types.places import LEGAL_FORM, address_points, company_points

HEAD = 12  # a vendor is among the first lines with letters
NAME_LINES = 3  # a name has no more
ABOVE_ADDRESS = {1: 1.5, 2: 1.0}  # points for standing so many rows over an address

_AFTER_NAME = re.compile(
    r"\s*[\[(]?\s*(?:(?:co|reg)\b\W*(?:(?:no|reg|rfg)\b\W*)?)?[A-Z]{0,3}-?\d{4,}|\bf\.?k\.?a\b", re.IGNORECASE
)
_FORMER = re.compile(r"\W*(?:formerly|previously|f\.?k\.?a|ehemals|fruher|früher|anciennement|antes)\b", re.IGNORECASE)
_CONTINUATION = re.compile(rf"\W*(?:(?:{LEGAL_FORM.pattern})|&|and\b|und\b|et\b|co\b)", re.IGNORECASE)


def search_companies(search: Search) -> list[Found]:
    """Companies at the role's keyword, then, unless the customer is asked for, names among the first lines."""
    keyed = [
        Found(
            (a.span,), a.span.text, a.sure + (0.1 if LEGAL_FORM.search(a.span.text) else 0.0), f"{a.side} '{a.phrase}'"
        )
        for layout in search.pages
        for a in anchored(layout, search.role)
        if company_points(a.span.text) > -1 and not says_something_else(a.segment_of_value)
    ]
    if search.role.name in CUSTOMER_ROLES:
        return keyed
    return keyed + [found for layout in search.pages[:1] for found in _vendors(layout)]


def _vendors(layout: PageLayout) -> list[Found]:
    head = [s for s in layout.segments if sum(c.isalpha() for c in s.text) >= 3][:HEAD]
    addresses = [block.lines[0].row for block in find_blocks(layout)]
    scored = sorted(((_points(layout, head, i, addresses), -i) for i in range(len(head))), reverse=True)
    ranked: list[Found] = []
    for points, index in scored:
        spans = tuple(line.span(0, _name_end(line.text)) for line in _whole_name(layout, head[-index]))
        rival = max((p for p, i in scored if i != index), default=-5.0)
        text = " ".join(span.text for span in spans)
        ranked.append(Found(spans, text, _confidence(points, points - rival), _reason(text)))
    return ranked


def _points(layout: PageLayout, head: Sequence[Segment], order: int, addresses: Sequence[int]) -> float:
    """How much speaks for a line as the vendor's name; ``addresses`` are the rows where addresses begin, the best first."""
    segment, before = head[order], head[order - 1].text if order else ""
    text = segment.text
    points = company_points(text) - 0.25 * order
    points += min(1.5, max(0.0, segment.box.height / layout.letter - 1))
    points += max((ABOVE_ADDRESS.get(row - segment.row, 0.0) for row in addresses), default=0.0)
    points -= 1.5 if addresses and segment.row > addresses[0] else 0.0
    points -= min(3.0, address_points(text)) if not LEGAL_FORM.search(text) else 0.0
    points -= 3.0 if _FORMER.match(before) or _FORMER.match(text) else 0.0
    points -= 1.0 if text.islower() else 0.0
    points -= 1.0 if text.startswith("(") else 0.0
    return points - (3.0 if says_something_else(segment) else 0.0)


def _whole_name(layout: PageLayout, line: Segment) -> list[Segment]:
    """The line with those above it that begin its name."""
    lines = [line]
    while len(lines) < NAME_LINES:
        above = layout.above(lines[0].box, lines[0].row, reach=1.5)
        if above is None or not _goes_on(lines, above) or says_something_else(above):
            break
        lines.insert(0, above)
    return lines


def _goes_on(lines: Sequence[Segment], above: Segment) -> bool:
    """Whether the name began in the line above: it breaks off there, or lacks a legal form that follows in the same print."""
    text = " ".join(line.text for line in lines)
    if _CONTINUATION.match(text) or text.count(")") > text.count("(") or above.text.rstrip().endswith(("&", "-")):
        return True
    return bool(LEGAL_FORM.search(text) and not LEGAL_FORM.search(above.text)) and _same_print(lines[0], above)


def _same_print(line: Segment, above: Segment) -> bool:
    """Whether ``above`` is printed as large as ``line`` and closely over it, and holds no digits."""
    small, large = sorted((line.box.height, above.box.height))
    return line.box.top - above.box.bottom < 0.5 * small and large < 1.25 * small and not re.search(r"\d", above.text)


def _name_end(text: str) -> int:
    """Where the name ends: a registration number or a former name behind it does not belong to it."""
    end = _AFTER_NAME.search(text)
    return end.start() if end and end.start() > 2 else len(text)


def _reason(text: str) -> str:
    legal = LEGAL_FORM.search(text)
    return f"a name with '{legal[0]}' near the top" if legal else "the name at the top of the page"


def _confidence(points: float, margin: float) -> float:
    # set so that it meets the share that was right on receipts, which benchmarks/fields.py prints
    return max(0.02, min(0.9, 0.2 + 0.08 * points + 0.12 * min(margin, 3.0)))
