"""Which part of the data a document belongs to: by hash, so that nothing moves as the data grows.

A document's place depends on its content alone. Nobody can choose it, a second copy of a document lands beside the first one, and
yesterday's held-out document is still held out tomorrow.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")

TEST_SHARE = 0.20
VAL_SHARE = 0.10


def split_of(content: str) -> Split:
    """The split of a document: a fifth is test, a tenth val, the rest train; the same answer for ever."""
    place = _place("split", content)
    if place < TEST_SHARE:
        return "test"
    return "val" if place < TEST_SHARE + VAL_SHARE else "train"


def _place(purpose: str, content: str) -> float:
    """A number in ``[0, 1)``, uniform over contents and independent between purposes (53 bits, so that it stays below 1)."""
    digest = hashlib.sha256(f"docloop {purpose} {content}".encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)
