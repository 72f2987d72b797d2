"""Two documents side by side: which row of one is which row of the other, and how far they are the same print.

Rows that are nearly the same text are paired in the order they stand in (the heaviest increasing chain), so a receipt with more
items, shifted, scaled or turned a little is still laid upon the one remembered, and a row that only looks the same is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Indel
from rapidfuzz.process import cdist

from ml_backend.models.memory.paper import Line

SAME = 0.65  # rows less alike than this are never one row
LEAST_LETTERS = 2  # rows with fewer say nothing
FREE = 0.4  # likeness that counts nothing
BESIDE = 0.3  # how much the same place across the page adds to a pair
CHOICES = 12  # rows that one row may be paired with; rows of a long list are all alike
HEAD = 8  # rows at the top that name who printed the document
BODY = 0.5  # what other rows weigh
FEW = 0.3  # weight of a row without a whole word


@dataclass(frozen=True, slots=True)
class Aligned:
    """``rows[r]`` is the row that row ``r`` of the remembered document has become, ``likeness[r]`` how alike the two are.

    ``share`` in ``[0, 1]`` is how much of both documents is paired, by weight, ``head`` of the first rows of both. ``scale`` and
    ``shift`` bring x of the remembered page to x of the new one.
    """

    rows: dict[int, int]
    likeness: dict[int, float]
    share: float
    head: float
    scale: float = 1.0
    shift: float = 0.0

    @property
    def alike(self) -> float:
        """How far the two documents are the same print, in ``[0, 1]``: what names the printer counts as much as all the rest."""
        return (self.share + self.head) / 2

    def x(self, old: float) -> float:
        return self.scale * old + self.shift


def align(old: Sequence[Line], new: Sequence[Line], weigh: Callable[[Line], float]) -> Aligned:
    """Lay the remembered rows ``old`` upon ``new``; ``weigh`` says how much a row tells."""
    mine = [r for r, line in enumerate(old) if line.letters >= LEAST_LETTERS]
    yours = [n for n, line in enumerate(new) if line.letters >= LEAST_LETTERS]
    if not mine or not yours:
        return Aligned({}, {}, 0.0, 0.0)
    weights_old, weights_new = [weigh(line) for line in old], [weigh(line) for line in new]
    pairs = [
        (r, n, same, (same - FREE) * min(weights_old[r], weights_new[n]) * (1 + BESIDE * _beside(old[r], new[n])))
        for r, n, same in _pairs(old, new, mine, yours)
    ]
    chain = _heaviest(pairs, len(new))
    rows = {r: n for r, n, _, _ in chain}
    likeness = {r: same for r, _, same, _ in chain}
    return Aligned(
        rows, likeness, *_shares(rows, likeness, weights_old, weights_new), *_across(rows, likeness, old, new)
    )


def _pairs(
    old: Sequence[Line], new: Sequence[Line], mine: Sequence[int], yours: Sequence[int]
) -> Iterator[tuple[int, int, float]]:
    """Rows that may be one, and how alike they are; of too many the likest, then those as far down the document."""
    alike = cdist(
        [old[r].key for r in mine],
        [new[n].key for n in yours],
        scorer=Indel.normalized_similarity,
        score_cutoff=SAME,
        dtype=np.float64,
    )
    for i, row in enumerate(alike):
        columns = np.flatnonzero(row)
        if len(columns) > CHOICES:
            down = np.abs(columns / len(yours) - i / len(mine))
            columns = np.sort(columns[np.lexsort((down, -row[columns]))[:CHOICES]])
        yield from ((mine[i], yours[j], float(row[j])) for j in columns.tolist())


def _beside(one: Line, other: Line) -> float:
    """1 for rows that begin at the same place across the page, 0 from a quarter of the page on."""
    return max(0.0, 1 - 4 * abs(one.lefts[0] - other.lefts[0]))


def _heaviest(pairs: Sequence[tuple[int, int, float, float]], rows: int) -> list[tuple[int, int, float, float]]:
    """The pairs that go down both documents together and weigh most (a Fenwick tree over prefix maxima)."""
    best = [(0.0, -1)] * (rows + 1)
    order = sorted(range(len(pairs)), key=lambda at: (pairs[at][0], -pairs[at][1]))
    before = [-1] * len(pairs)
    top, last = 0.0, -1
    for at in order:
        _, n, _, value = pairs[at]
        place, found = n, (0.0, -1)
        while place > 0:
            found = max(found, best[place])
            place -= place & -place
        total = found[0] + value
        before[at] = found[1]
        if total > top:
            top, last = total, at
        place = n + 1
        while place <= rows:
            best[place] = max(best[place], (total, at))
            place += place & -place
    chain: list[tuple[int, int, float, float]] = []
    while last >= 0:
        chain.append(pairs[last])
        last = before[last]
    return chain[::-1]


def _shares(
    rows: dict[int, int], likeness: dict[int, float], old: Sequence[float], new: Sequence[float]
) -> tuple[float, float]:
    zone_old = [weight * (1.0 if r < HEAD else BODY) for r, weight in enumerate(old)]
    zone_new = [weight * (1.0 if n < HEAD else BODY) for n, weight in enumerate(new)]
    paired_old = sum(likeness[r] * zone_old[r] for r in rows)
    paired_new = sum(likeness[r] * zone_new[n] for r, n in rows.items())
    share = (paired_old + paired_new) / max(1e-9, sum(zone_old) + sum(zone_new))
    head_old = sum(likeness[r] * old[r] for r in rows if r < HEAD) / max(1e-9, sum(old[:HEAD]))
    head_new = sum(likeness[r] * new[n] for r, n in rows.items() if n < HEAD) / max(1e-9, sum(new[:HEAD]))
    return share, (head_old + head_new) / 2


def _across(
    rows: dict[int, int], likeness: dict[int, float], old: Sequence[Line], new: Sequence[Line]
) -> tuple[float, float]:
    """Scale and shift across the page, by least squares over the edges of rows that are nearly the same text."""
    xs: list[float] = []
    ys: list[float] = []
    for r, n in rows.items():
        if likeness[r] >= 0.85:
            xs += [old[r].lefts[0], old[r].rights[-1]]
            ys += [new[n].lefts[0], new[n].rights[-1]]
    if len(xs) < 6:
        return 1.0, 0.0
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    if spread < 1e-3:
        return 1.0, mean_y - mean_x
    scale = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    scale = min(3.0, max(0.33, scale))
    return scale, mean_y - scale * mean_x
