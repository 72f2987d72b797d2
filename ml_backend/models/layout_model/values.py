"""What a run of words says as a field: its text as annotators leave it, and the normal form of its type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_backend.document.bio_tags import bare
from ml_backend.document.elements import Page
from ml_backend.document.geometry import Box
from ml_backend.models.keywords.shapes import shaped
from ml_backend.models.layout import Segment

WHOLE, TYPED = "whole", "typed"
"""A label's form: its fields are the words as they stand, or only the date, amount or code in them ("Date:31/12/2018")."""

_EDGE = ":;,*#=|~_'\"` "


@dataclass(frozen=True, slots=True)
class Said:
    """Text and box of a field, and its normal form, or empty."""

    text: str
    box: Box
    value: str = ""


def said(page: Page, words: Sequence[int], kind: str, form: str, country: str) -> Said:
    """What these words of ``page`` say as a field of type ``kind``; no text if there is nothing but marks."""
    whole = Said(_text(page, words), page.box_of(words))
    best = _typed(page, words, kind, country)
    if best is None:
        return whole
    if form == TYPED:
        return best
    return Said(whole.text, whole.box, best.value)


def form_of(examples: Sequence[tuple[Page, Sequence[int], str]], kind: str, country: str) -> str:
    """The form in which fields of a label were confirmed: examples are the words of a region and the text that was typed."""
    typed = whole = 0
    for page, words, text in examples:
        best = _typed(page, words, kind, country)
        as_it_stands = bare(_text(page, words))
        if best is not None and bare(best.text) != as_it_stands:
            typed += bare(best.text) == bare(text)
            whole += as_it_stands == bare(text)
    return TYPED if typed > whole else WHOLE


def _text(page: Page, words: Sequence[int]) -> str:
    return " ".join(text for word in words if (text := page.words[word].text.strip())).strip(_EDGE)


def _typed(page: Page, words: Sequence[int], kind: str, country: str) -> Said | None:
    """The longest value of the type in these words."""
    candidates = shaped(_segment(page, words), kind, country)
    found = max(candidates, key=lambda one: (len(one.text.strip()), one.sure), default=None)
    if found is None or not found.text.strip():
        return None
    span = found.segment.span(found.start, found.end)
    return Said(span.text, span.box, found.value)


def _segment(page: Page, words: Sequence[int]) -> Segment:
    texts = [page.words[word].text.strip() for word in words]
    starts = [0]
    for text in texts[:-1]:
        starts.append(starts[-1] + len(text) + 1)
    return Segment(0, 0, tuple(words), " ".join(texts), tuple(starts), tuple(page.words[word].box for word in words))
