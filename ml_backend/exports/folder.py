"""The folder of an export while it is written: every file is hashed on its way, and nothing is there before all of it is.

It is written aside, ends with the manifest, and appears by one rename. A kill leaves a folder whose name begins with a dot,
until the next export to the same place (``aside``).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from ml_backend.errors import ExportRefused
from ml_backend.exports.aside import folder_beside

MANIFEST = "manifest.json"


class ExportFile:
    """A file that is open for writing."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)

    def line(self, text: str) -> None:
        """A line of UTF-8 text."""
        self.write(text.encode("utf-8", "replace") + b"\n")

    def sha256(self) -> str:
        return self._hash.hexdigest()


class ExportFolder:
    """Where an exporter writes. ``files`` maps what was written to its SHA-256, ``counts`` is for the exporter to fill."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[str, str] = {}
        self.counts: dict[str, int] = {}

    @contextmanager
    def open(self, name: str) -> Iterator[ExportFile]:
        """A new file, such as ``train/images/ab12-0.png``.

        Raises:
            ValueError: the name leads out or is taken.
            OSError: the disk refused, or ``path`` was taken away: it is not made anew.
        """
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or name in self.files or name == MANIFEST:
            raise ValueError(f"an export cannot hold a file {name!r}")
        for folder in reversed(relative.parents[:-1]):
            (self.path / folder).mkdir(exist_ok=True)
        with (self.path / relative).open("xb") as raw:
            file = ExportFile(raw)
            yield file
        self.files[name] = file.sha256()

    def write(self, name: str, data: bytes) -> None:
        """A whole file."""
        with self.open(name) as file:
            file.write(data)

    def adopt(self) -> None:
        """Take in the files that a library has written below ``path`` by itself."""
        for path in sorted(self.path.rglob("*")):
            name = path.relative_to(self.path).as_posix()
            if path.is_file() and name not in self.files:
                with path.open("rb") as file:
                    self.files[name] = hashlib.file_digest(file, "sha256").hexdigest()

    def count(self, what: str, number: int = 1) -> None:
        """Count something for the manifest: documents, pages, lines, what was left out."""
        self.counts[what] = self.counts.get(what, 0) + number


@contextmanager
def new_folder(out: Path) -> Iterator[ExportFolder]:
    """A folder that becomes ``out`` when all of it was written and ``seal`` was called.

    Raises:
        ExportRefused: ``export_exists``: something is there already.
        OSError: the disk refused; nothing is left then.
    """
    refuse_existing(out)
    with folder_beside(out) as aside:
        yield ExportFolder(aside)
        aside.chmod(0o755)
        os.rename(aside, out)


def publish_file(aside: Path, out: Path) -> None:
    """Give a whole file its name, unless somebody was quicker. Raises ExportRefused ``export_exists`` then."""
    try:
        os.link(aside, out)
    except FileExistsError:
        refuse_existing(out)
        raise
    except OSError:  # a disk without hard links
        refuse_existing(out)
        os.rename(aside, out)


def refuse_existing(out: Path) -> None:
    """Raise ExportRefused if ``out`` is there (an empty folder is no harm)."""
    if out.is_dir() and not any(out.iterdir()):
        out.rmdir()
    if out.exists() or out.is_symlink():
        raise ExportRefused(
            "export_exists", f"{out} is there already.", "Name another place with --out, or take it away first."
        )


def seal(folder: ExportFolder, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, the last file, and bring everything to the disk."""
    write_manifest(folder.path / MANIFEST, manifest, folder.files)
    for path in folder.path.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)


def write_manifest(path: Path, manifest: Mapping[str, Any], files: Mapping[str, str]) -> None:
    """The manifest, with the SHA-256 of every file by name."""
    text = json.dumps({**manifest, "files": dict(sorted(files.items()))}, ensure_ascii=False, indent=2)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except FileExistsError:
        refuse_existing(path)
        raise
