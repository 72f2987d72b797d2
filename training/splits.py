"""Which documents a model may learn from, and which ones judge it: by hash, so that nothing moves as the data grows.

A document's place depends on its content alone. Nobody can choose it, a second copy of a document lands beside the first one, and
yesterday's held-out document is still held out tomorrow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "val", "test"]

TEST_SHARE = 0.20
VAL_SHARE = 0.10
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


def split_of(content: str) -> Split:
    """The split of a document: a fifth is test, a tenth val, the rest train; the same answer for ever."""
    place = _place("split", content)
    if place < TEST_SHARE:
        return "test"
    return "val" if place < TEST_SHARE + VAL_SHARE else "train"


def held_out(contents: Collection[str]) -> HeldOut:
    """Who judges: the test split once it holds ``LEAST_HELD_OUT`` documents, before that all of them, out of fold."""
    test = frozenset(content for content in contents if split_of(content) == "test")
    if len(test) >= LEAST_HELD_OUT:
        return HeldOut(test, folded=False)
    return HeldOut(frozenset(contents), folded=True)


def _place(purpose: str, content: str) -> float:
    """A number in ``[0, 1)``, uniform over contents and independent between purposes (53 bits, so that it stays below 1)."""
    digest = hashlib.sha256(f"docloop {purpose} {content}".encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)
