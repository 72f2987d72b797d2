"""Text from right to left, as it is spoken (logical order) and as it stands on the paper from left to right (visual order).

The part of the Unicode Bidirectional Algorithm (UAX #9) that lines of documents need: numbers keep their order, signs go with
what is around them, brackets are mirrored. Embeddings and isolates, which no paper shows, are left out. What is turned twice is
as before for most lines; where numbers and letters of both directions mix, the paper does not say which order was meant.
"""

from __future__ import annotations

import unicodedata
from itertools import groupby

_MIRRORED = str.maketrans("()[]{}<>«»‹›", ")(][}{><»«›‹")
_RIGHT = ("R", "AL")


def from_right(text: str) -> bool:
    """Whether the text has a letter that is written from right to left."""
    return any(unicodedata.bidirectional(character) in _RIGHT for character in text)


def turned(text: str) -> str:
    """Logical order as visual order, and visual order as logical order. Text without letters from the right stays as it is."""
    if not from_right(text):
        return text
    levels = _levels(text)
    for level in range(max(levels), 0, -1):
        text, levels = _reversed_from(text, levels, level)
    return text


def _reversed_from(text: str, levels: list[int], level: int) -> tuple[str, list[int]]:
    """Rule L2 for one level: every stretch at this level or above is reversed; at the first, signs are mirrored (L4)."""
    characters: list[str] = []
    order: list[int] = []
    for high, group in groupby(zip(text, levels, strict=True), key=lambda pair: pair[1] >= level):
        stretch = list(group)
        for character, own in stretch[::-1] if high else stretch:
            characters.append(character.translate(_MIRRORED) if own == level and own % 2 else character)
            order.append(own)
    return "".join(characters), order


def _levels(text: str) -> list[int]:
    """0 for text from the left, 1 from the right, 2 for text or numbers from the left inside text from the right."""
    kinds = _kinds(text)
    base = 1 if kinds.count("R") >= kinds.count("L") else 0
    around = "R" if base else "L"
    kinds = _with_signs(kinds, around)
    level = {"L": 2 * base, "N": 2, "R": 1}
    return [level[kind] for kind in kinds]


def _kinds(text: str) -> list[str]:
    """L or R for letters, N for digits with the signs that belong to a number, "" for the rest."""
    raw = [unicodedata.bidirectional(character) for character in text]
    simple = {"L": "L", "R": "R", "AL": "R", "EN": "N", "AN": "N"}
    kinds = [simple.get(each, "") for each in raw]
    for i in range(1, len(raw) - 1):  # W4: one separator between two digits
        if raw[i] in ("CS", "ES") and kinds[i - 1] == kinds[i + 1] == "N":
            kinds[i] = "N"
    for sweep in (range(len(raw)), range(len(raw) - 1, -1, -1)):  # W5: signs of money and percent beside a number
        beside = ""
        for i in sweep:
            if raw[i] == "ET" and beside == "N":
                kinds[i] = "N"
            elif raw[i] == "NSM":
                kinds[i] = beside
            beside = kinds[i]
    return kinds


def _with_signs(kinds: list[str], around: str) -> list[str]:
    """N1, N2: signs between two of one direction go with them, others with the line. W7: numbers after Latin text join it."""
    strong = around
    for i, kind in enumerate(kinds):
        if kind == "N" and strong == "L":
            kinds[i] = "L"
        elif kind in ("L", "R"):
            strong = kind
    result: list[str] = []
    before = around
    for empty, group in groupby(kinds, key=lambda kind: not kind):
        stretch = list(group)
        if empty:
            rest = kinds[len(result) + len(stretch) :]
            after = _side(rest[0]) if rest else around
            result += [before if before == after else around] * len(stretch)
        else:
            result += stretch
            before = _side(stretch[-1])
    return result


def _side(kind: str) -> str:
    return "R" if kind == "N" else kind
