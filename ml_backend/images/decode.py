"""Bytes to upright 8-bit RGB images, in this process: the part that can hang, crash or eat memory on a hostile file.

The service calls it through ``loader.PageLoader``, in a child. Only files we made ourselves may be decoded directly.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator

from PIL import Image, ImageCms, UnidentifiedImageError

from ml_backend.errors import ImageRejected
from ml_backend.images import pdf
from ml_backend.images.kinds import PDF, kind_of
from ml_backend.images.limits import DEFAULT_LIMITS, Limits
from ml_backend.images.pages import PageImage

_AGAIN = "Export or scan it again."
_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WHITE_POINTS = (255, 1023, 4095, 16_383, 65_535)  # of 8, 10, 12, 14 and 16 bits a sample
_TRUNCATED = ("truncated", "not enough data", "unexpected end", "buffer is not large enough")


def load_pages(data: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[PageImage, ...]:
    """All pages of a file we trust, decoded in this process: rendered samples, tests."""
    return tuple(PageImage.of(image, number) for number, image in enumerate(decode(data, limits)))


def decode(data: bytes, limits: Limits) -> Iterator[Image.Image]:
    """The pages of a file, one at a time: upright, 8-bit RGB, transparent parts white.

    Of an animated PNG or WebP the first frame is the page; of a TIFF every frame is one.

    Raises:
        ImageRejected: for every reason why the bytes are no page, with the code of the reason.
    """
    kind = kind_of(data, limits)
    pages = pdf.render(data, limits) if kind == PDF else _pictures(data, kind, limits)
    total = 0
    try:
        for image in pages:
            total += image.width * image.height
            _check_total(total, limits)
            yield image
        if not total:
            raise ImageRejected("image_broken", f"The {kind} file holds no page.", _AGAIN)
    except (ImageRejected, MemoryError):
        raise
    except Exception as error:  # on broken bytes decoders raise almost anything
        raise _why(error, kind) from error


def _pictures(data: bytes, kind: str, limits: Limits) -> Iterator[Image.Image]:
    if kind == "WEBP" and int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise EOFError(f"{len(data):,} bytes of {int.from_bytes(data[4:8], 'little') + 8:,}")
    number, count = 0, 1
    while number < count:
        with Image.open(io.BytesIO(data), formats=[kind]) as file:  # anew for each page, so that only one is in memory
            if kind == "TIFF":
                count = count if number else _count_frames(file, limits)
                file.seek(number)
            _check_size(file.size, limits)
            file.load()
            page = upright(file)
        yield page
        number += 1


def _count_frames(file: Image.Image, limits: Limits) -> int:
    """Frames of a TIFF; stops counting past the limit, because each costs a walk through the file."""
    for number in range(1, limits.pages + 1):
        try:
            file.seek(number)
        except EOFError:
            file.seek(0)
            return number
    raise ImageRejected(
        "image_too_many_pages",
        f"The TIFF has more than {limits.pages} pages; at most {limits.pages} are read.",
        "Split it into several documents.",
    )


def upright(file: Image.Image) -> Image.Image:
    """A loaded picture of any mode as an upright 8-bit RGB image."""
    turn = _UPRIGHT.get(_orientation(file))
    image = to_rgb(file)
    return image.transpose(turn) if turn is not None else image


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture of any mode as 8-bit RGB: transparent parts white, wide samples scaled to their usual white point."""
    if image.mode.startswith("I") or image.mode == "F":
        return _to_eight_bits(image).convert("RGB")
    if image.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.applyTransform(image, ImageCms.buildTransform(*profiles, "LAB", "RGB"))
        if converted is None:
            raise ValueError("the LAB colours could not be converted")
        return converted
    if image.has_transparency_data:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(layer, mask=layer.getchannel("A"))
        return white
    return image.convert("RGB")  # a copy also of RGB, so that it outlives the file


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey samples as bytes: black is 0, white the smallest usual white point that holds the brightest sample."""
    samples = image.convert("F")
    low, high = (float(value) for value in samples.getextrema())  # type: ignore[arg-type]
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("the samples are not finite numbers")
    points = (1, *_WHITE_POINTS) if image.mode == "F" else _WHITE_POINTS
    black, white = 0.0, float(next((point for point in points if point >= high), 0))
    if low < 0 or not white:  # beyond everything usual: the full range
        black, white = low, max(high, low + 1e-9)
    scale = 255 / (white - black)
    return samples.point(lambda sample: sample * scale + (0.5 - black * scale)).convert("L")


def _orientation(file: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; broken EXIF data is no reason to refuse a page, so it counts as upright."""
    try:
        return int(file.getexif().get(_ORIENTATION, 1))
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, OverflowError, RecursionError, struct.error):
        return 1


def _check_size(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageRejected("image_broken", f"The picture is {width} x {height} pixels.", _AGAIN)
    if max(size) > limits.side:
        raise ImageRejected(
            "image_side_too_long",
            f"The picture is {width:,} x {height:,} pixels; at most {limits.side:,} a side are read.",
            "Scale it down, or cut it into pages.",
        )
    if width * height > limits.pixels:
        raise ImageRejected(
            "image_too_many_pixels",
            f"The picture is {width:,} x {height:,} = {width * height:,} pixels; at most {limits.pixels:,} are read.",
            "Scale it down: 300 dpi is enough for reading.",
        )


def _check_total(total: int, limits: Limits) -> None:
    if total > limits.total_pixels:
        raise ImageRejected(
            "image_too_many_pixels",
            f"The pages have more than {limits.total_pixels:,} pixels together.",
            "Split the document, or scale its pages down.",
        )


def _why(error: Exception, kind: str) -> ImageRejected:
    if isinstance(error, UnidentifiedImageError):
        return ImageRejected("image_broken", f"The {kind} file has no readable header.", _AGAIN)
    text = str(error).lower()
    if "out of memory" in text or "unable to allocate" in text:
        raise MemoryError(text)
    if isinstance(error, (EOFError, struct.error)) or any(word in text for word in _TRUNCATED):
        return ImageRejected(
            "image_truncated", f"The {kind} file ends too early ({error}).", "Upload or download it again."
        )
    return ImageRejected("image_broken", f"The {kind} file is broken ({type(error).__name__}: {error}).", _AGAIN)
