"""The login form, its check, and the way out. Who opens a page of docloop without a session is shown the form there."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response as AnyResponse

from ml_backend.web.access import Role, needs
from ml_backend.web.addresses import address
from ml_backend.web.callers import Callers
from ml_backend.web.guesses import Guesses
from ml_backend.web.origin import from_elsewhere
from ml_backend.web.problem import problem
from ml_backend.web.sessions import Sessions

HOME = "/admin"  # where a login leads that came from nowhere else
LOGIN, STYLE = "/login", "/login.css"
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # printable ASCII, no backslash; "//host" would be another site
_LONGEST = 1000  # characters of a path, a name or a password
_FORM = 32_768  # bytes; strangers may send one, and what is larger would lie in a file until it is read


def login_pages(callers: Callers, sessions: Sessions, guesses: Guesses) -> Blueprint:
    """The routes ``/login``, ``/login.css`` and ``/logout``; the guard leaves all but the last open."""
    pages = Blueprint("login", __name__, template_folder="templates")
    rules = (Path(__file__).parent / "static" / "login.css").read_text(encoding="utf-8")

    @pages.get(LOGIN)
    def form() -> AnyResponse:
        after = own_path(request.args.get("next", ""))
        return redirect(after, 303) if sessions.caller() else login_form(200, after)

    @pages.post(LOGIN)
    def check() -> AnyResponse:
        if from_elsewhere():
            return problem(403, "cross_site", "Only docloop's own login form is accepted.")
        request.max_content_length = _FORM
        after, asking = own_path(request.form.get("next", "")), address()
        if wait := guesses.wait(asking):
            answer = login_form(429, after, f"Too many wrong passwords. Wait {wait} seconds, then try again.")
            answer.headers["Retry-After"] = str(wait)
            return answer
        user, password = request.form.get("user", "")[:_LONGEST], request.form.get("password", "")[:_LONGEST]
        if not callers.knows(user, password, asking):
            return login_form(401, after, "User name or password is wrong.")
        sessions.begin()
        return redirect(after, 303)

    @pages.get(STYLE)
    def style() -> Response:
        answer = Response(rules, mimetype="text/css")
        answer.headers["Cache-Control"] = "max-age=600"
        return answer

    @pages.post("/logout")
    @needs(Role.READ)
    def logout() -> AnyResponse:
        sessions.end()
        return redirect(LOGIN, 303)

    return pages


def login_form(status: int, after: str, fault: str = "") -> Response:
    """The form as an answer of this status; a login leads to the path ``after``."""
    answer = make_response(render_template("login.html", after=after, fault=fault), status)
    # A browser asks for a password in a window of its own where Basic is offered; of Bearer it knows nothing.
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="docloop"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def own_path(wanted: str) -> str:
    """``wanted`` if it is a path of docloop that a login may lead to, else the first page: never another site."""
    path = wanted.partition("?")[0]
    if len(wanted) > _LONGEST or not _OWN_PATH.fullmatch(wanted) or path in (LOGIN, "/logout"):
        return HOME
    return wanted


def here() -> str:
    """The path and query of this request, as a login may lead back to it."""
    return own_path(iri_to_uri(request.full_path.removesuffix("?")))
