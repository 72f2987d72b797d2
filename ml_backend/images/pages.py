"""One page as everything after this package sees it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class PageImage:
    """One upright page.

    ``image`` is 8-bit RGB and is not to be changed; ``digest`` is the SHA-256 of its size and pixels (hexadecimal), so that the
    same picture has the same digest whatever file it came in; ``number`` counts the pages of the file from 0.
    """

    image: Image = field(compare=False, repr=False)
    digest: str
    number: int = 0

    @classmethod
    def of(cls, image: Image, number: int = 0) -> PageImage:
        """The page of an upright 8-bit RGB image."""
        return cls(image, digest(image.size, image.tobytes()), number)

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height


def digest(size: tuple[int, int], pixels: bytes | bytearray) -> str:
    """SHA-256 of an RGB image: the size goes in first, so that 2 x 3 and 3 x 2 pixels of one colour differ."""
    total = hashlib.sha256(b"RGB %d %d\n" % size)
    total.update(pixels)
    return total.hexdigest()


def content_of(digests: Sequence[str]) -> str:
    """The identity of a document: the SHA-256 (hexadecimal) over the digests of its pages that could be decoded, in order."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
