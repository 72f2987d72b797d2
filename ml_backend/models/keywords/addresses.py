"""Postal addresses: runs of lines with street words, postcodes and town names, ended by the first line that is something else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ml_backend.models.keywords.found import Found, Search
from ml_backend.models.keywords.matching import phrasebook
from ml_backend.models.keywords.other_lines import says_something_else, speaks_of
from ml_backend.models.keywords.role import Role
from ml_backend.models.keywords.roles import PARTIES
from ml_backend.models.layout import PageLayout, Segment
from ml_backend.models.types.places import LEGAL_FORM, address_points

LINES = 7  # an address has no more
FIRST_LINE = 1.0  # points of the line that an address begins with
ANY_LINE = 0.4  # points of a line that an address may end with
BLOCK = 2.0  # points of all lines together
ENOUGH = 3.0  # more points make no better address
CUSTOMER_ROLES = frozenset({"customer", "customer address"})

_PARTIES = phrasebook(PARTIES)
_OTHER_MARKS = re.compile(r"[^\w\s.,'-]|\d")


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring lines of an address, and how much they look like one."""

    lines: tuple[Segment, ...]
    points: float

    @property
    def rank(self) -> float:
        """Enough of an address, and near the top."""
        return min(ENOUGH, self.points) - 5.0 * self.lines[0].box.top


def search_addresses(search: Search) -> list[Found]:
    """Blocks of address lines, those near the top first; the customer's are those below or behind its keyword."""
    wants_customer = search.role.name in CUSTOMER_ROLES
    found: list[tuple[float, Found]] = []
    for layout in search.pages:
        for block in find_blocks(layout):
            party = _party_of(layout, block.lines[0])
            of_customer = party is not None and party.name in CUSTOMER_ROLES
            if wants_customer and not of_customer:
                continue
            rank = block.rank - (3.0 if of_customer and not wants_customer else 0.0)
            found.append((rank - layout.page, _found(block, rank, party)))
    return [item for _, item in sorted(found, key=lambda pair: -pair[0])]


def _found(block: Block, rank: float, party: Role | None) -> Found:
    spans = tuple(line.span() for line in block.lines)
    text = " ".join(span.text for span in spans)
    lines = "a line" if len(spans) == 1 else f"{len(spans)} lines"
    where = f" of the {party.name}" if party else ""
    reason = f"{lines} with street words or a postcode{where}"
    return Found(spans, text, max(0.05, min(0.65, 0.45 + 0.05 * rank)), reason)


def _party_of(layout: PageLayout, line: Segment) -> Role | None:
    """The party named left of the address or by the two lines above it."""
    above = layout.above(line.box, line.row)
    second = layout.above(above.box, above.row) if above else None
    for text in (layout.left_of(line, 0), above.text if above else "", second.text if second else ""):
        hit = _PARTIES.find(text)
        for role in PARTIES:
            if hit and role.name in hit.roles and role.type in ("company", "address"):
                return role
    return None


def find_blocks(layout: PageLayout) -> list[Block]:
    """All blocks of a page, the highest rank first."""
    return sorted(_blocks(layout), key=lambda block: -block.rank)


def _blocks(layout: PageLayout) -> Iterator[Block]:
    used: set[int] = set()  # of words: one that is in a block begins no other
    for segment in layout.segments:
        if segment.words[0] in used or not _begins(layout, segment):
            continue
        lines = _trimmed(layout, _run(layout, segment))
        used.update(line.words[0] for line in lines)
        points = [min(3.0, address_points(line.text)) for line in lines]
        if sum(points) >= BLOCK:
            yield Block(tuple(lines), sum(points))


def _begins(layout: PageLayout, line: Segment) -> bool:
    """Whether an address may begin with the line: "Dr. Young" is no drive unless a street or a town follows."""
    if address_points(line.text) < FIRST_LINE or _ends(line):
        return False
    after = layout.below(line.box, line.row)
    return any(c.isdigit() for c in line.text) or (after is not None and address_points(after.text) >= FIRST_LINE)


def _run(layout: PageLayout, first: Segment) -> list[Segment]:
    """The line and those below it up to one that is something else."""
    lines = [first]
    while len(lines) < LINES:
        after = layout.below(lines[-1].box, lines[-1].row)
        if after is None or _ends(after):
            break
        lines.append(after)
    return lines


def _trimmed(layout: PageLayout, lines: list[Segment]) -> list[Segment]:
    """The lines up to the last one that looks like an address, with the town or country below it."""
    last = max(i for i, line in enumerate(lines) if address_points(line.text) >= ANY_LINE)
    if last + 1 < len(lines) and _is_town(layout, lines[last], lines[last + 1]):
        last += 1
    return lines[: last + 1]


def _is_town(layout: PageLayout, line: Segment, after: Segment) -> bool:
    """Whether a line of a few words right below an address is its town, region or country."""
    near = after.box.top - line.box.bottom < 0.8 * layout.letter
    return near and len(after.text.split()) <= 4 and not _OTHER_MARKS.search(after.text)


def _ends(line: Segment) -> bool:
    """Whether the line is no part of an address: it says something else, or names a company."""
    if speaks_of(line.text) or says_something_else(line):
        return True
    return bool(LEGAL_FORM.search(line.text)) and not any(c.isdigit() for c in line.text)
