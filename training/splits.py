"""Which documents a model may learn from, and which ones judge it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ml_backend.document.splits import split_of

LEAST_HELD_OUT = 25  # below it one document is more than 4 points of F1, and a held-out verdict is mostly luck


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The documents that judge a challenger. ``folded``: they are also learned from, so only out-of-fold answers count."""

    contents: frozenset[str]
    folded: bool

    @property
    def words(self) -> str:
        """For a verdict: "on 31 held-out documents", "on 24 documents out of fold"."""
        number = len(self.contents)
        noun = "document" if number == 1 else "documents"
        return f"on {number} {noun} out of fold" if self.folded else f"on {number} held-out {noun}"


def held_out(contents: Collection[str]) -> HeldOut:
    """Who judges: the test split once it holds ``LEAST_HELD_OUT`` documents, before that all of them, out of fold."""
    test = frozenset(content for content in contents if split_of(content) == "test")
    if len(test) >= LEAST_HELD_OUT:
        return HeldOut(test, folded=False)
    return HeldOut(frozenset(contents), folded=True)
