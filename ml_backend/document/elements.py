"""What OCR sees: words on pages, in the order a person reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from ml_backend.document.geometry import Box, Quad, union

UNCERTAIN_BELOW = 0.5  # a word under this confidence is marked, never dropped
PICTURE_SIDE = 224  # pixels of a page's small picture, both ways
MOST_PICTURE = 3 * PICTURE_SIDE**2  # bytes of one: those of its plain pixels; a scanned page's has about 10,000


@dataclass(frozen=True, slots=True)
class Word:
    """One word as the engine read it.

    ``confidence`` is the engine's own, in ``[0, 1]``. ``line`` and ``block`` number the text line and the block (column,
    paragraph) on the page in reading order, from 0; words of one line stand next to each other in ``Page.words``.
    """

    text: str
    quad: Quad
    confidence: float
    line: int = 0
    block: int = 0

    @property
    def box(self) -> Box:
        return self.quad.box

    @property
    def uncertain(self) -> bool:
        """Whether a person should look twice."""
        return self.confidence < UNCERTAIN_BELOW


@dataclass(frozen=True, slots=True)
class Page:
    """One upright page: its size in pixels, its words in reading order, and who read it.

    ``engine`` is the engine's id with its runtime, such as ``rapidocr/openvino``. ``fallback`` says why it is not the first
    engine of the chain, or is empty. ``picture`` is what the page looks like, for models that look at it: all of it squeezed into
    224 x 224 pixels, a JPEG, or empty where nobody kept it. It is no part of what was read, so pages are the same without it.
    """

    width: int
    height: int
    words: tuple[Word, ...] = ()
    engine: str = ""
    fallback: str = ""
    picture: bytes = field(default=b"", compare=False, repr=False)

    @property
    def lines(self) -> list[list[int]]:
        """Indices into ``words``, one list a text line, in reading order."""
        return [list(group) for _, group in groupby(range(len(self.words)), key=lambda i: self.words[i].line)]

    @property
    def text(self) -> str:
        """The whole page, one text line a line."""
        return "\n".join(self.text_of(line) for line in self.lines)

    def text_of(self, words: Sequence[int]) -> str:
        """The words of these indices, joined by spaces."""
        return " ".join(self.words[i].text for i in words)

    def box_of(self, words: Sequence[int]) -> Box:
        """The box around the words of these indices; at least one."""
        return union(self.words[i].box for i in words)

    def with_engine(self, engine: str, fallback: str = "") -> Page:
        return replace(self, engine=engine, fallback=fallback)


@dataclass(frozen=True, slots=True)
class Document:
    """All pages of one task, in order."""

    pages: tuple[Page, ...]

    def __iter__(self) -> Iterator[tuple[int, Page]]:
        return iter(enumerate(self.pages))
