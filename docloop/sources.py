"""What a person names on the command line: files, folders, URLs, lists of URLs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ml_backend.errors import SetupError
from ml_backend.file_names import is_url

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".pdf"})


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
