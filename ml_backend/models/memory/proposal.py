"""What one remembered document says of a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ml_backend.models.memory.alignment import Aligned
from ml_backend.models.memory.paper import Line, Part

Kind = Literal["constant", "mixed", "typed", "free"]
"""How the text came about: as confirmed; partly so; a value of the type read at the place; the words read at the place."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A possible field. All numbers are in ``[0, 1]``.

    ``place`` is how well the words around agree with those around the remembered field, ``like`` how like the printed text is to
    what was printed there (constant) or how sure the value's type is (typed).
    """

    label: str
    text: str
    parts: tuple[Part, ...]
    kind: Kind
    place: float
    like: float
    value: str = ""
    around: float = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """A row of the new document where a remembered row may have gone, and how much speaks for it."""

    line: int
    trust: float


REACH = 6  # rows that are looked at between two that are known


def targets(aligned: Aligned, row: int, count: int) -> list[Target]:
    """Where row ``row`` may be: the row it is paired with and those beside it, or those between its paired neighbours."""
    if row in aligned.rows:
        at = aligned.rows[row]
        trust = aligned.likeness[row]
        beside = [Target(n, 0.5 * trust) for n in (at - 1, at + 1) if 0 <= n < count]
        return [Target(at, trust), *beside]
    before = max((r for r in aligned.rows if r < row), default=None)
    after = min((r for r in aligned.rows if r > row), default=None)
    if before is None and after is None:
        return []
    low = aligned.rows[before] + 1 if before is not None else 0
    high = aligned.rows[after] - 1 if after is not None else count - 1
    down = low + row - before - 1 if before is not None else None
    up = high - (after - row - 1) if after is not None else None
    places = [n for n in range(low, high + 1) if _near(n, down) or _near(n, up)]
    found = [Target(n, 0.7 if n == down == up else 0.5 if n in (down, up) else 0.25) for n in places]
    return sorted(found, key=lambda target: (-target.trust, target.line))


def _near(row: int, expected: int | None) -> bool:
    return expected is not None and abs(row - expected) <= REACH // 2


BESIDE = 3


def around(aligned: Aligned, row: int, at: int, old: Sequence[Line], new: Sequence[Line]) -> float:
    """The part of the rows near the field, on both papers, that are rows of the other paper too."""
    mine = [r for r in _beside(row, old) if old[r].letters > 1]
    yours = [n for n in _beside(at, new) if new[n].letters > 1]
    paired = set(aligned.rows.values())
    return (sum(r in aligned.rows for r in mine) + sum(n in paired for n in yours)) / max(1, len(mine) + len(yours))


def _beside(row: int, lines: Sequence[Line]) -> range:
    return range(max(0, row - BESIDE), min(len(lines), row + BESIDE + 1))
