"""How a page is sent: whole, or with ``?live=1`` its content alone, and not at all while it has not changed."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request

from ml_backend.document.version_names import UNTRAINED
from ml_backend.errors import DocloopError
from ml_backend.web.admin import words
from ml_backend.web.refusals import status_of


def prepare(pages: Blueprint) -> None:
    """Give the templates their words, and refusals a page."""
    for name in words.FILTERS:
        pages.add_app_template_filter(getattr(words, name), name)

    @pages.errorhandler(DocloopError)
    def refused(error: DocloopError) -> Response:
        answer = page("admin/refused.html", here="", said=error.message, fix=error.fix)
        answer.status_code = status_of(error)
        return answer


def page(template: str, here: str, **context: Any) -> Response:
    """The page of ``template`` as the request wants it; ``here`` names the entry of the navigation that it belongs to."""
    live = request.args.get("live") == "1"
    around = "admin/content.html" if live else "admin/base.html"
    text = render_template(template, around=around, here=here, baseline=UNTRAINED, **context)
    answer = make_response(text)
    if live:
        answer.set_etag(hashlib.sha256(text.encode()).hexdigest()[:24])
        answer.make_conditional(request)
    return answer


def fresh() -> bool:
    """Whether the page is asked for because something was just done: then nothing that was kept will do."""
    return request.args.get("fresh") == "1"
