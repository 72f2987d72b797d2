"""Reads lines with a last layer on stored features, and counts what is wrong: the gate's measure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from ml_backend.ocr.recogniser.alphabet import BLANK, Alphabet, plain_line
from ml_backend.ocr.recogniser.direction import turned
from ml_backend.ocr.recogniser.head import Head

Seen = npt.NDArray[np.floating]  # features (columns, features) of one line
_BLOCK = 2048  # columns at once


@dataclass(frozen=True, slots=True)
class Errors:
    """``edits`` of ``characters`` are wrong, ``exact`` of ``lines`` are wholly right."""

    edits: int = 0
    characters: int = 0
    exact: int = 0
    lines: int = 0

    @property
    def cer(self) -> float:
        """Character error rate: edits for each character of the truth; 0 where there is nothing to read."""
        return self.edits / self.characters if self.characters else 0.0

    @property
    def share_exact(self) -> float:
        return self.exact / self.lines if self.lines else 1.0

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.edits + other.edits,
            self.characters + other.characters,
            self.exact + other.exact,
            self.lines + other.lines,
        )


def read_lines(head: Head, lines: Sequence[Seen]) -> Iterator[str]:
    """The text of each line in logical order, by the best path."""
    characters = ("", *head.alphabet.characters, " ")
    for classes in _classes(head, lines):
        yield _text(classes, characters)


def text_of(answer: npt.NDArray[np.floating], alphabet: Alphabet) -> str:
    """The text of one line whose columns have these numbers for the classes (columns, classes), likewise."""
    return _text(answer.argmax(axis=1), ("", *alphabet.characters, " "))


def _text(classes: npt.NDArray[np.intp], characters: Sequence[str]) -> str:
    kept = classes != BLANK
    kept[1:] &= classes[1:] != classes[:-1]
    return plain_line(turned("".join(characters[k] for k in classes[kept])))


def errors(read: Iterable[str], truths: Iterable[str], any_case: bool = False) -> list[Errors]:
    """What is wrong in each line. With ``any_case`` a letter in the other case is right."""
    return [_errors(*((a.upper(), b.upper()) if any_case else (a, b))) for a, b in zip(read, truths, strict=True)]


def _errors(read: str, truth: str) -> Errors:
    return Errors(Levenshtein.distance(read, truth), len(truth), int(read == truth), 1)


def _classes(head: Head, lines: Sequence[Seen]) -> Iterator[npt.NDArray[np.intp]]:
    """The most probable class of each column, line by line; many short lines share one product."""
    waiting: list[Seen] = []
    for number, line in enumerate(lines):
        waiting.append(line)
        if sum(map(len, waiting)) >= _BLOCK or number == len(lines) - 1:
            best = head.logits(np.concatenate(waiting).astype(np.float32)).argmax(axis=1)
            yield from np.split(best, np.cumsum([len(one) for one in waiting])[:-1])
            waiting = []
