"""Which words an annotator meant: regions on the paper become labels of words.

Annotators draw boxes with a free hand: too large, cutting through a word, over several lines, or they complete the text and leave
the box around its first line. Where the words inside do not say what the annotator typed, the typed text decides which of them
were meant, and which words beside the box go on with it. A word belongs to one field at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import count, pairwise

from ml_backend.document.elements import Document, Page
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.document.lines import ALIKE, likeness

INSIDE = 0.5  # a word belongs to a region when this part of it lies inside, or when the region covers this part of ...
TOUCHED = 0.15  # ... its own area on the word; a word touched less is never meant
SPOKEN = 0.5  # this part of a word's characters must stand in the typed text where text decides
ENOUGH = 0.6  # text decides only if the words chosen by it make up this part of the typed text
NEARBY = 2.0  # heights of the text between a region and words beside it that go on with its text
SPELT = (
    0.8  # likeness from which on words beside a region are what its text goes on with; OCR may have misread a letter
)
SHORTEST, LONGEST = 3, 200  # characters of what is looked for beside a region: less stands anywhere
CROWD = 200  # words beside a region among which its text is looked for
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


def spelt(said: str, text: str) -> bool:
    """Whether ``said``, what OCR read in a field's words, is its confirmed ``text``, for all that anybody can tell.

    Misread letters do not matter, and a field may be a part of a word; but nothing that counts may be missing.
    """
    wanted, read = bare(text), bare(said)
    return wanted in read or (likeness(wanted, read) >= ALIKE and len(read) >= SPELT * len(wanted))


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
        spoken = _spoken(page, box, shares, wanted)
        if spoken:
            return {index: shares.get(index, 0.0) for index in spoken}
    return {index: shares[index] for index in inside}


def _spoken(page: Page, box: Box, shares: Mapping[int, float], wanted: str) -> list[int]:
    """Those of the words of ``shares`` that stand in the typed text, and those beside ``box`` that go on with it; none if they do
    not make up most of it. A word between them that OCR has misread beyond telling is one of them if it has the length of what
    is missing there.

    None either where both are so long that telling would hold up the training: the box decides. Anybody may type anything.
    """
    words = sorted(shares)
    texts = [bare(page.words[i].text) for i in words]
    sizes = sum(map(len, texts)), len(wanted)
    if sizes[0] * sizes[1] * min(sizes) > COSTLY:
        return []
    same = [0] * len(texts)
    ends = [(len(wanted), 0)] * len(texts)  # where in the typed text a word's characters begin and end
    owner = [n for n, text in enumerate(texts) for _ in text]
    matcher = SequenceMatcher(None, "".join(texts), wanted, autojunk=False)
    for start, there, length in matcher.get_matching_blocks():
        for at in range(length):
            one = owner[start + at]
            same[one] += 1
            ends[one] = min(ends[one][0], there + at), max(ends[one][1], there + at + 1)
    chosen = [n for n, text in enumerate(texts) if text and (same[n] >= SPOKEN * len(text) or wanted in text)]
    if not chosen:
        return []
    for one, other in pairwise(tuple(chosen)):
        misread = [n for n in range(one + 1, other) if texts[n] and shares[words[n]] >= INSIDE]
        size, gap = sum(len(texts[n]) for n in misread), ends[other][0] - ends[one][1]
        if misread and SPELT * gap <= size <= gap / SPELT:
            chosen += misread
    found, told = [words[n] for n in chosen], sum(same[n] for n in chosen)
    for rest in (wanted[: min(ends[n][0] for n in chosen)], wanted[max(ends[n][1] for n in chosen) :]):
        if more := _beside(page, box, found, rest):
            found, told = [*found, *more], told + len(rest)
    return found if told >= ENOUGH * len(wanted) else []


def _beside(page: Page, box: Box, taken: Sequence[int], rest: str) -> list[int]:
    """The run of words near ``box`` that spells ``rest``, the part of a typed text that is not in the box; or none."""
    if not SHORTEST <= len(rest) <= LONGEST:
        return []
    reach = NEARBY * max(page.words[i].box.height for i in taken) * page.height
    left = sorted(set(range(len(page.words))) - set(taken))
    apart = {i: _apart(page.words[i].box, box, page) for i in left if bare(page.words[i].text)}
    near = {i: bare(page.words[i].text) for i, pixels in apart.items() if pixels <= reach}
    if len(near) > CROWD:
        return []
    runs = [run for first in near for run in _runs(near, first, len(rest))]
    alike = [likeness("".join(near[i] for i in run), rest) for run in runs]
    best = max(range(len(runs)), key=lambda n: (alike[n], -min(apart[i] for i in runs[n])), default=None)
    return [] if best is None or alike[best] < SPELT else list(runs[best])


def _runs(texts: Mapping[int, str], first: int, size: int) -> Iterator[range]:
    """The words from ``first`` on, one after the other, that are together about as long as ``size``."""
    length = 0
    for last in count(first):
        if last not in texts:
            return
        length += len(texts[last])
        if length * SPELT > size:
            return
        if length >= size * SPELT:
            yield range(first, last + 1)


def _apart(one: Box, other: Box, page: Page) -> float:
    """Pixels between two boxes, the larger of those across and those down; 0 where they touch."""
    across = max(one.left - other.right, other.left - one.right) * page.width
    down = max(one.top - other.bottom, other.top - one.bottom) * page.height
    return max(0.0, across, down)
