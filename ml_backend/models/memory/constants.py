"""Values that a layout repeats: answered as a person spelt them, where the paper still says nearly the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rapidfuzz.distance import Indel, Levenshtein
from rapidfuzz.fuzz import partial_ratio_alignment

from ml_backend.models.memory.alignment import Aligned
from ml_backend.models.memory.paper import Line, Mark, Paper, Part, folded, spelt
from ml_backend.models.memory.proposal import Proposal, targets

LIKE = 0.65  # printed texts less alike are not the same value
ENOUGH = 0.4  # of a value of several rows, this part must be as it was
LOST = 0.25  # of a value, this part may be missing on the paper
SHORTEST = 2


@dataclass(frozen=True, slots=True)
class _Piece:
    """One row of the remembered value on the new paper: where (None: nowhere), how alike, how many characters it is."""

    part: Part | None
    like: float
    trust: float
    size: int


def constant(paper: Paper, mark: Mark, lines: Sequence[Line], aligned: Aligned) -> Proposal | None:
    """The confirmed value, or the parts of it that are still there with what is printed instead of the others."""
    chunks = _chunks(paper, mark)
    pieces = [_find(paper, part, chunk, lines, aligned) for part, chunk in zip(mark.parts, chunks, strict=True)]
    size = sum(piece.size for piece in pieces)
    if size < SHORTEST:
        return None
    like = sum(piece.like * piece.size for piece in pieces) / size
    place = sum(piece.trust * piece.size for piece in pieces) / size
    there = [piece for piece in pieces if piece.part and piece.like >= LIKE]
    kept = sum(piece.size for piece in there)
    parts = tuple(piece.part for piece in there if piece.part)
    other = [piece for piece in pieces if piece.part and piece.like < LIKE]
    if kept >= (1 - LOST) * size and not other:
        return Proposal(mark.label, mark.text, _in_order(parts), "constant", place, like)
    if kept < ENOUGH * size:
        return None
    if any(piece.part is None for piece in pieces):
        return Proposal(mark.label, mark.text, _in_order(parts), "mixed", place, like)
    texts: list[str] = []
    known = {piece.part.line for piece in there if piece.part}
    for piece, chunk in zip(pieces, chunks, strict=True):
        if piece.like >= LIKE or piece.part is None:
            texts.append(chunk)
        elif piece.part.line not in known:  # two rows that OCR has made one say nothing twice
            texts.append(lines[piece.part.line].text[piece.part.start : piece.part.end])
    everywhere = tuple(piece.part for piece in pieces if piece.part)
    return Proposal(mark.label, " ".join(filter(None, texts)), _in_order(everywhere), "mixed", place, like)


def _in_order(parts: Sequence[Part]) -> tuple[Part, ...]:
    return tuple(sorted(set(parts), key=lambda part: (part.line, part.start)))


def _find(paper: Paper, part: Part, chunk: str, lines: Sequence[Line], aligned: Aligned) -> _Piece:
    """The likest place in the rows where the part may be; where none is like it, the row it should be in."""
    old = paper.lines[part.line]
    needle = old.text[part.start : part.end]
    size = len(spelt(needle))
    best = _Piece(None, 0.0, 0.0, size)
    for target in targets(aligned, part.line, len(lines)):
        found = _within(old, part, lines[target.line], target.line)
        said = folded(lines[target.line].text[found.start : found.end])
        like = max(
            Indel.normalized_similarity(folded(needle), said),
            Indel.normalized_similarity(folded(chunk), said) if chunk else 0.0,
        )
        better = like * (0.8 + 0.2 * target.trust)
        if better > best.like * (0.8 + 0.2 * best.trust) and (like >= LIKE or target.trust >= LIKE - 0.15):
            best = _Piece(found, like, target.trust, size)
    return best


def _within(old: Line, part: Part, line: Line, number: int) -> Part:
    """The characters of ``line`` that are likest to the part: all of it where the part is a whole row."""
    needle = old.text[part.start : part.end]
    rest = spelt(old.text[: part.start] + old.text[part.end :])
    if not rest:
        return Part(number, 0, len(line.text))
    found = partial_ratio_alignment(needle.upper(), line.text.upper())
    if found is None or found.dest_end <= found.dest_start or len(line.text) != len(line.text.upper()):
        return Part(number, 0, len(line.text))
    return Part(number, *_to_words(line.text, found.dest_start, found.dest_end))


def _to_words(text: str, start: int, end: int) -> tuple[int, int]:
    """The range without cutting one or two characters off a word."""
    while start < end and text[start] == " ":
        start += 1
    while end > start and text[end - 1] == " ":
        end -= 1
    left = text.rfind(" ", 0, start) + 1
    right = text.find(" ", end)
    right = len(text) if right < 0 else right
    return (left if start - left <= 2 else start), (right if right - end <= 2 else end)


def _chunks(paper: Paper, mark: Mark) -> list[str]:
    """The confirmed text cut where the printed one goes to the next row."""
    if len(mark.parts) == 1:
        return [mark.text]
    printed = [spelt(paper.lines[part.line].text[part.start : part.end]) for part in mark.parts]
    at = [i for i, c in enumerate(mark.text) if spelt(c)]
    confirmed = "".join(spelt(mark.text[i])[:1] for i in at)
    codes = Levenshtein.opcodes("".join(printed), confirmed)
    cuts, total = [0], 0
    for text in printed[:-1]:
        total += len(text)
        place = len(confirmed)
        for code in codes:
            if code.src_start <= total <= code.src_end:
                place = min(code.dest_end, code.dest_start + total - code.src_start)
                break
        cuts.append(max(cuts[-1], _boundary(mark.text, at[place] if place < len(at) else len(mark.text))))
    cuts.append(len(mark.text))
    return [mark.text[one:other].strip() for one, other in pairwise(cuts)]


def _boundary(text: str, at: int) -> int:
    """The beginning of the word nearest to ``at``."""
    left, right = text.rfind(" ", 0, at) + 1, text.find(" ", at) + 1
    return left if right == 0 or at - left <= right - at else right
