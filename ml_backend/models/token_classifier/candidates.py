"""Whole fields out of labelled words: every place that may be the field, from the words' labels and from the baseline.

A later step (``ranking``) chooses. Words with a high chance for a label are put together along their line, lines to blocks;
values of a type and the baseline's places come as they are, cut inside of words where needed; text that is nearly a known value
also comes as that value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ml_backend.document.bio_tags import bare
from ml_backend.document.fields import FieldSpec
from ml_backend.document.geometry import Box, union
from ml_backend.models.keywords.found import Found
from ml_backend.models.token_classifier.gazetteer import VALUE, Gazetteer, Likeness
from ml_backend.models.token_classifier.linear import Floats
from ml_backend.models.token_classifier.mending import Mended, mended
from ml_backend.models.token_classifier.reading import Reading

THRESHOLDS = (0.6, 0.35, 0.15, 0.05)  # chances of a label at which its words are put together
PLACES = 8  # of the baseline, and of values of the type, for a label that does not repeat
BLOCKS = 4  # at each threshold
MANY = 150  # places for a label that repeats
ROWS_APART = 2  # lines of one field are no further apart

_EDGE = ":;,*#=|~_'\"` "
_CURRENCY = re.compile(r"[A-Za-z]{0,3}[$€£¥₹]|[A-Z]{2,3}|Rp|Fr\.|kr")
_TAIL = re.compile(r"^[^:\d]{2,}[:#=]\s*(\S.*)$")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible field. ``words`` are token numbers; ``rank`` is its place in the baseline's list, -1 for none.

    ``form`` says how the text came from the words: ``whole``, ``part`` (cut inside of a word), ``known`` (a confirmed value that
    it is like), ``mended`` (slips of OCR put right), ``currency`` (with the sign beside it).
    """

    label: str
    words: tuple[int, ...]
    text: str
    box: Box
    value: str = ""
    form: str = "whole"
    rank: int = -1
    confidence: float = 0.0
    reason: str = ""
    like: Likeness | None = None
    typed: bool = False
    mends: Mended | None = None


def candidates(
    reading: Reading, spec: FieldSpec, chances: Floats, gazetteer: Gazetteer, without: frozenset[int]
) -> list[Candidate]:
    """All candidates for one label; ``chances`` has for each token the probability of B and of I, shape (tokens, 2)."""
    kept: dict[tuple[tuple[int, ...], str], Candidate] = {}
    together = chances.sum(axis=1)
    for candidate in (
        *_from_baseline(reading, spec),
        *_typed(reading, spec, together),
        *_labelled(reading, spec, chances),
    ):
        for form in _forms(reading, spec, candidate):
            key = form.words, bare(form.text)
            if key[1]:
                kept[key] = _merged(kept[key], form) if key in kept else form
    return [form for candidate in kept.values() for form in _known(candidate, gazetteer, without)]


def _merged(one: Candidate, other: Candidate) -> Candidate:
    return replace(one, value=one.value or other.value, typed=one.typed or other.typed)


def _from_baseline(reading: Reading, spec: FieldSpec) -> Iterator[Candidate]:
    for rank, found in enumerate(reading.found[spec.label][: MANY if spec.repeats else PLACES]):
        yield replace(
            _of_found(reading, spec.label, found), rank=rank, confidence=found.confidence, reason=found.reason
        )


def _of_found(reading: Reading, label: str, found: Found) -> Candidate:
    field = found.field(label)
    words = reading.numbers(found)
    return Candidate(label, words, field.text, field.box, field.value, _form(reading, words, field.text))


def _form(reading: Reading, words: Sequence[int], text: str) -> str:
    return "whole" if bare(_joined(reading, words)) == bare(text) else "part"


def _typed(reading: Reading, spec: FieldSpec, together: Floats) -> Iterator[Candidate]:
    """The values of the label's type whose words are most likely to be the label's."""
    places = [_of_found(reading, spec.label, found) for found in reading.typed[spec.label]]
    places.sort(key=lambda place: -max(together[number] for number in place.words))
    for place in places[: MANY if spec.repeats else PLACES]:
        yield replace(place, typed=True)


