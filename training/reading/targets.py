"""What the last layer is trained towards: the classes that training may change, and what a transcription asks of them.

All other classes stay as they are. Their sum is still part of the softmax (``rest``), so that training sees the same
probabilities as the whole network gives, at the price of a hundred classes instead of 18,710.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ml_backend.ocr.recogniser.alphabet import BLANK
from ml_backend.ocr.recogniser.head import Head

Array = npt.NDArray[np.float32]
_BLOCK = 2048  # columns whose numbers for all classes are in memory at once, 150 MB
CASE_SHARE = 0.02  # of the letters: what the model reads in small letters although none is written so
CASE_LETTERS = 200  # letters that a transcription must have before it can be said to leave small letters out


class Targets:
    """``active`` are the classes that are trained, sorted: blank first. With ``any_case`` a letter is right in either case.

    A symbol is what a transcription asks for: one class, or the two cases of a letter. ``first`` and ``second`` (symbols) are
    places in ``active``, ``second`` is -1 where there is one class only. Symbol 0 is blank.
    """

    def __init__(self, head: Head, texts: Iterable[str], any_case: bool) -> None:
        self.any_case = any_case
        self._alphabet = head.alphabet
        characters = sorted({self._folded(c) for text in texts for c in text} | {" "})
        groups = [(BLANK,), *(self._group(character) for character in characters)]
        self.active = np.unique(np.concatenate([np.array(group) for group in groups]))
        place = {int(number): at for at, number in enumerate(self.active)}
        self.first = np.array([place[group[0]] for group in groups])
        self.second = np.array([place[group[1]] if len(group) > 1 else -1 for group in groups])
        self._symbols = {character: number for number, character in enumerate(characters, start=1)}

    def encode(self, text: str) -> list[int]:
        """The symbols of a text in visual order."""
        return [self._symbols[self._folded(character)] for character in text]

    def _group(self, character: str) -> tuple[int, ...]:
        (own,) = self._alphabet.encode(character)
        small = self._alphabet.class_of(character.lower()) if self.any_case else None
        return (own,) if small is None or small == own else (own, small)

    def _folded(self, character: str) -> str:
        capital = character.upper() if self.any_case else character
        return capital if len(capital) == 1 and self._alphabet.class_of(capital) is not None else character


def ignores_case(texts: Sequence[str], read: Sequence[str]) -> bool:
    """Whether the transcription has capitals only although the model sees small letters: then it says nothing of case."""
    written = [c for text in texts for c in text if c.upper() != c.lower()]
    seen = [c for text in read for c in text if c.upper() != c.lower()]
    if len(written) < CASE_LETTERS or any(c != c.upper() for c in written):
        return False
    return sum(c != c.upper() for c in seen) > CASE_SHARE * len(seen)


def rest(head: Head, active: npt.NDArray[np.intp], features: npt.NDArray[np.floating]) -> Array:
    """The logarithm of the summed ``exp(logits)`` of all classes that are not ``active``, for each column (columns)."""
    others = np.setdiff1d(np.arange(head.alphabet.classes), active)
    sums = np.empty(len(features), np.float32)
    weights, bias = head.weights[:, others], head.bias[others]
    for start in range(0, len(features), _BLOCK):
        logits = features[start : start + _BLOCK].astype(np.float32) @ weights
        logits += bias
        np.exp(logits, out=logits)  # they lie far below 88, where float32 ends
        sums[start : start + _BLOCK] = logits.sum(axis=1)
    return np.asarray(np.log(np.maximum(sums, np.float32(1e-30))), np.float32)
