"""The OpenAPI document, and a page to browse it: Swagger UI out of a package, nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from flask import Response, render_template

from ml_backend.errors import DocloopError
from ml_backend.web.access import Role, needs
from ml_backend.web.openapi import document
from ml_backend.web.rest.routes import JSON, PREFIX, Routes

_UI = "flask_swagger_ui"  # carries Swagger UI's own files in dist/
_OURS = files("ml_backend.web") / "static"
_FILES = {
    "swagger-ui.css": (files(_UI) / "dist" / "swagger-ui.css", "text/css; charset=utf-8"),
    "swagger-ui-bundle.js": (files(_UI) / "dist" / "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "docs.js": (_OURS / "docs.js", "text/javascript; charset=utf-8"),
    "docs.css": (_OURS / "docs.css", "text/css; charset=utf-8"),
}
# Swagger UI's style sheet has its small pictures inside: this page alone allows data: for pictures. Nothing else is inline.
_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def documents(groups: Sequence[Routes]) -> Routes:
    """``/openapi.json`` over ``groups`` and itself, and ``/docs``."""
    group = Routes("documents", "What this API can do.")

    @cache
    def text() -> str:
        return json.dumps(document([*groups, group]), ensure_ascii=False)

    @group.add("GET", "/openapi.json", Role.READ)
    def openapi() -> Response:
        """The OpenAPI 3.1 document of this API."""
        return Response(text(), content_type=JSON)

    @group.add("GET", "/docs", Role.READ, content="text/html")
    def docs() -> Response:
        """A page to browse this API, and to try it."""
        return Response(render_template("docs.html", prefix=PREFIX), headers={"Content-Security-Policy": _POLICY})

    @group.blueprint.get("/docs/<name>")  # a part of the page, nothing to be called by programs
    @needs(Role.READ)
    def docs_file(name: str) -> Response:
        if name not in _FILES:
            raise DocloopError("file_unknown", "There is no such file.")
        path, kind = _FILES[name]
        return Response(path.read_bytes(), content_type=kind, headers={"Cache-Control": "private, max-age=3600"})

    return group
