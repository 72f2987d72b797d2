"""The document of a request: a part of a form, the body itself, or fetched from a URL. It is in memory only, never on a disk.

URLs are hostile, as those of tasks are: the same guard, the same list of allowed hosts. But docloop's token is not shown in the
name of whoever asks, not even to Label Studio: it would open the documents of all projects to them.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest
from werkzeug.formparser import FormDataParser

from ml_backend.file_names import name_of
from ml_backend.label_studio.fetch import Fetcher
from ml_backend.services import Services
from ml_backend.web.openapi import FORM
from ml_backend.web.problem import Fault
from ml_backend.web.rest.routes import RequestRefused

KINDS = (
    FORM,
    "application/octet-stream",
    "application/pdf",
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/bmp",
    "image/tiff",
)
"""What a document's request may be; of what kind the file is, its bytes say."""
_PART = "file"


@dataclass(frozen=True, slots=True)
class Given:
    """A document: its name, and what gives its bytes (it raises FetchRefused where it has to be fetched)."""

    name: str
    read: Callable[[], bytes]


class Files:
    """Takes documents out of requests."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._fetcher = Fetcher(settings.label_studio_url, lambda: "", settings.allowed_hosts)

    def of_request(self, url: str | None, name: str | None = None) -> Given:
        """The document of this request: of its JSON the ``url``, where it is none a form or the file. ``name`` wins over its own.

        Raises:
            RequestRefused: a form without a file, or with anything else.
            HTTPException: it is too large, or no form.
        """
        if url is not None:
            return self.at(url, name)
        if request.mimetype == FORM:
            own, data = _of_form()
        else:
            own, data = "", request.get_data()
        return Given(name_of(name or own or "document"), lambda: data)

    def at(self, url: str, name: str | None = None) -> Given:
        """The document at a URL."""
        return Given(name_of(name or url), lambda: self._fetcher.fetch(url))

    def of_base64(self, text: str, name: str | None = None) -> Given:
        """The document inside a JSON body. Raises RequestRefused: it is no base64."""
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise RequestRefused([Fault(where="body.base64", what="is no base64")]) from None
        return Given(name_of(name or "document"), lambda: data)


def _of_form() -> tuple[str, bytes]:
    def in_memory(*about: Any, **more: Any) -> io.BytesIO:
        return io.BytesIO()

    parser = FormDataParser(in_memory, max_form_memory_size=500_000, max_form_parts=10, silent=False)
    try:
        _, values, files = parser.parse(
            request.stream, request.mimetype, request.content_length, request.mimetype_params
        )
    except ValueError:
        raise BadRequest("The body is no form with a file in it.") from None
    parts = [name or "" for name in (*values, *files)]  # a part need not have a name
    faults = [Fault(where=f"body.{name[:60]}", what="there is no such key") for name in parts if name != _PART]
    if faults:
        raise RequestRefused(faults)
    found = files.getlist(_PART)
    if len(found) != 1:
        raise RequestRefused([Fault(where=f"body.{_PART}", what="one file is required")])
    return found[0].filename or "", found[0].stream.read()
