"""Whether a browser was made to send this request by a page that is not docloop's own."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import request

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def from_elsewhere() -> bool:
    """Whether another site, or another port of this machine such as Label Studio's, caused this request.

    Browsers say it in ``Sec-Fetch-Site`` (over https and to localhost), else in ``Origin`` (with all that changes something).
    Programs send neither, and no page can make them send anything.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site.lower() not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != request.host.lower()
    except ValueError:
        return True


def is_navigation() -> bool:
    """Whether a person opens a page, as the browser says: a link from elsewhere may lead to one."""
    return request.method == "GET" and request.headers.get("Sec-Fetch-Mode", "").lower() == "navigate"


def is_browser() -> bool:
    """Whether a browser asks, which would show a window of its own if Basic were offered."""
    headers = request.headers
    return "Sec-Fetch-Mode" in headers or "X-CSRF-Token" in headers or "text/html" in headers.get("Accept", "")
