"""What a network that looks at the page is shown: the page's small picture as numbers.

The pictures are of our own making (``images/squeezed``), but they come from a store, which is hostile until it is checked:
whatever is no JPEG of the one size is no picture. A page without one is shown as plain grey, the mean of what the network was
trained with.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_backend.document.elements import MOST_PICTURE, PICTURE_SIDE

SHAPE = (3, PICTURE_SIDE, PICTURE_SIDE)
Floats = NDArray[np.float32]
Channels = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """How colours become numbers: red, green and blue in ``[0, 1]`` less ``mean``, divided by ``std``, as the base model says."""

    mean: Channels = (0.5, 0.5, 0.5)
    std: Channels = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        """Raises ValueError for values that are no such scale, quoted."""
        if not all(0.0 <= each <= 1.0 for each in self.mean) or not all(0.01 <= each <= 10.0 for each in self.std):
            raise ValueError(f"colours cannot be scaled by {self.mean} and {self.std}")

    def pixels(self, pictures: Sequence[bytes]) -> Floats:
        """The pictures as an array of shape (pictures, 3, 224, 224); all 0 where there is none. The same one is decoded once."""
        pixels = np.zeros((len(pictures), *SHAPE), dtype=np.float32)
        scale = np.array([1 / (255 * each) for each in self.std], dtype=np.float32)[:, None, None]
        shift = np.array([mean / std for mean, std in zip(self.mean, self.std, strict=True)], dtype=np.float32)
        first: dict[bytes, int] = {}
        for at, picture in enumerate(pictures):
            if picture in first:
                pixels[at] = pixels[first[picture]]
                continue
            first[picture] = at
            colours = opened(picture)
            if colours is not None:
                np.multiply(colours.transpose(2, 0, 1), scale, out=pixels[at])
                pixels[at] -= shift[:, None, None]
        return pixels


def opened(picture: bytes) -> NDArray[np.uint8] | None:
    """The colours of a page's picture, shape (224, 224, 3), or None if it is none that we make."""
    from PIL.JpegImagePlugin import JpegImageFile

    if not 0 < len(picture) <= MOST_PICTURE:
        return None
    try:
        with JpegImageFile(io.BytesIO(picture)) as file:  # no other kind is tried
            if file.size != (PICTURE_SIDE, PICTURE_SIDE) or file.mode != "RGB":
                return None
            return np.asarray(file, dtype=np.uint8)
    except Exception:  # on broken bytes decoders raise almost anything
        return None
