"""Hostile and odd files, made on the fly: small to make, large or wrong to read."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from functools import cache

from PIL import Image, PngImagePlugin

PNG = b"\x89PNG\r\n\x1a\n"


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The image as a file of this kind."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def marked(width: int = 48, height: int = 32, mode: str = "RGB") -> Image.Image:
    """A white page with a black block in its top left corner: shows which way is up."""
    image = Image.new("RGB", (width, height), "white")
    image.paste((0, 0, 0), (0, 0, width // 2, height // 4))
    return image.convert(mode)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int = 1, colour: int = 0, rows: int | None = None) -> bytes:
    """A PNG whose header says this size; ``rows`` rows of zeros are really in it (all of them if None). Tiny as a file."""
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + (width * depth * {0: 1, 2: 3, 6: 4}[colour] + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(height if rows is None else rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@cache
def png_with_text_flood(chunks: int) -> bytes:
    """A small picture behind ``chunks`` compressed comments of one megabyte each."""
    info = PngImagePlugin.PngInfo()
    for number in range(chunks):
        info.add_text(f"comment{number}", "a" * 1_000_000, zip=True)
    return saved(marked(), "PNG", pnginfo=info)


def jpeg_saying(width: int, height: int) -> bytes:
    """A 48 x 32 JPEG whose frame header claims another size."""
    data = bytearray(saved(marked(), "JPEG", quality=90))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def tiff(pages: int, **options: object) -> bytes:
    first, *rest = (marked(24 + number % 7) for number in range(pages))
    return saved(first, "TIFF", save_all=True, append_images=rest, **options)


def tiff_with_a_cycle() -> bytes:
    """A TIFF whose second directory points back at the first."""
    data = bytearray(tiff(2))
    first = struct.unpack_from("<I", data, 4)[0]
    second_at = first + 2 + 12 * struct.unpack_from("<H", data, first)[0]
    second = struct.unpack_from("<I", data, second_at)[0]
    struct.pack_into("<I", data, second + 2 + 12 * struct.unpack_from("<H", data, second)[0], first)
    return bytes(data)


def tiff_by_hand(tags: Mapping[int, Sequence[int]], body: bytes, pages: int = 1) -> bytes:
    """A grey TIFF of equal pages, all made of the same ``body``, which begins at byte 8."""
    grey = {258: (8,), 259: (1,), 262: (1,), 277: (1,)}
    out, values = bytearray(b"II*\0\0\0\0\0" + body), b""
    entries = []
    for tag, numbers in sorted((grey | dict(tags)).items()):
        at = len(out) + len(values)
        values += struct.pack(f"<{len(numbers)}I", *numbers) if len(numbers) > 1 else b""
        entries.append(struct.pack("<HHII", tag, 4, len(numbers), at if len(numbers) > 1 else numbers[0]))
    out += values
    link = 4  # where the offset of the next directory has to stand
    for _ in range(pages):
        struct.pack_into("<I", out, link, len(out))
        out += struct.pack("<H", len(entries)) + b"".join(entries) + b"\0\0\0\0"
        link = len(out) - 4
    return bytes(out)


def tiled_tiff() -> bytes:
    """32 x 16 pixels in two tiles, a black one and a white one."""
    tags = {256: (32,), 257: (16,), 322: (16,), 323: (16,), 324: (8, 264), 325: (256, 256)}
    return tiff_by_hand(tags, bytes(256) + b"\xff" * 256)


def tiff_of_one_strip(pages: int) -> bytes:
    """Pages of 16 x 16 pixels that share one strip: 114 bytes a page."""
    return tiff_by_hand({256: (16,), 257: (16,), 273: (8,), 278: (16,), 279: (256,)}, bytes(256), pages)


def arithmetic_jpeg() -> bytes:
    """A JPEG that says it is arithmetic-coded: any bytes are, of some picture."""
    return saved(marked(), "JPEG").replace(b"\xff\xc0", b"\xff\xc9", 1)


def ycck_jpeg() -> bytes:
    """A CMYK JPEG that says its inks are stored as YCCK."""
    data = bytearray(saved(marked(mode="CMYK"), "JPEG"))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def pdf(
    pages: int = 1,
    media_box: str = "0 0 200 100",
    content: bytes = b"0 0 100 25 re f",
    trailer: bytes = b"",
    extra: bytes = b"",
    catalog: bytes = b"",
    page: bytes = b"",
    more: Sequence[bytes] = (),
) -> bytes:
    """A PDF of ``pages`` equal pages.

    ``extra`` goes into the stream dictionary of the content, ``catalog`` and ``page`` into theirs, ``trailer`` into the trailer;
    ``more`` are further objects, the first of which is number 4 + ``pages``.
    """
    kids = " ".join(f"{number} 0 R" for number in range(4, 4 + pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
        b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), extra, content),
    ]
    objects += [
        b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents 3 0 R %s >>" % (media_box.encode(), page)
    ] * pages
    objects += more
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(out)


def encrypted_pdf() -> bytes:
    """A PDF that wants a password nobody has."""
    key = b"<" + b"5a" * 32 + b">"
    return pdf(trailer=b"/ID [<00><00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O %s /U %s >>" % (key, key))


@cache
def flate_bomb_pdf(megabytes: int) -> bytes:
    """A PDF whose page content unpacks to ``megabytes`` of drawing commands."""
    packer = zlib.compressobj(9)
    block = b"0 0 m\n" * 174_762
    data = b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()
    return pdf(content=data, extra=b"/Filter /FlateDecode")


@cache
def image_bomb_pdf(side: int) -> bytes:
    """A PDF that draws an inline picture of ``side`` x ``side`` pixels on a small page."""
    packer = zlib.compressobj(9)
    row = b"\0" * side
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = b"q 100 0 0 100 0 0 cm BI /W %d /H %d /BPC 8 /CS /G /F /Fl ID " % (side, side)
    return pdf(content=head + data + b" EI Q")


def javascript_pdf() -> bytes:
    """A PDF that wants to run a program when it is opened, and when its page is."""
    action = b"<< /S /JavaScript /JS (while (true) app.alert\\(1\\);) >>"
    return pdf(catalog=b"/OpenAction " + action, page=b"/AA << /O %s >>" % action)


def form(content: bytes, *inner: int) -> bytes:
    """A form object of a PDF that draws ``content`` with the objects ``inner``, named /F5 for object 5."""
    names = b" ".join(b"/F%d %d 0 R" % (number, number) for number in inner)
    head = b"/Type /XObject /Subtype /Form /BBox [0 0 200 100] /Resources << /XObject << %s >> >>" % names
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (head, len(content), content)


_DRAWS_FORM = b"/Resources << /XObject << /F5 5 0 R >> >>"


def form_recursion_pdf() -> bytes:
    """A PDF page that draws a form that draws itself."""
    return pdf(content=b"/F5 Do", page=_DRAWS_FORM, more=[form(b"/F5 Do", 5)])


def form_avalanche_pdf(levels: int, times: int = 10) -> bytes:
    """A PDF page that draws a form that draws ten of the next level, and so on: 10 ** ``levels`` rectangles in a kilobyte."""
    inner = [form(b"/F%d Do " % number * times, number) for number in range(6, 5 + levels)]
    return pdf(content=b"/F5 Do", page=_DRAWS_FORM, more=[*inner, form(b"0 0 9 9 re f " * times)])


def page_tree_loop_pdf() -> bytes:
    """A PDF whose list of pages holds itself."""
    return pdf().replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]")


def xref_loop_pdf() -> bytes:
    """A PDF whose cross-reference table names itself as the one before it."""
    data = pdf()
    start = data.index(b"xref\n")
    return data.replace(b"/Root 1 0 R ", b"/Root 1 0 R /Prev %d " % start)
