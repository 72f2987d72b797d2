"""Codes with check digits tell a misread character, and mostly also what it was.

Two kinds of slips are tried: letters that look like a digit where only digits stand (O for 0), and one digit for another that
looks like it (8 for 3). A repair is believed only if it is the single one that the check digits accept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

LETTERS = {
    "O": "0", "Q": "0", "D": "0", "I": "1", "L": "1", "|": "1", "!": "1", "Z": "2", "A": "4", "S": "5", "G": "6", "B": "8",
}  # fmt: skip
"""The digit that OCR most likely saw where it read the letter."""
ALIKE = {
    "0": "689",
    "1": "47",
    "2": "7",
    "3": "859",
    "4": "19",
    "5": "368",
    "6": "058",
    "7": "12",
    "8": "0369",
    "9": "0348",
}
"""Digits that are read for each other on worn or skewed print."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """A code as it must have been printed, and how many characters of what was read were changed."""

    text: str
    changes: int


def repaired(text: str, valid: Callable[[str], bool], digits: slice) -> Repaired | None:
    """``text`` with its slips put right, or None where nothing, or more than one thing, would make it ``valid``.

    ``digits`` are the places (of characters but spaces) where only digits stand; elsewhere at most one character is changed.
    Spaces stay where they are. ``valid`` is asked without spaces, in upper case.
    """
    places = [i for i, c in enumerate(text) if not c.isspace()]
    plain = list(text)
    letters = [i for i in places[digits] if plain[i].upper() in LETTERS]
    for i in letters:
        plain[i] = LETTERS[plain[i].upper()]
    if valid(_compact(plain)):
        return Repaired("".join(plain), len(letters))
    found = [one for one in _one_changed(plain, places) if valid(_compact(one))]
    return Repaired("".join(found[0]), len(letters) + 1) if len(found) == 1 else None


def _one_changed(plain: list[str], places: list[int]) -> Iterator[list[str]]:
    for i in places:
        for other in ALIKE.get(plain[i], "") or LETTERS.get(plain[i].upper(), ""):
            yield [*plain[:i], other, *plain[i + 1 :]]


def _compact(characters: list[str]) -> str:
    return "".join(c for c in characters if not c.isspace()).upper()