def _labelled(reading: Reading, spec: FieldSpec, chances: Floats) -> Iterator[Candidate]:
    """Blocks of words whose chance reaches a threshold, the likeliest first."""
    together = chances.sum(axis=1)
    for threshold in THRESHOLDS:
        blocks = list(_blocks(reading, chances, [n for n, chance in enumerate(together) if chance >= threshold]))
        blocks.sort(key=lambda words: -float(sum(together[word] for word in words)))
        for words in blocks[: MANY if spec.repeats else BLOCKS]:
            yield _of_words(reading, spec.label, words)


def _blocks(reading: Reading, chances: Floats, words: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """``words`` (ascending) parted where a new field begins: at a gap in the line, far down, beside, or at a B."""
    block: list[int] = []
    for number in words:
        if block and not _goes_on(reading, chances, block, number):
            yield tuple(block)
            block = []
        block.append(number)
    if block:
        yield tuple(block)


def _goes_on(reading: Reading, chances: Floats, block: Sequence[int], number: int) -> bool:
    before, token = reading.tokens[block[-1]], reading.tokens[number]
    if token.page != before.page or chances[number, 0] > max(0.5, chances[number, 1]):
        return False
    if token.segment == before.segment:
        return token.position - before.position <= 2
    one, other = reading.segments[before.segment], reading.segments[token.segment]
    if one.row == other.row:
        return token.position == 0 and before.position == len(one.words) - 1
    return other.row - one.row <= ROWS_APART


def _of_words(reading: Reading, label: str, words: Sequence[int]) -> Candidate:
    return Candidate(label, tuple(words), _joined(reading, words), _box(reading, words))


def _joined(reading: Reading, words: Sequence[int]) -> str:
    return " ".join(reading.tokens[number].text for number in words).strip(_EDGE)


def _box(reading: Reading, words: Sequence[int]) -> Box:
    return union(reading.tokens[number].word.box for number in words)


def _forms(reading: Reading, spec: FieldSpec, candidate: Candidate) -> Iterator[Candidate]:
    """The candidate, the whole words of a part, an amount with its currency, what stands behind the colon of "No:A-12"."""
    yield candidate
    if candidate.form == "part":
        yield replace(_of_words(reading, candidate.label, candidate.words), typed=False)
    if candidate.typed and spec.type == "amount":
        yield from _with_currency(reading, candidate)
    if candidate.form == "whole" and len(candidate.words) == 1 and (tail := _TAIL.match(candidate.text)):
        box = candidate.box
        left = box.left + box.width * tail.start(1) / max(1, len(candidate.text))
        part = Box.clipped(left, box.top, box.right, box.bottom)
        yield replace(candidate, text=tail[1].strip(_EDGE), box=part, form="part", rank=-1, confidence=0.0)


def _with_currency(reading: Reading, candidate: Candidate) -> Iterator[Candidate]:
    """The amount with a word of letters or signs right before it, such as RM or EUR."""
    first = candidate.words[0]
    token = reading.tokens[first]
    if token.position and _CURRENCY.fullmatch(before := reading.tokens[first - 1].text):
        words = (first - 1, *candidate.words)
        text, box = f"{before} {candidate.text}", union([_box(reading, words[:1]), candidate.box])
        yield replace(candidate, words=words, text=text, box=box, form="currency", typed=False)


def _known(candidate: Candidate, gazetteer: Gazetteer, without: frozenset[int]) -> Iterator[Candidate]:
    """The candidate with what it is like, and as the known value that it is like."""
    like = gazetteer.best(candidate.label, VALUE, candidate.text, without)
    yield replace(candidate, like=like)
    for mends in mended(candidate.text, candidate.label, gazetteer, without):
        again = gazetteer.best(candidate.label, VALUE, mends.text, without)
        yield replace(candidate, like=again, text=mends.text, value="", form="mended", mends=mends)
    if like and like.known.key != bare(candidate.text):
        yield replace(candidate, like=like, text=like.known.text, value="", form="known")
