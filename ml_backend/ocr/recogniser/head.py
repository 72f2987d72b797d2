"""The last layer of the recogniser: from the features of a column to one number a class.

It is all that the first kind of training changes, and a plain matrix, so that it is trained and compared without any framework.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml_backend.ocr.recogniser.alphabet import Alphabet

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """``weights`` (features, classes) and ``bias`` (classes), both float32, for the classes of ``alphabet``."""

    weights: Array
    bias: Array
    alphabet: Alphabet

    def __post_init__(self) -> None:
        if self.weights.shape[1:] != self.bias.shape or self.bias.shape != (self.alphabet.classes,):
            raise ValueError(
                f"{self.weights.shape} weights and {self.bias.shape} biases are none for {self.alphabet.classes} classes"
            )

    def logits(self, features: Array) -> Array:
        """(columns, features) to (columns, classes)."""
        return features @ self.weights + self.bias

    def probabilities(self, features: Array) -> Array:
        """The softmax of ``logits``, what the whole network answers."""
        logits = self.logits(features)
        logits -= logits.max(axis=-1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=-1, keepdims=True)
        return logits

    def with_more(self, characters: tuple[str, ...], bias: float) -> Head:
        """The same layer with classes for ``characters``: zero weights and ``bias``, low enough that none of them is read yet.

        The old rows stay as they are, bit for bit; the space moves to the end, where its class belongs.
        """
        if not characters:
            return self
        count = len(characters)
        blank = np.zeros((len(self.weights), count), np.float32)
        weights = np.concatenate([self.weights[:, :-1], blank, self.weights[:, -1:]], axis=1)
        biases = np.concatenate([self.bias[:-1], np.full(count, bias, np.float32), self.bias[-1:]])
        return Head(weights, biases, self.alphabet.with_more(characters))
