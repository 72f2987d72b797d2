"""Looks for a canary in everything that lies on a disk: as text in any coding, packed or not, and as pixels of any picture."""

from __future__ import annotations

import base64
import io
import json
import re
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

COLOUR = (255, 0, 255)  # of the canary's pixel block: no paper has it, and JPEG keeps it
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{60,}={0,2}")
_PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n")
_DEEP = 4
_PIECE = 40  # bytes of a packed value that no other has


@dataclass
class Canary:
    """``words`` are looked for as text. ``pieces`` are parts of packed values, which free pages of a database may still hold."""

    words: Sequence[str]
    pieces: list[bytes] = field(default_factory=list)

    def remember(self, database: Path) -> None:
        """Note pieces of every packed value that holds the canary, before it is deleted."""
        for _, value in _values(database):
            if isinstance(value, bytes) and self.found(value):
                self.pieces += [value[at : at + _PIECE] for at in range(0, len(value) - _PIECE, 500)]

    def traces(self, folder: Path) -> list[str]:
        """Where the canary still is: files, and tables of databases."""
        hits = []
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = str(path.relative_to(folder))
            data = path.read_bytes()
            if self.found(data) or self.found(name.encode()) or any(piece in data for piece in self.pieces):
                hits.append(name)
            if data.startswith(b"SQLite format 3"):
                tables = {table for table, value in _values(path) if self.found(_bytes(value))}
                hits += [f"{name}: {table}" for table in sorted(tables)]
        return hits

    def found(self, data: bytes, depth: int = _DEEP) -> bool:
        """Whether the canary is in ``data``, or in what is packed in it."""
        if any(form in data for word in self.words for form in _forms(word)) or any(map(_coloured, _pictures(data))):
            return True
        return depth > 0 and any(self.found(inner, depth - 1) for inner in _inner(data))


def _forms(word: str) -> Iterator[bytes]:
    for one in {word, word.lower(), word.upper(), word.title()}:
        yield from (one.encode(), one.encode("utf-16-le"), one.encode("utf-16-be"), json.dumps(one)[1:-1].encode())


def _inner(data: bytes) -> Iterator[bytes]:
    for match in _BASE64.finditer(data):
        with suppress(ValueError):
            yield base64.b64decode(match[0][: len(match[0]) // 4 * 4])
    for match in _PACKED.finditer(data):
        with suppress(zlib.error):
            text = zlib.decompressobj(47).decompress(data[match.start() :], 64 << 20)
            if len(text) > 20:
                yield text


def _pictures(data: bytes) -> Iterator[Image.Image]:
    for match in _PICTURE.finditer(data):
        with suppress(OSError, SyntaxError, ValueError), Image.open(io.BytesIO(data[match.start() :])) as picture:
            yield picture.convert("RGB")


def _coloured(picture: Image.Image) -> bool:
    red, green, blue = (band.tobytes() for band in picture.resize((90, 90), Image.Resampling.NEAREST).split())
    return sum(r > 200 and g < 80 and b > 200 for r, g, b in zip(red, green, blue, strict=True)) > 20


def _values(database: Path) -> Iterator[tuple[str, object]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                yield from ((table, value) for value in row)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
