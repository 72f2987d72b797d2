"""Pages and cut-outs as PNG files: the same pixels are the same bytes, under a name that is made of the document's content.

Pixels are those of the upright page. PNG loses nothing; its packing is fixed here, so that bytes differ only with another zlib.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ml_backend.document.elements import Page
from ml_backend.document.geometry import Box, Point, Quad
from ml_backend.exports.base import Labelled

if TYPE_CHECKING:
    from PIL.Image import Image

_PACKING = 3  # of zlib: on scans a third of the time of the usual 6, and no larger


def pages_of(document: Labelled) -> Iterator[tuple[int, Page, Image]]:
    """Number, words and picture of each page; one that was let go is not held here (``zip`` would, in its tuple)."""
    pictures = iter(document.pictures())
    for number, page in enumerate(document.document.pages):
        if (picture := next(pictures, None)) is None:
            return
        yield number, page, picture


def page_name(document: Labelled, number: int) -> str:
    """The file of a page, from 0."""
    return f"{document.content}-{number}.png"


def crop_name(document: Labelled, number: int) -> str:
    """The file of a cut-out, from 0; as PPOCRLabel names them, by which ``docloop train-ocr`` keeps a paper's lines together."""
    return f"{document.content}_crop_{number}.png"


def png(picture: Image) -> bytes:
    """The file of a picture."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=_PACKING)
    return buffer.getvalue()


def crop(picture: Image, quad: Quad) -> Image:
    """What lies between four corners, turned upright: their top edge becomes the top of the cut-out; at least 1 x 1 pixel."""
    from PIL.Image import Resampling, Transform

    corners = pixels(quad, picture.size)
    left, top, right, bottom = hull(corners)
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    if (ax, ay, bx, by, cx, cy, dx, dy) == (left, top, right, top, right, bottom, left, bottom):
        x, y = min(int(left), picture.width - 1), min(int(top), picture.height - 1)
        return picture.crop((x, y, max(x + 1, math.ceil(right)), max(y + 1, math.ceil(bottom))))
    width = max(1, round(math.dist(corners[0], corners[1])))
    height = max(1, round(math.dist(corners[0], corners[3])))
    return picture.transform((width, height), Transform.QUAD, (ax, ay, dx, dy, cx, cy, bx, by), Resampling.BICUBIC)


def pixels(quad: Quad, size: tuple[int, int]) -> list[Point]:
    """The corners in pixels of a page of this size, to a hundredth."""
    return [(round(x * size[0], 2), round(y * size[1], 2)) for x, y in quad.points]


def hull(corners: list[Point]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom around the corners."""
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def whole_pixels(box: Box, size: tuple[int, int]) -> list[int]:
    """Left, top, right, bottom of a box without rotation, in whole pixels."""
    return [
        round(box.left * size[0]), round(box.top * size[1]), round(box.right * size[0]), round(box.bottom * size[1])
    ]  # fmt: skip
