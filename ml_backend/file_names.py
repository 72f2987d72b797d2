"""Names of files that others made up, as Label Studio, people and disks can take them."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

_NAME_BYTES = 150  # file systems take 255, and something may be appended


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def name_of(source: str) -> str:
    """A short name for people, for Label Studio and for files: the last part of a path, or of a URL without its query.

    Whoever runs the server of a URL chooses its last part: what comes back has no slash and no control character, and is short.
    """
    host = ""
    if is_url(source):
        try:
            parts = urlsplit(source)
            path, host = unquote(parts.path), parts.hostname or ""
        except ValueError:  # no URL at all: who fetches it says so
            return "document"
    else:
        path = source
    # Names from old archives may be no UTF-8, which HTTP cannot carry.
    text = os.fsencode(path.rstrip("/")).decode("utf-8", "replace")
    tail = text.rpartition("/")[2].rpartition("\\")[2] if is_url(source) else text.rpartition("/")[2]
    name = "".join(c if c.isprintable() else "_" for c in tail)
    if name in ("", ".", ".."):
        name = host
    return _shortened(name) or "document"


def _shortened(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    while len(name.encode()) > _NAME_BYTES and (stem or suffix):
        stem, suffix = (stem[:-1], suffix) if stem else (stem, suffix[:-1])
        name = stem + dot + suffix
    return name
