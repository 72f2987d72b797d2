"""Style sheet and scripts of the admin page: files of ours, no others."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, request

from ml_backend.errors import DocloopError

_FOLDER = Path(__file__).parents[1] / "static" / "admin"
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def add(pages: Blueprint) -> None:
    """The route ``/admin/static/<name>``."""

    @pages.get("/static/<name>")
    def static_file(name: str) -> Response:
        if name not in _files():
            raise DocloopError("file_unknown", "There is no such file.")
        content, mark = _files()[name]
        answer = Response(content, content_type=_KINDS[Path(name).suffix])
        answer.headers["Cache-Control"] = (
            "private, no-cache"  # asked for again each time, answered 304 while it is the same
        )
        answer.set_etag(mark)
        answer.make_conditional(request)
        return answer


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    """Content and hash by name, read once: only these names are files."""
    found = {path.name: path.read_bytes() for path in _FOLDER.iterdir() if path.suffix in _KINDS}
    return {name: (content, hashlib.sha256(content).hexdigest()[:24]) for name, content in found.items()}
