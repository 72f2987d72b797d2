"""Hostile and odd files with what comes of each: ``page``, ``7 pages`` or the code of the refusal, and why it is in the table."""

from __future__ import annotations

import struct
from collections.abc import Callable

from hostile.hostile_files import (
    PNG,
    arithmetic_jpeg,
    chunk,
    encrypted_pdf,
    flate_bomb_pdf,
    form_avalanche_pdf,
    form_recursion_pdf,
    image_bomb_pdf,
    javascript_pdf,
    jpeg_saying,
    marked,
    page_tree_loop_pdf,
    pdf,
    png,
    png_with_text_flood,
    saved,
    tiff,
    tiff_of_one_strip,
    tiff_with_a_cycle,
    tiled_tiff,
    xref_loop_pdf,
    ycck_jpeg,
)
from PIL import Image

from ml_backend.images.limits import Limits

LIMITS = Limits(pixels=4_000_000, side=20_000, bytes=2_000_000, seconds=20, memory=300_000_000)
"""What the files were made for: small, so that a file need not be large to be too large."""

GOOD = saved(marked(), "PNG")
GOOD_JPEG = saved(marked(), "JPEG")
NOISE = Image.effect_noise((200, 150), 80).convert("RGB")
EXIF_LOOP = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 8)

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
    ("PNG with 70 MB of comments", lambda: png_with_text_flood(70), "image_broken"),
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
    ("YCCK JPEG", ycck_jpeg, "page"),
    ("arithmetic-coded JPEG", arithmetic_jpeg, "page"),
    (
        "lossless JPEG of 1993, which nobody reads",
        lambda: GOOD_JPEG.replace(b"\xff\xc0", b"\xff\xc3", 1),
        "image_broken",
    ),
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
    ("tiled TIFF", tiled_tiff, "page"),
    # TIFF pages
    ("TIFF of 50 pages", lambda: tiff(50), "50 pages"),
    ("TIFF of 51 pages", lambda: tiff(51), "image_too_many_pages"),
    ("TIFF of 5,000 pages", lambda: tiff_of_one_strip(5000), "image_too_many_pages"),
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
    ("PDF with a picture of 15,000 x 15,000", lambda: image_bomb_pdf(15_000), "image_broken"),
    ("PDF whose table names itself", xref_loop_pdf, "page"),
    ("PDF whose list of pages holds itself", page_tree_loop_pdf, "image_broken"),
    ("PDF with a program to run", javascript_pdf, "page"),
    ("PDF with a form that draws itself", form_recursion_pdf, "page"),
    ("PDF with a form drawn ten thousand times", lambda: form_avalanche_pdf(4), "page"),
    ("PDF with a form drawn a hundred million times", lambda: form_avalanche_pdf(8), "image_broken"),
    ("PDF cut in half", lambda: pdf(3)[: len(pdf(3)) // 2], "image_broken"),
]
