"""PDF pages to images with PDFium. How large a page will be is computed from its box before a pixel of it is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pypdfium2
from PIL.Image import Image

from ml_backend.errors import ImageRejected
from ml_backend.images.limits import Limits

_POINTS_AN_INCH = 72
_MAX_SIDE = 14_400  # points; the largest page of the PDF specification (ISO 32000, annex C), 5.08 m


def render(data: bytes, limits: Limits) -> Iterator[Image]:
    """The pages of a PDF in order, each drawn upright on white, form fields and annotations included.

    Raises:
        ImageRejected: ``pdf_encrypted``, ``image_too_many_pages``, ``image_side_too_long``,
            ``image_broken``.
    """
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise _why(error) from None
    try:
        count = len(document)
        if count > limits.pages:
            raise ImageRejected(
                "image_too_many_pages",
                f"The PDF has {count:,} pages; at most {limits.pages} are read.",
                "Split it into several documents.",
            )
        document.init_forms()
        for number in range(count):
            yield _draw(document, number, limits)
    finally:
        document.close()


def scale_of(width: float, height: float, limits: Limits) -> float:
    """Pixels a point for a page of this size in points: the wanted resolution, or what the limits leave of it.

    Raises:
        ImageRejected: ``image_side_too_long`` or ``image_broken``, for a page that no paper has.
    """
    if not (math.isfinite(width) and math.isfinite(height) and width > 0 and height > 0):
        raise ImageRejected("image_broken", f"A page of the PDF is {width:g} x {height:g} points.", "Export it again.")
    if max(width, height) > _MAX_SIDE:
        raise ImageRejected(
            "image_side_too_long",
            f"A page of the PDF is {width:,.0f} x {height:,.0f} points; the PDF format allows {_MAX_SIDE:,} a side.",
            "Export it again with a real paper size.",
        )
    area = math.sqrt(min(limits.pdf_pixels, limits.pixels) / (width * height))
    return min(limits.dpi / _POINTS_AN_INCH, area, limits.side / max(width, height))


def _draw(document: pypdfium2.PdfDocument, number: int, limits: Limits) -> Image:
    try:
        page = document[number]
    except pypdfium2.PdfiumError as error:
        raise ImageRejected(
            "image_broken", f"Page {number + 1} of the PDF is broken ({error}).", "Export it again."
        ) from None
    try:
        bitmap = page.render(scale=scale_of(page.get_width(), page.get_height(), limits), rev_byteorder=True)
        image: Image = bitmap.to_pil().copy()  # to_pil borrows the bitmap's memory
        bitmap.close()
        return image if image.mode == "RGB" else image.convert("RGB")
    finally:
        page.close()


def _why(error: pypdfium2.PdfiumError) -> ImageRejected:
    if "password" in str(error).lower() or "security" in str(error).lower():
        return ImageRejected("pdf_encrypted", "The PDF is protected by a password.", "Save a copy without a password.")
    return ImageRejected("image_broken", f"The PDF cannot be opened ({error}).", "Export it again.")
