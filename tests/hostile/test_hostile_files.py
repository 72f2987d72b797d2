"""Promise P9: hostile or odd files cost themselves, never the service; the next good file is always read.

Every file goes through the real loader with its child process. A row says what comes back, ``page`` or the code of the refusal,
and why the file is in the table.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator

import pytest
from hostile.hostile_files import (
    PNG,
    chunk,
    encrypted_pdf,
    flate_bomb_pdf,
    image_bomb_pdf,
    jpeg_saying,
    marked,
    pdf,
    png,
    png_with_text_flood,
    saved,
    tiff,
    tiff_with_a_cycle,
    xref_loop_pdf,
)
from PIL import Image

from ml_backend.errors import ImageRejected
from ml_backend.images.limits import Limits
from ml_backend.images.loader import PageLoader
from ml_backend.images.pages import PageImage

LIMITS = Limits(pixels=4_000_000, side=20_000, bytes=2_000_000, seconds=20)
GOOD = saved(marked(), "PNG")
NOISE = Image.effect_noise((200, 150), 80).convert("RGB")


@pytest.fixture(scope="module")
def loader() -> Iterator[PageLoader]:
    with PageLoader(LIMITS, children=1) as loader:
        yield loader


def load(loader: PageLoader, data: bytes) -> tuple[PageImage, ...] | ImageRejected:
    try:
        return loader.load(data)
    except ImageRejected as refusal:
        return refusal


def outcome(loader: PageLoader, data: bytes) -> str:
    result = load(loader, data)
    if isinstance(result, ImageRejected):
        assert result.message
        assert result.fix
        return result.code
    assert all(page.image.mode == "RGB" for page in result)
    return "page" if len(result) == 1 else f"{len(result)} pages"


FILES: list[tuple[str, Callable[[], bytes], str]] = [
    # bombs: at .9 of a limit a file is read, at 1.1 it is refused before it is unpacked
    ("PNG of .9 of the pixels", lambda: png(2000, 1800), "page"),
    ("PNG of 1.1 of the pixels", lambda: png(2000, 2200), "image_too_many_pixels"),
    ("PNG of 2.1 of Pillow's own limit", lambda: png(20_000, 18_800, rows=0), "image_too_many_pixels"),
    ("JPEG of 1.1 of the pixels", lambda: saved(Image.new("L", (2000, 2200)), "JPEG"), "image_too_many_pixels"),
    ("PNG of .9 of the longest side", lambda: png(18_000, 100), "page"),
    ("65,000 x 1 PNG", lambda: png(65_000, 1), "image_side_too_long"),
    ("1 x 65,000 PNG", lambda: png(1, 65_000), "image_side_too_long"),
    ("PNG header of 2^31-1 pixels a side", lambda: png(2**31 - 1, 2**31 - 1, rows=0), "image_side_too_long"),
    ("one byte too large", lambda: PNG + b"\0" * (LIMITS.bytes - len(PNG) + 1), "image_too_large_bytes"),
    ("PNG with 100 MB of comments", lambda: png_with_text_flood(100), "image_broken"),
    ("PNG with 1 MB of comments", lambda: png_with_text_flood(1), "page"),
    # headers that lie
    ("zero width PNG", lambda: png(0, 10), "image_broken"),
    ("zero height PNG", lambda: png(10, 0), "image_broken"),
    ("PNG whose whole stream is a quarter of its rows", lambda: png(200, 200, rows=50), "page"),
    ("PNG with more rows than it says", lambda: png(200, 200, rows=400), "page"),
    ("PNG with a broken checksum", lambda: GOOD[:20] + b"\xff" + GOOD[21:], "image_broken"),
    ("PNG without any pixel data", lambda: PNG + GOOD[8:33] + chunk(b"IEND", b""), "image_broken"),
    ("whole JPEG that claims 1,900 x 1,900", lambda: jpeg_saying(1900, 1900), "page"),
    ("JPEG that claims 60,000 x 60,000", lambda: jpeg_saying(60_000, 60_000), "image_side_too_long"),
    ("JPEG of zero height", lambda: jpeg_saying(48, 0), "image_broken"),
    # not whole
    ("nothing", lambda: b"", "image_empty"),
    ("one byte", lambda: b"\x89", "image_kind_unknown"),
    ("PNG magic and nothing else", lambda: PNG, "image_broken"),
    ("JPEG magic and nothing else", lambda: b"\xff\xd8\xff", "image_broken"),
    ("TIFF magic and nothing else", lambda: b"II*\0", "image_broken"),
    ("PDF magic and nothing else", lambda: b"%PDF-1.7", "image_broken"),
    # other kinds, whatever they are called
    ("random bytes", lambda: bytes(range(200, 256)), "image_kind_unknown"),
    ("plain text", lambda: b"Invoice 42, total 17.00 EUR", "image_kind_unknown"),
    ("HTML error page", lambda: b"\n<!DOCTYPE html><html>", "image_kind_refused"),
    ("JSON error", lambda: b'{"detail": "not found"}', "image_kind_refused"),
    ("GIF", lambda: saved(marked(), "GIF"), "image_kind_refused"),
    ("SVG", lambda: b'<svg xmlns="http://www.w3.org/2000/svg">', "image_kind_refused"),
    ("SVG with a declaration", lambda: b'<?xml version="1.0"?>\n<!-- a --><svg/>', "image_kind_refused"),
    ("EPS, which Pillow would give to Ghostscript", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", "image_kind_refused"),
    ("PostScript", lambda: b"%!PS-Adobe-3.0\n", "image_kind_refused"),
    ("PSD", lambda: b"8BPS\0\1", "image_kind_refused"),
    ("DDS", lambda: b"DDS |\0\0\0", "image_kind_refused"),
    ("ZIP", lambda: b"PK\x03\x04", "image_kind_refused"),
    ("AVIF", lambda: saved(marked(), "AVIF"), "image_kind_refused"),
    ("JPEG 2000", lambda: saved(marked(), "JPEG2000"), "image_kind_refused"),
    ("HTML after a JPEG magic", lambda: b"\xff\xd8\xff<html>", "image_broken"),
    # kinds and modes that are read
    ("progressive JPEG", lambda: saved(marked(), "JPEG", progressive=True), "page"),
    ("CMYK JPEG", lambda: saved(marked(mode="CMYK"), "JPEG"), "page"),
    (
        "two pictures in one JPEG, as phones make",
        lambda: saved(marked(), "MPO", save_all=True, append_images=[marked()]),
        "page",
    ),
    ("lossless WebP", lambda: saved(marked(), "WEBP", lossless=True), "page"),
    ("BMP", lambda: saved(marked(), "BMP"), "page"),
    ("bad ICC profile", lambda: saved(marked(), "PNG", icc_profile=b"not a profile"), "page"),
    ("animated PNG", lambda: saved(marked(), "PNG", save_all=True, append_images=[NOISE.resize((48, 32))]), "page"),
    ("animated WebP", lambda: saved(marked(), "WEBP", save_all=True, append_images=[NOISE.resize((48, 32))]), "page"),
    ("EXIF that is no EXIF", lambda: saved(marked(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"), "page"),
    ("EXIF directory that points at itself", lambda: saved(marked(), "JPEG", exif=EXIF_LOOP), "page"),
    ("JPEG in TIFF", lambda: saved(NOISE, "TIFF", compression="jpeg"), "page"),
    ("fax TIFF", lambda: saved(marked(mode="1"), "TIFF", compression="group4"), "page"),
    # TIFF pages
    ("TIFF of 50 pages", lambda: tiff(50), "50 pages"),
    ("TIFF of 51 pages", lambda: tiff(51), "image_too_many_pages"),
    ("BigTIFF of 2 pages", lambda: tiff(2, big_tiff=True), "2 pages"),
    ("TIFF that goes in circles", tiff_with_a_cycle, "2 pages"),
    # PDF
    ("PDF", pdf, "page"),
    ("PDF of 50 pages", lambda: pdf(50), "50 pages"),
    ("PDF of 51 pages", lambda: pdf(51), "image_too_many_pages"),
    ("PDF of 5,000 pages", lambda: pdf(5000), "image_too_many_pages"),
    ("PDF without pages", lambda: pdf(0), "image_broken"),
    ("PDF page of 1e9 points", lambda: pdf(media_box="0 0 1e9 1e9"), "page"),
    ("PDF page of 1,000,000,000 points", lambda: pdf(media_box="0 0 1000000000 1000000000"), "image_side_too_long"),
    ("PDF page of 5 x 5 m, drawn small enough", lambda: pdf(media_box="0 0 14400 14400"), "page"),
    ("PDF page of negative size", lambda: pdf(media_box="0 0 -100 -50"), "page"),
    ("PDF page of no size", lambda: pdf(media_box="0 0 0 0"), "page"),
    ("encrypted PDF", encrypted_pdf, "pdf_encrypted"),
    ("PDF with 50 MB of commands in 50 KB", lambda: flate_bomb_pdf(50), "page"),
    ("PDF with a picture of 20,000 x 20,000", lambda: image_bomb_pdf(20_000), "image_broken"),
    ("PDF whose table names itself", xref_loop_pdf, "page"),
    ("PDF cut in half", lambda: pdf(3)[: len(pdf(3)) // 2], "image_broken"),
]
EXIF_LOOP = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 8)


@pytest.mark.parametrize(("data", "expected"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_each_file_is_read_or_refused_by_name_and_the_next_good_file_is_read(
    loader: PageLoader, data: Callable[[], bytes], expected: str
) -> None:
    assert outcome(loader, data()) == expected
    assert outcome(loader, GOOD) == "page"


KINDS = {
    "PNG": saved(NOISE, "PNG"),
    "JPEG": saved(NOISE, "JPEG", quality=95),
    "WEBP": saved(NOISE, "WEBP"),
    "BMP": saved(NOISE, "BMP"),
    "TIFF": saved(NOISE, "TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_picture_is_refused_and_never_shown_half_grey(loader: PageLoader, kind: str, share: float) -> None:
    data = KINDS[kind]
    assert outcome(loader, data[: int(len(data) * share)]) in {"image_truncated", "image_broken"}
    assert outcome(loader, data) == "page"


@pytest.mark.parametrize("kind", KINDS)
def test_without_its_last_byte_a_picture_is_whole_or_refused(loader: PageLoader, kind: str) -> None:
    result = load(loader, KINDS[kind][:-1])
    if isinstance(result, ImageRejected):
        assert result.code in {"image_truncated", "image_broken"}
    else:
        assert result == loader.load(KINDS[kind])


def test_a_thousand_damaged_files_never_stop_the_loader(loader: PageLoader) -> None:
    codes = set()
    for kind, data in KINDS.items():
        small = saved(NOISE.resize((40, 30)), kind)
        for at in range(8, len(small), max(1, len(small) // 200)):
            damaged = bytearray(small)
            damaged[at] ^= 0xFF
            codes.add(outcome(loader, bytes(damaged)))
        assert outcome(loader, data) == "page"
    assert {"page", "image_broken", "image_truncated"} <= codes
    assert "image_timeout" not in codes


def test_a_refusal_quotes_the_numbers_and_says_the_fix(loader: PageLoader) -> None:
    with pytest.raises(ImageRejected) as caught:
        loader.load(png(2000, 2200))
    assert str(caught.value) == (
        "The picture is 2,000 x 2,200 = 4,400,000 pixels; at most 4,000,000 are read. "
        "Scale it down: 300 dpi is enough for reading."
    )


def test_pages_are_bounded_together_as_all_of_them_are_held_in_memory() -> None:
    with PageLoader(Limits(total_pixels=1_000_000), children=1) as loader:
        frames = [Image.new("1", (1000, 400)) for _ in range(3)]
        buffer = io.BytesIO()
        frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:], compression="group4")
        assert outcome(loader, buffer.getvalue()) == "image_too_many_pixels"
