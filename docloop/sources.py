"""What a person names on the command line: files, folders, URLs, lists of URLs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ml_backend.errors import SetupError

_NAME_BYTES = 150  # file systems take 255, and something may be appended
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".pdf"})


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def expand(sources: Iterable[str]) -> Iterator[str]:
    """Each file and URL, in order: a folder gives the documents in it (and below), sorted by name.

    Raises:
        SetupError: a folder without documents. A path that does not exist stays: reading it fails by itself.
    """
    for source in sources:
        path = Path(source)
        if is_url(source) or not path.is_dir():
            yield source
            continue
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        if not inside:
            raise SetupError("folder_without_documents", f"{source} holds none of {' '.join(sorted(SUFFIXES))}.")
        yield from map(str, inside)


def read_file(path: str) -> bytes:
    """The bytes of a file. Raises SetupError when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SetupError("file_unreadable", f"It cannot be read: {error.strerror}.", f"Is {path} right?") from None


def url_list(path: Path) -> list[str]:
    """The URLs in a text file, one a line; blank lines and lines that begin with # do not count.

    Raises:
        SetupError: a line that is no http(s) URL, quoted with its number.
    """
    urls = []
    for number, line in enumerate(read_file(str(path)).decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not is_url(text):
            raise SetupError("not_a_url", f"{path}, line {number}: {text!r} is no http(s) URL.")
        urls.append(text)
    return urls


def name_of(source: str) -> str:
    """A short name for people, for Label Studio and for files: the last part of a path, or of a URL without its query.

    Whoever runs the server of a URL chooses its last part: what comes back has no slash and no control character, and is short.
    """
    path = unquote(urlsplit(source).path) if is_url(source) else source
    # Names from old archives may be no UTF-8, which HTTP cannot carry.
    text = os.fsencode(path.rstrip("/")).decode("utf-8", "replace")
    tail = text.rpartition("/")[2].rpartition("\\")[2] if is_url(source) else text.rpartition("/")[2]
    name = "".join(c if c.isprintable() else "_" for c in tail)
    if name in ("", ".", ".."):
        name = (urlsplit(source).hostname or "") if is_url(source) else ""
    return _shortened(name) or "document"


def _shortened(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    while len(name.encode()) > _NAME_BYTES and (stem or suffix):
        stem, suffix = (stem[:-1], suffix) if stem else (stem, suffix[:-1])
        name = stem + dot + suffix
    return name
