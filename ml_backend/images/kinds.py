"""Which kind of file the bytes are, by their first bytes alone, before any decoder sees them.

A kind that is not on the allow-list is refused by name where we know the name: "this is a GIF" helps, "unknown" does not.
The file's name and its declared content type are never asked: both are whatever the sender wrote.
"""

from __future__ import annotations

import re

from ml_backend.errors import ImageRejected
from ml_backend.images.limits import Limits

PDF = "PDF"
_ALLOWED = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb"BM.{4}\0\0\0\0", re.DOTALL), "BMP"),
    (re.compile(rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]"), "TIFF"),  # 2b: BigTIFF
    (re.compile(rb"%PDF-"), PDF),
)
_REFUSED = (
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"%!PS-Adobe-[\d.]+ EPSF|\xc5\xd0\xd3\xc6"), "EPS"),
    (re.compile(rb"%!"), "PostScript"),
    (re.compile(rb"8BPS"), "PSD"),
    (re.compile(rb"DDS "), "DDS"),
    (re.compile(rb"\0\0[\x01\x02]\0"), "ICO"),
    (re.compile(rb".{4}ftyp(avif|avis)", re.DOTALL), "AVIF"),
    (re.compile(rb".{4}ftyp(hei|hev|mif1|msf1)", re.DOTALL), "HEIC"),
    (re.compile(rb".{4}ftyp", re.DOTALL), "video"),
    (re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), "JPEG 2000"),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"), "JPEG XL"),
    (re.compile(rb"PK\x03\x04"), "ZIP or Office"),
    (re.compile(rb"\x1f\x8b"), "gzip"),
    (re.compile(rb"(<\?xml.*?)?<svg", re.DOTALL | re.IGNORECASE), "SVG"),
    (re.compile(rb"(<\?xml.*?)?<(!doctype html|html|head|body)", re.DOTALL | re.IGNORECASE), "HTML"),
    (re.compile(rb"<\?xml"), "XML"),
    (re.compile(rb"[{\[]"), "JSON"),
)
_LOOK_AT = 1024  # bytes; enough for an XML declaration before <svg
_BLANK = (
    b"\xef\xbb\xbf \t\r\n"  # a byte order mark and white space, which text formats and sloppy PDF writers put first
)
_USE = "Use PNG, JPEG, WebP, BMP, TIFF or PDF."


def kind_of(data: bytes, limits: Limits) -> str:
    """The kind of file: ``PNG JPEG WEBP BMP TIFF PDF``.

    Raises:
        ImageRejected: ``image_empty``, ``image_too_large_bytes``, ``image_kind_refused`` (a known kind we do not read) or
            ``image_kind_unknown``.
    """
    if not data:
        raise ImageRejected(
            "image_empty", "The file is empty (0 bytes).", "Check that it was uploaded or downloaded whole."
        )
    if len(data) > limits.bytes:
        raise ImageRejected(
            "image_too_large_bytes",
            f"The file has {len(data):,} bytes; at most {limits.bytes:,} are read.",
            "Compress it, or split it into several documents.",
        )
    head = bytes(data[:_LOOK_AT])
    text = head.lstrip(_BLANK)
    for pattern, kind in _ALLOWED:
        if pattern.match(text if kind == PDF else head):
            return kind
    for pattern, kind in _REFUSED:
        if pattern.match(head) or pattern.match(text):
            raise ImageRejected("image_kind_refused", f"The file is {kind}, which is not read as a page.", _USE)
    raise ImageRejected(
        "image_kind_unknown", f"The file begins with {head[:8]!r}, which is no known picture or PDF.", _USE
    )
