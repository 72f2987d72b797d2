"""The scans under a report's fields: small JPEGs that stand in the page itself."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH = 840  # pixels; pages are shown at half of it, so that screens with small pixels have something to show
_QUALITY = 60  # to be looked at, not read by a machine: about 60 KB a page

Scans = Callable[[str], Sequence["Image"]]
"""The upright pages of a document by its content; none where they are not at hand."""


def no_scans(content: str) -> Sequence[Image]:
    """Where no pages are kept."""
    return ()


def data_url(image: Image) -> str:
    """A page as the text of an ``<image>``."""
    small = image.copy()
    small.thumbnail((WIDTH, 4 * WIDTH))
    file = BytesIO()
    small.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
