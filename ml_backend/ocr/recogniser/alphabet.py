"""The characters that a recogniser knows, and the order in which it sees them.

Class 0 of the network is blank, class k the character k - 1, and the last class a space. A line is seen from left to right, so
text from right to left (Hebrew, Arabic) is learned in that visual order and turned back when it is read (``direction``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

BLANK = 0
MOST = 60_000  # characters of one alphabet; the Unicode planes with scripts of today have fewer
_NEVER = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of characters, line ends: nothing that stands on paper


class Alphabet:
    """``characters`` without blank and space. Equal alphabets have the same characters in the same order."""

    def __init__(self, characters: Sequence[str]) -> None:
        """Raises ValueError for what is no alphabet: a space, a character twice, more than one character, control characters."""
        self.characters = tuple(characters)
        self._classes = {character: number for number, character in enumerate((*self.characters, " "), start=1)}
        if len(self.characters) > MOST or len(self._classes) != len(self.characters) + 1:
            raise ValueError(f"an alphabet has at most {MOST:,} characters, each once")
        if not all(map(_may_hold, self.characters)):
            raise ValueError("an alphabet has single characters that stand on paper")

    def __len__(self) -> int:
        return len(self.characters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alphabet) and other.characters == self.characters

    def __hash__(self) -> int:
        return hash(self.characters)

    @property
    def classes(self) -> int:
        """Outputs of the network: the characters, blank and space."""
        return len(self.characters) + 2

    def missing(self, texts: Iterable[str]) -> tuple[str, ...]:
        """The characters of ``texts`` that are not in the alphabet and can be learned, sorted."""
        found = {character for text in texts for character in text}
        return tuple(sorted(character for character in found - self._classes.keys() if can_learn(character)))

    def with_more(self, characters: Iterable[str]) -> Alphabet:
        """The same alphabet, and behind it ``characters``: classes keep their numbers, but for the space, which stays last."""
        return Alphabet((*self.characters, *characters))

    def encode(self, text: str) -> list[int]:
        """The class of each character. Raises KeyError for one that is not in the alphabet."""
        return [self._classes[character] for character in text]

    def class_of(self, character: str) -> int | None:
        return self._classes.get(character)


def can_learn(character: str) -> bool:
    """Whether it is one visible character: neither white space nor a mark that steers a text, such as its direction."""
    return _may_hold(character) and not character.isspace() and unicodedata.category(character) != "Cf"


def _may_hold(character: str) -> bool:
    """PP-OCRv6 has the wide space of Chinese print; a line end would break the file's list of characters."""
    return len(character) == 1 and unicodedata.category(character) not in _NEVER


def plain_line(text: str) -> str:
    """``text`` as one line: composed (NFC), each white space a space, no two in a row, none at the ends, no invisible marks."""
    visible = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) not in ("Cf", "Cs"))
    return " ".join(visible.split())
