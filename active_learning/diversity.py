"""What a document looks like in 64 numbers: its layout, its head and its words, for telling near-duplicates.

| numbers | part | weight |
|---|---|---|
| 0 - 23 | ink of page one in a grid of 6 rows and 4 columns: the share of each cell that words cover, at most 1 | 0.3 |
| 24 - 47 | MinHash of the character 4-grams of page one's first 8 lines: who issued it | 0.4 |
| 48 - 63 | MinHash of all words of all pages: the rest of the form | 0.3 |

Words with a digit (dates, amounts, numbers) are left out, as they differ between two papers of one kind. MinHash: Broder 1997,
"On the resemblance and containment of documents"; hashes are CRC-32 and fixed multipliers, the same in every process.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from active_learning.measures import Floats, equal_share, overlap
from ml_backend.document.elements import Document, Page
from ml_backend.models.plain_text import normalise

Signature = tuple[float, ...]
"""64 numbers in ``[0, 1]``, or none for a document without text: that one is like no other."""

Slots = NDArray[np.uint16]
Rows = Sequence[int] | NDArray[np.intp]

ROWS, COLUMNS = 6, 4
CELLS = ROWS * COLUMNS
HEAD, WHOLE = 24, 16  # slots
SIZE = CELLS + HEAD + WHOLE
LAYOUT_WEIGHT, HEAD_WEIGHT, WHOLE_WEIGHT = 0.3, 0.4, 0.3
_HEAD_LINES = 8
_HEAD_CHARACTERS = 2000  # more than any head has
_GRAM = 4  # characters
_VALUES = 4096  # a slot's; two different ones meet by chance once in so many
_CELL_DIGITS, _SLOT_DIGITS = 2, 4

_random = Random(20261120)  # fixed for ever: stored signatures depend on it
_MULTIPLIERS = np.array([_random.getrandbits(32) | 1 for _ in range(HEAD + WHOLE)], dtype=np.uint64)
_OFFSETS = np.array([_random.getrandbits(32) for _ in range(HEAD + WHOLE)], dtype=np.uint64)


def signature(document: Document) -> Signature:
    """The 64 numbers of ``document``; empty when no word has a letter or digit."""
    pages = [[_words(page.text_of(line)) for line in page.lines] for page in document.pages]
    whole = {word for lines in pages for word in _telling(_joined(lines))}
    if not whole:
        return ()
    first = document.pages[0]
    head = " ".join(_telling(_joined(pages[0][:_HEAD_LINES])))[:_HEAD_CHARACTERS]
    grams = {head[i : i + _GRAM] for i in range(max(1, len(head) - _GRAM + 1))}
    return (*_ink(first), *_min_hash(grams, slice(0, HEAD)), *_min_hash(whole, slice(HEAD, HEAD + WHOLE)))


def similarity(one: Signature, other: Signature) -> float:
    """How alike two documents are, in ``[0, 1]``; 1 for equal signatures, 0 where one document has no text.

    Two receipts of one shop are mostly above 0.7, those of different shops nearly always under 0.45.
    """
    if not one or not other:
        return 0.0
    a, b = Profiles.of([one]), Profiles.of([other])
    return float(a.similarity([0], b, [0])[0])


class Profiles:
    """Many signatures as arrays, one row each: ``ink`` (n, 24) in ``[0, 1]``, ``head`` (n, 24) and ``whole`` (n, 16) slots."""

    def __init__(self, ink: Floats, head: Slots, whole: Slots) -> None:
        self.ink, self.head, self.whole = ink, head, whole

    @classmethod
    def of(cls, signatures: Sequence[Signature]) -> Profiles:
        """Raises ValueError for a signature that has not 64 numbers."""
        if odd := {len(one) for one in signatures} - {SIZE}:
            raise ValueError(f"a signature has {SIZE} numbers, but it was: {min(odd)}")
        table = np.array(signatures, dtype=np.float64).reshape(-1, SIZE)
        slots = np.rint(table[:, CELLS:] * _VALUES).astype(np.uint16)
        return cls(table[:, :CELLS], slots[:, :HEAD], slots[:, HEAD:])

    def __len__(self) -> int:
        return len(self.ink)

    def similarity(self, rows: Rows, other: Profiles, others: Rows) -> Floats:
        """The similarity of ``rows[i]`` here and ``others[i]`` there, for each i."""
        return np.asarray(
            LAYOUT_WEIGHT * overlap(self.ink[rows], other.ink[others])
            + HEAD_WEIGHT * equal_share(self.head[rows], other.head[others])
            + WHOLE_WEIGHT * equal_share(self.whole[rows], other.whole[others])
        )

    def table(self, rows: Rows, other: Profiles) -> Floats:
        """The similarity of each of ``rows`` here and every document there, (rows, others); as ``similarity``, but all pairs."""
        shared = np.zeros((len(rows), len(other)))
        for cell in range(CELLS):
            shared += np.minimum(self.ink[rows, cell][:, None], other.ink[:, cell])
        whole = (
            self.ink[rows].sum(axis=1)[:, None] + other.ink.sum(axis=1) - shared
        )  # of the larger of both, as a + b - min
        layout = np.divide(shared, whole, out=np.ones_like(whole), where=whole > 0)
        return np.asarray(
            LAYOUT_WEIGHT * layout
            + HEAD_WEIGHT * _equal(self.head[rows], other.head)
            + WHOLE_WEIGHT * _equal(self.whole[rows], other.whole)
        )


def _equal(slots: Slots, others: Slots) -> Floats:
    """The share of equal slots for every pair of rows."""
    count = np.zeros((len(slots), len(others)), dtype=np.uint8)
    for slot in range(slots.shape[1]):
        count += slots[:, slot][:, None] == others[:, slot]
    return np.asarray(count / slots.shape[1])


def _words(text: str) -> list[str]:
    return normalise(text).split()


def _joined(lines: Sequence[list[str]]) -> list[str]:
    return [word for line in lines for word in line]


def _telling(words: Sequence[str]) -> Sequence[str]:
    """The words without digits, or all where each has one."""
    return [word for word in words if not any(map(str.isdigit, word))] or words


def _ink(page: Page) -> list[float]:
    cells = np.zeros((ROWS, COLUMNS))
    for word in page.words:
        x, y = word.box.center
        cells[min(ROWS - 1, int(y * ROWS)), min(COLUMNS - 1, int(x * COLUMNS))] += word.box.area * CELLS
    return [round(float(cell), _CELL_DIGITS) for cell in np.minimum(cells, 1.0).ravel()]


def _min_hash(texts: Collection[str], slots: slice) -> list[float]:
    """The smallest hash of ``texts`` under each of the slots' hash functions, in ``[0, 1]``."""
    codes = np.array([zlib.crc32(text.encode()) for text in texts], dtype=np.uint64)
    hashes = (codes[:, None] * _MULTIPLIERS[slots] + _OFFSETS[slots]) >> np.uint64(16) & np.uint64(2**32 - 1)
    least = hashes.min(axis=0) % np.uint64(_VALUES)
    return [round(int(value) / _VALUES, _SLOT_DIGITS) for value in least]
