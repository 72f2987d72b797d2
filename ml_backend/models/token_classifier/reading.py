"""A document made ready for the classifier: its words in rows, and what the keyword baseline thinks of them.

The model starts from what is known without training, so the searchers of the baseline run first; all they find is a candidate and
a feature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ml_backend.document.elements import Document, Word
from ml_backend.document.fields import FieldSpec
from ml_backend.models.keyword_baseline import ROLE_SEARCHERS, SEARCHERS
from ml_backend.models.keywords.found import Found, Search
from ml_backend.models.keywords.shapes import shaped
from ml_backend.models.label_guess import guess_role
from ml_backend.models.layout import PageLayout, Segment, lay_out

MOST_FOUND = 200  # places of one label that are looked at; a page of transcribed lines has no more


@dataclass(frozen=True, slots=True)
class Token:
    """A word where it stands: ``position`` in ``segment``, ``index`` among the words of ``page``."""

    page: int
    index: int
    segment: int
    position: int
    word: Word
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """``tokens`` of all pages row by row; ``segments`` likewise, ``spans[s]`` are the first token of one and the one behind it.

    ``found[label]`` are the baseline's places for it, the best first; ``typed[label]`` all values of the label's type.
    """

    document: Document
    layouts: tuple[PageLayout, ...]
    segments: tuple[Segment, ...]
    spans: tuple[tuple[int, int], ...]
    tokens: tuple[Token, ...]
    number: Mapping[tuple[int, int], int]
    found: Mapping[str, Sequence[Found]]
    typed: Mapping[str, Sequence[Found]]

    def numbers(self, found: Found) -> tuple[int, ...]:
        """The tokens of a place, in reading order."""
        return tuple(sorted({self.number[span.page, word] for span in found.spans for word in span.words}))


def read(document: Document, specs: Sequence[FieldSpec], country: str) -> Reading:
    """``document`` with everything that is known of it without training."""
    layouts = lay_out(document)
    segments = tuple(segment for layout in layouts for segment in layout.segments)
    tokens: list[Token] = []
    spans: list[tuple[int, int]] = []
    for at, segment in enumerate(segments):
        first = len(tokens)
        page = document.pages[segment.page]
        for position, index in enumerate(segment.words):
            word = page.words[index]
            tokens.append(Token(segment.page, index, at, position, word, word.text.strip()))
        spans.append((first, len(tokens)))
    found = {spec.label: _search(layouts, spec, country)[:MOST_FOUND] for spec in specs}
    kinds = {spec.type for spec in specs}
    values = {kind: list(_values(segments, kind, country))[:MOST_FOUND] for kind in kinds}
    return Reading(
        document,
        layouts,
        segments,
        tuple(spans),
        tuple(tokens),
        {(token.page, token.index): number for number, token in enumerate(tokens)},
        found,
        {spec.label: values[spec.type] for spec in specs},
    )


def _search(layouts: tuple[PageLayout, ...], spec: FieldSpec, country: str) -> list[Found]:
    kind = spec.type if spec.type in SEARCHERS else "text"
    role = guess_role(spec.label, kind)
    return ROLE_SEARCHERS.get(role.name, SEARCHERS[kind])(Search(layouts, role, country))


def _values(segments: Sequence[Segment], kind: str, country: str) -> Iterator[Found]:
    """Every value of the type, whatever stands beside it."""
    for segment in segments:
        for item in shaped(segment, kind, country):
            yield Found((item.span,), item.value, item.sure, "")
