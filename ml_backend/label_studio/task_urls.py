"""The kinds of URL that Label Studio's task data holds, and where each is fetched.

    /data/upload/42/a.png                       Label Studio, where the file was uploaded
    /data/local-files/?d=scans/a.png            Label Studio, from its own disk
    /tasks/7/resolve/?fileuri=czM6Ly9i...       Label Studio, which redirects to the storage or passes the file on
    s3://  gs://  azure-blob://                 the same, through the task's resolve address
    http(s)://                                  Label Studio if it is its origin, else the host itself (see ``addresses``)
    data:image/png;base64,...                   here

On Label Studio's own origin, where our token goes, only the addresses above are asked for: a task must not make us call its API.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import parse_qsl, unquote_to_bytes

from ml_backend.errors import FetchRefused
from ml_backend.label_studio.web_address import (
    WebAddress,
    parse_web_address,
    refuse_dot_segments,
    refuse_odd_characters,
    shown,
)

_STORAGE = re.compile(r"(s3|gs|azure-blob)://.+", re.DOTALL)
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_UPLOAD = re.compile(r"/data/upload/[^?]+")
_LOCAL_FILE = re.compile(r"/data/local-files/?")
_RESOLVE = re.compile(r"/(tasks|projects)/[0-9]+/(resolve|presign)/?", re.ASCII)
_ENCODED_SEPARATOR = re.compile(r"%(25)*(2f|5c)", re.IGNORECASE)


class LabelStudioPlace:
    """Where Label Studio is, and which of its addresses hold files. ``url`` may have a path, behind a proxy."""

    def __init__(self, url: str) -> None:
        self.address = parse_web_address(url)
        self._base = self.address.path.rstrip("/")

    def owns(self, url: WebAddress) -> bool:
        """Same scheme, host and port."""
        return url.origin == self.address.origin

    def locate(self, text: str, task_id: int | None) -> WebAddress:
        """The http(s) address at which this task URL is fetched.

        Raises:
            FetchRefused: ``url_malformed``, ``url_scheme_refused``, ``url_path_refused``, ``url_needs_task``.
        """
        refuse_odd_characters(text)
        if _STORAGE.match(text):
            return self._resolve(text, task_id)
        if text.startswith("/") and not text.startswith("//"):
            return self._relative(text)
        scheme = _SCHEME.match(text)
        if scheme and scheme[1].lower() in {"http", "https"}:
            return parse_web_address(text)
        raise FetchRefused(
            "url_scheme_refused",
            f"'{shown(text)}' is no URL that docloop fetches.",
            "Use an upload, local files or storage of Label Studio, http(s) or data: URLs.",
        )

    def check_path(self, url: WebAddress) -> None:
        """Raises FetchRefused (``url_path_refused``) for an address of Label Studio that holds no file of a task."""
        path, inside = url.path.removeprefix(self._base), url.path.startswith(f"{self._base}/")
        fields = parse_qsl(url.query, keep_blank_values=True)
        names = [name for name, _ in fields]
        if inside and not _ENCODED_SEPARATOR.search(path):
            if _UPLOAD.fullmatch(path):
                return
            if _LOCAL_FILE.fullmatch(path) and names == ["d"]:
                _check_local_file(fields[0][1], url)
                return
            if _RESOLVE.fullmatch(path) and names == ["fileuri"] and _is_storage_uri(fields[0][1]):
                return
        raise FetchRefused(
            "url_path_refused",
            f"{url} is no upload, local file or storage file of Label Studio.",
            "Task URLs on Label Studio begin with /data/upload/, /data/local-files/?d= or /tasks/ID/resolve/?fileuri=.",
        )

    def _relative(self, text: str) -> WebAddress:
        """A path as Label Studio writes it into tasks: with the path of its proxy in front, or without."""
        base = "" if self._base and text.startswith(f"{self._base}/") else self._base
        return parse_web_address(f"{self.address.scheme}://{self.address.authority}{base}{text}")

    def _resolve(self, text: str, task_id: int | None) -> WebAddress:
        if task_id is None:
            raise FetchRefused(
                "url_needs_task",
                f"{shown(text)} is in a storage of Label Studio, which opens it for its task only.",
                "Name the task, or give an http(s) URL.",
            )
        uri = base64.urlsafe_b64encode(text.encode()).decode()
        return self._relative(f"/tasks/{int(task_id)}/resolve/?fileuri={uri}")


def decode_data_uri(text: str, max_bytes: int) -> bytes:
    """The bytes inside a ``data:`` URI. Raises FetchRefused (``url_malformed``, ``fetch_too_large``)."""
    head, comma, payload = text.partition(",")
    if not comma:
        raise FetchRefused(
            "url_malformed", "The data: URI has no comma before its data.", "Write data:image/png;base64,..."
        )
    encoded = head.lower().endswith(";base64")
    if len(payload) > (max_bytes * 4 if encoded else max_bytes * 3):  # more characters than any way of writing needs
        raise _data_too_large(f"{len(payload):,} characters", max_bytes)
    data = unquote_to_bytes(payload)
    if encoded:
        try:
            data = base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise FetchRefused(
                "url_malformed", f"The data: URI is not valid base64 ({error}).", "Encode the file again."
            ) from None
    if len(data) > max_bytes:
        raise _data_too_large(f"{len(data):,} bytes", max_bytes)
    return data


def _data_too_large(size: str, max_bytes: int) -> FetchRefused:
    return FetchRefused(
        "fetch_too_large",
        f"The data: URI has {size}; at most {max_bytes:,} bytes are read.",
        "Upload the file instead.",
    )


def _check_local_file(path: str, url: WebAddress) -> None:
    refuse_dot_segments(path, str(url))
    if not path or path.startswith("/"):
        raise FetchRefused(
            "url_path_refused",
            f"{url} names '{shown(path)}', which is no path inside the local files.",
            "Write d=folder/file.",
        )


def _is_storage_uri(encoded: str) -> bool:
    try:
        return bool(_STORAGE.fullmatch(base64.urlsafe_b64decode(encoded.encode()).decode()))
    except ValueError:  # neither base64 nor text
        return False
