"""Which words an annotator meant: regions on the paper become labels of words.

Annotators draw boxes with a free hand: too large, cutting through a word, over several lines. Where the words inside do not say
what the annotator typed, the typed text decides which of them were meant. A word belongs to one field at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from ml_backend.document.elements import Document, Page
from ml_backend.document.fields import Field

INSIDE = 0.5  # a word belongs to a region when this part of it lies inside, or when the region covers this part of ...
TOUCHED = 0.15  # ... its own area on the word; a word touched less is never meant
SPOKEN = 0.5  # this part of a word's characters must stand in the typed text where text decides
ENOUGH = 0.6  # text decides only if the words chosen by it make up this part of the typed text
COSTLY = 20_000_000  # steps of comparing two texts, which takes their lengths times the shorter one's at worst: 0.4 s
OUTSIDE = "O"

WordLabel = tuple[str, int]
"""The label of a word, and which field of the document it belongs to (its place in the sequence of fields)."""


def bare(text: str) -> str:
    """``text`` in upper case with letters, digits, dots and currency signs only: what makes two values the same."""
    return "".join(c for c in text.upper() if c.isalnum() or c in ".$€£¥₹")


def match_words(document: Document, fields: Sequence[Field]) -> tuple[dict[int, WordLabel], ...]:
    """For each page the words that lie in a region, by index, with the region's label and number.

    A word in two regions goes to the one that holds more of it, then to the smaller one. Regions on pages that are not there,
    and regions without words, give nothing.
    """
    labels: tuple[dict[int, WordLabel], ...] = tuple({} for _ in document.pages)
    claims: list[tuple[float, float, int, int, int]] = []
    for number, field in enumerate(fields):
        if not 0 <= field.page < len(document.pages):
            continue
        for word, share in _meant(document.pages[field.page], field).items():
            claims.append((-share, field.box.area, number, field.page, word))
    for _, _, number, page, word in sorted(claims):
        labels[page].setdefault(word, (fields[number].label, number))
    return labels


def bio_tags(page: Page, labels: Mapping[int, WordLabel]) -> list[str]:
    """One tag a word of ``page`` in its reading order: ``B-total`` begins a field, ``I-total`` goes on, ``O`` is outside."""
    tags: list[str] = []
    begun: set[int] = set()
    for word in range(len(page.words)):
        if word not in labels:
            tags.append(OUTSIDE)
            continue
        label, number = labels[word]
        tags.append(f"{'I' if number in begun else 'B'}-{label}")
        begun.add(number)
    return tags


def _meant(page: Page, field: Field) -> dict[int, float]:
    """The words that the region means, with the part of each that lies inside."""
    box = field.box.upright(page.width, page.height)
    shares: dict[int, float] = {}
    inside: list[int] = []
    for index, word in enumerate(page.words):
        shared = word.box.intersection(box)
        share = shared / word.box.area if word.box.area > 0 else 0.0
        covers = shared / box.area if box.area > 0 else 0.0
        if share >= TOUCHED or covers >= INSIDE:
            shares[index] = share
        if share >= INSIDE or covers >= INSIDE:
            inside.append(index)
    wanted = bare(field.text)
    if wanted and wanted != bare("".join(page.words[i].text for i in inside)):
        spoken = _spoken(page, sorted(shares), wanted)
        if spoken:
            return {index: shares[index] for index in spoken}
    return {index: shares[index] for index in inside}


def _spoken(page: Page, words: Sequence[int], wanted: str) -> list[int]:
    """Those of the words that stand in the typed text, or none if they do not make up most of it.

    None either where both are so long that telling would hold up the training: the box decides. Anybody may type anything.
    """
    texts = [bare(page.words[i].text) for i in words]
    sizes = sum(map(len, texts)), len(wanted)
    if sizes[0] * sizes[1] * min(sizes) > COSTLY:
        return []
    same = [0] * len(texts)
    owner = [n for n, text in enumerate(texts) for _ in text]
    matcher = SequenceMatcher(None, "".join(texts), wanted, autojunk=False)
    for start, _, length in matcher.get_matching_blocks():
        for at in range(start, start + length):
            same[owner[at]] += 1
    chosen = [n for n, text in enumerate(texts) if text and (same[n] >= SPOKEN * len(text) or wanted in text)]
    return [words[n] for n in chosen] if sum(same[n] for n in chosen) >= ENOUGH * len(wanted) else []
