"""The folder that ground truth is read from: nothing outside of it is opened, no file is read beyond its limit.

Names come from files of others. Absolute ones, ``..`` and links that lead out are refused, and so is all that is no plain file.
"""

from __future__ import annotations

import gzip
import json
import os
import stat
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from ml_backend.errors import ExportRefused
from ml_backend.imports.base import malformed, refused

MOST_BYTES = 20_000_000  # of one JSON file, and of one line
MOST_NAMES = 200_000  # files below a folder
PACKED = ".gz"
MOST_UNPACKED = 100  # times its own size that a packed file may hold; lines of JSON hold about ten times
_NO_NAME = ("", ".")


class TruthFolder:
    """A folder and what lies below it."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def names(self) -> list[str]:
        """Every file below, relative, sorted; linked folders are not entered.

        Raises:
            ExportRefused: ``truth_too_many_files``.
        """
        found: list[str] = []
        for folder, _, files in os.walk(self.root):
            found += [(Path(folder) / name).relative_to(self.root).as_posix() for name in files]
            if len(found) > MOST_NAMES:
                raise refused("truth_too_many_files", f"{self.root} holds more than {MOST_NAMES:,} files.")
        return sorted(found)

    def open(self, name: str, most: int) -> BinaryIO:
        """A plain file of at most ``most`` bytes.

        Raises:
            ExportRefused: ``truth_path_refused``, ``truth_file_missing``, ``truth_file_too_large``.
        """
        relative = PurePosixPath(name.replace("\\", "/"))
        if str(relative) in _NO_NAME or relative.is_absolute() or ".." in relative.parts or "\0" in name:
            raise refused("truth_path_refused", f"{name!r} is no name inside of the folder.")
        try:
            target = (self.root / relative).resolve()
            if not target.is_relative_to(self.root):
                raise refused("truth_path_refused", f"{name!r} leads out of the folder.")
            # A pipe would be waited for without O_NONBLOCK; what was opened is what is looked at.
            handle = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
        except (OSError, RuntimeError, ValueError):  # RuntimeError: links in a circle
            raise refused("truth_file_missing", f"There is no file {name!r} in the folder that can be read.") from None
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_size > most:
            os.close(handle)
            raise refused("truth_file_too_large", f"{name!r} is no plain file of at most {most:,} bytes.")
        return os.fdopen(handle, "rb")

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """All bytes of a file. Raises as ``open``."""
        with self.open(name, most) as file:
            return file.read(most + 1)[:most]

    def first(self, names: Sequence[str], most: int) -> tuple[str, bytes]:
        """Name and bytes of the first file that is there.

        Raises:
            ExportRefused: as ``open``; where none is there, with the fix.
        """
        for name in names:
            try:
                return name, self.read(name, most)
            except ExportRefused as error:
                if error.code != "truth_file_missing":
                    raise
        said = " or ".join(repr(name) for name in names[:3]) or "that is named"
        raise refused(
            "truth_without_image",
            f"There is no picture {said} in {self.root}.",
            "Name the folder that holds the documents' files with --images.",
        )

    def lines(self, name: str) -> Iterator[tuple[int, bytes | ExportRefused]]:
        """Number (from 1) and bytes of each line that is not blank; one beyond the limit is an error, and the next one goes on.

        A file that ends in .gz is unpacked on the way.

        Raises:
            ExportRefused: the file cannot be opened; ``truth_unpacks_too_large``; ``truth_not_packed``: it is no gzip, or cut.
        """
        with self.open(name, 1 << 40) as raw:
            file = _Unpacked(raw) if name.endswith(PACKED) else raw
            try:
                yield from _lines(file)
            except (EOFError, gzip.BadGzipFile, zlib.error):
                raise refused("truth_not_packed", f"{name!r} is no whole gzip file.") from None


class _Unpacked(gzip.GzipFile):
    """A packed file that is read no further than such a file may hold."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__(fileobj=raw, mode="rb")
        self._most = MOST_UNPACKED * os.fstat(raw.fileno()).st_size

    def readline(self, size: int | None = -1) -> bytes:
        if self.tell() > self._most:
            raise refused("truth_unpacks_too_large", f"It holds more than {MOST_UNPACKED} times its size.")
        return super().readline(size)


def _lines(file: gzip.GzipFile | BinaryIO) -> Iterator[tuple[int, bytes | ExportRefused]]:
    """``TruthFolder.lines`` of an open file."""
    at, number = file.readline(MOST_BYTES + 1), 0
    while at:
        number += 1
        if len(at) > MOST_BYTES:
            while at and not at.endswith(b"\n"):
                at = file.readline(MOST_BYTES)
            yield number, refused("truth_line_too_long", f"It has more than {MOST_BYTES:,} bytes.")
        elif at.strip():
            yield number, at.strip()
        at = file.readline(MOST_BYTES + 1)


def parsed(data: bytes) -> Any:
    """JSON of UTF-8 bytes, with or without a byte order mark; numbers are finite. Raises ExportRefused."""
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise malformed("it must be JSON in UTF-8") from None


def _no_number(said: str) -> None:
    raise ValueError(said)
