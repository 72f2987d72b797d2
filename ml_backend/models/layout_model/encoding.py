"""A document of any length as windows that a network of limited length reads, and the way back to its words.

A page becomes one row of sub-words in reading order. It is cut into windows of the network's length that overlap, so that
every word stands somewhere with text on both sides; of the windows that hold a word, the one where it stands most central
answers for it. A window never crosses a page: positions on different pages mean nothing to each other.

A network that looks at the page too (LayoutLMv3) gets the whole page's small picture with each of its windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ml_backend.document.elements import Document, Page
from ml_backend.document.geometry import to_thousand
from ml_backend.models.layout_model.looks import Floats, Look

LONGEST_WORD = 32  # sub-words of one word; the rest of a longer one (a line of dots, a code) is not read
NOWHERE = (0, 0, 0, 0)  # the box of special tokens and of padding

Ints = NDArray[np.int64]


class SubWords(Protocol):
    """A tokenizer: the sub-word ids of each word, without special tokens; none for white space."""

    def ids(self, words: Sequence[str]) -> list[list[int]]: ...


@dataclass(frozen=True, slots=True)
class Shape:
    """What a network reads: windows of ``length`` tokens with the special ones, ``stride`` of them shared by neighbours.

    ``start``, ``end`` and ``pad`` are the ids of its special tokens.
    """

    length: int = 512
    stride: int = 128
    start: int = 0
    end: int = 2
    pad: int = 1

    def __post_init__(self) -> None:
        if not (self.room > LONGEST_WORD and 0 <= self.stride <= self.room - LONGEST_WORD):
            raise ValueError(f"windows of {self.length} tokens that share {self.stride} leave no room for a long word")

    @property
    def room(self) -> int:
        """Tokens of a window that are sub-words."""
        return self.length - 2


@dataclass(frozen=True, slots=True)
class Window:
    """A part of page ``page``: ``ids`` and ``boxes`` (thousandths) of its tokens, special ones included.

    ``firsts`` maps each of its words (indices into the page's words) to the place of its first sub-word among ``ids``. A word
    is never cut in two. ``picture`` is the page's (``Page.picture``).
    """

    page: int
    ids: tuple[int, ...]
    boxes: tuple[tuple[int, int, int, int], ...]
    firsts: Mapping[int, int]
    picture: bytes = field(default=b"", repr=False)

    def middle(self, word: int) -> float:
        """How far ``word`` stands from the nearer edge of the window's text, in sub-words."""
        at = self.firsts[word]
        return min(at, len(self.ids) - 1 - at)


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows of like length as arrays: ``ids`` and ``mask`` of shape (windows, length), ``boxes`` (windows, length, 4).

    ``length`` is that of the longest window among them, not that of the network. ``pixels`` of shape (windows, 3, 224, 224) is
    what their pages look like, None for a network that does not look.
    """

    windows: Sequence[Window]
    ids: Ints
    mask: Ints
    boxes: Ints
    pixels: Floats | None = None


def encode(document: Document, words: SubWords, shape: Shape) -> list[Window]:
    """All windows of a document, page by page; a page without words has none."""
    windows: list[Window] = []
    for number, page in document:
        windows += encode_page(number, page, words, shape)
    return windows


def encode_page(number: int, page: Page, words: SubWords, shape: Shape) -> list[Window]:
    """The windows of page ``number``; each word with at least one sub-word stands whole in one of them or more."""
    pieces = [ids[:LONGEST_WORD] for ids in words.ids([word.text.strip() for word in page.words])]
    boxes = [to_thousand(word.box) for word in page.words]
    kept = [word for word, ids in enumerate(pieces) if ids]
    sizes = [len(pieces[word]) for word in kept]
    return [
        _window(number, [(word, pieces[word], boxes[word]) for word in kept[first:last]], shape, page.picture)
        for first, last in _cuts(sizes, shape.room, shape.stride)
    ]


def _cuts(sizes: Sequence[int], room: int, stride: int) -> Iterator[tuple[int, int]]:
    """Ranges of items, each as long as fits into ``room``; the next begins so that about ``stride`` are shared."""
    first = 0
    while first < len(sizes):
        last, held = first, 0
        while last < len(sizes) and held + sizes[last] <= room:
            held += sizes[last]
            last += 1
        yield first, last
        if last == len(sizes):
            return
        again, shared = last, 0
        while again - 1 > first and shared + sizes[again - 1] <= stride:
            again -= 1
            shared += sizes[again]
        first = again


def _window(
    page: int, parts: Sequence[tuple[int, Sequence[int], tuple[int, int, int, int]]], shape: Shape, picture: bytes
) -> Window:
    ids, boxes, firsts = [shape.start], [NOWHERE], dict[int, int]()
    for word, pieces, box in parts:
        firsts[word] = len(ids)
        ids += pieces
        boxes += [box] * len(pieces)
    return Window(page, (*ids, shape.end), (*boxes, NOWHERE), firsts, picture)


def batches(windows: Sequence[Window], size: int, pad: int, look: Look | None = None) -> Iterator[Batch]:
    """The windows in batches of ``size``, like lengths together, padded to the longest of each batch."""
    order = sorted(range(len(windows)), key=lambda at: len(windows[at].ids))
    for start in range(0, len(order), size):
        yield as_batch([windows[at] for at in order[start : start + size]], pad, look)


def as_batch(windows: Sequence[Window], pad: int, look: Look | None = None) -> Batch:
    """These windows as arrays, with their pages' pictures if the network has a ``look`` at them; at least one."""
    length = max(len(window.ids) for window in windows)
    ids = np.full((len(windows), length), pad, dtype=np.int64)
    mask = np.zeros((len(windows), length), dtype=np.int64)
    boxes = np.zeros((len(windows), length, 4), dtype=np.int64)
    for row, window in enumerate(windows):
        here = len(window.ids)
        ids[row, :here], mask[row, :here], boxes[row, :here] = window.ids, 1, window.boxes
    return Batch(windows, ids, mask, boxes, look.pixels([window.picture for window in windows]) if look else None)


def merge(pages: int, answers: Sequence[tuple[Window, Floats]]) -> tuple[dict[int, Floats], ...]:
    """For each page the logits of its words, from the window where a word stands most central (the earlier one of two).

    ``answers`` are windows with their logits, of shape (at least the window's tokens, tags), in any order.
    """
    best: tuple[dict[int, tuple[float, tuple[int, ...], Floats]], ...] = tuple({} for _ in range(pages))
    for window, logits in answers:
        for word, at in window.firsts.items():
            middle, known = window.middle(word), best[window.page].get(word)
            if known is None or (-middle, window.ids) < (-known[0], known[1]):
                best[window.page][word] = (middle, window.ids, logits[at])
    return tuple({word: logits for word, (_, _, logits) in sorted(page.items())} for page in best)
