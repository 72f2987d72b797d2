"""What a whole page looks like in very few pixels, for models that look at pages: kept with its words, it costs some 10 kB.

Squeezed to a square without regard to its proportions, and by the filter, that LayoutLMv3 was trained with (transformers'
``LayoutLMv3ImageProcessorPil``: bilinear, 224 x 224).
"""

from __future__ import annotations

import io

from PIL.Image import Image, Resampling

from ml_backend.document.elements import PICTURE_SIDE

_QUALITY = 90
_GAP = (
    3.0  # a large page is first reduced to this many times the size by plain averages, which is several times as fast
)


def squeezed(image: Image) -> bytes:
    """The upright RGB page as a JPEG of ``PICTURE_SIDE`` pixels both ways; the same pixels give the same bytes."""
    small = image.resize((PICTURE_SIDE, PICTURE_SIDE), Resampling.BILINEAR, reducing_gap=_GAP)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
