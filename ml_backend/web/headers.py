"""Headers that every answer carries, so that no page of docloop can be framed, sniffed, cached or made to load from elsewhere.

A view that needs another value sets the header itself. ``Strict-Transport-Security`` belongs to the proxy that speaks https.
"""

from __future__ import annotations

from flask import Flask, Response

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    # Not no-referrer: browsers would then send "Origin: null" with our own forms, and the guard refuses that.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def add_headers(app: Flask) -> None:
    """Put them on every answer of ``app``, refusals and errors too."""

    @app.after_request
    def add(answer: Response) -> Response:
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer
