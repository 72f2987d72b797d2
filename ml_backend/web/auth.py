"""The guard: one check before every request, closed unless listed as open.

It runs before the routing result is looked at, so a stranger cannot tell an unknown address from a forbidden one, and a
route added later is guarded without being named here. Who somebody is say ``web/callers`` (headers) and ``web/sessions``
(browsers); what a route wants says ``web/access``; where the secrets come from belongs to ``ml_backend.credentials``.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request

from ml_backend.credentials import WEBHOOK_HEADER, Credentials
from ml_backend.errors import SetupError, StoreError
from ml_backend.settings import PREFIX
from ml_backend.web.access import Caller, Role, wanted
from ml_backend.web.addresses import address
from ml_backend.web.callers import Callers, same
from ml_backend.web.guesses import Guesses
from ml_backend.web.login import LOGIN, STYLE, here, login_form, login_pages
from ml_backend.web.origin import SAFE, from_elsewhere, is_browser, is_navigation
from ml_backend.web.problem import problem
from ml_backend.web.sessions import COOKIE, Sessions, has_csrf_token

if TYPE_CHECKING:
    from ml_backend.store.store import Store

log = logging.getLogger(__name__)

OPEN = frozenset({("GET", "/health"), ("GET", LOGIN), ("POST", LOGIN), ("GET", STYLE)})
WEBHOOK = "/webhook"
_MIN_LENGTH = 12  # characters of a secret set by hand, where strangers can reach us


def guard(
    app: Flask,
    credentials: Credentials,
    store: Callable[[], Store] | None = None,
    now: Callable[[], float] = time.time,
) -> None:
    """Let only requests with a credential reach ``app``; call it before anything else is registered. It brings the login form.

    Basic (user, password), Bearer (API token) and a session open every route, a token of the store those that want no more than
    its role, the webhook secret ``/webhook`` alone. Any other request, however malformed its headers, is answered 401; one whose
    role is too low, or that another site made a browser send, 403; a token that the database cannot check, 503. ``store`` is
    asked only when a token or a session is shown, on ``/webhook`` never; ``now`` gives seconds since 1970.
    """
    guesses = Guesses()
    callers = Callers(credentials, guesses, store and (lambda: store().tokens), now)
    sessions = Sessions(app, credentials, store, now)
    app.register_blueprint(login_pages(callers, sessions, guesses))

    @app.before_request
    def check() -> Response | None:
        if (request.method, request.path) in OPEN:
            return None
        if request.path == WEBHOOK and same(request.headers.get(WEBHOOK_HEADER, ""), credentials.webhook_secret):
            g.caller = Caller("webhook", Role.READ)
            return None
        header, asking = request.headers.get("Authorization"), address()
        try:
            known = callers.of(header, asking, request.path != WEBHOOK) if header is not None else sessions.caller()
        except StoreError as error:
            log.error("a token cannot be checked: %s", error)
            return _cannot_tell()
        if known is None:
            return _unauthorized(guesses.wait(asking) if header is not None else 0)
        g.caller = known
        return _forged(header) or _too_low(known, wanted(app))


def refuse_unsafe_bind(host: str, credentials: Credentials) -> None:
    """Keep docloop from listening beyond this machine with secrets that can be guessed.

    Secrets are never empty (see ``Credentials``), and those we make are long; one set by hand may be short.

    Raises:
        SetupError: ``host`` is not a loopback address, and a secret is shorter than 12 characters.
    """
    for name, length in () if is_loopback(host) else _short(credentials):
        raise SetupError(
            "secret_too_short",
            f"Listening on {host} lets others reach docloop, but {name} has only {length} characters.",
            f"Set one of at least {_MIN_LENGTH}, leave it out to have one made, or listen on 127.0.0.1.",
        )


def warn_of_short_secrets(credentials: Credentials) -> None:
    """Say in the log what can be guessed: a proxy brings strangers to a port of this machine, too."""
    for name, length in _short(credentials):
        log.warning(
            "%s has only %d characters: behind a proxy others may guess it. Set one of at least %d, or leave it out.",
            name,
            length,
            _MIN_LENGTH,
        )


def _short(credentials: Credentials) -> list[tuple[str, int]]:
    """The settings whose secrets are shorter than those that strangers may try, and how long they are."""
    lengths = {name: len(getattr(credentials, name)) for name in ("password", "api_token", "webhook_secret")}
    return [(PREFIX + name.upper(), length) for name, length in lengths.items() if length < _MIN_LENGTH]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on ``host``. A name other than localhost counts as no."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _forged(header: str | None) -> Response | None:
    """A refusal where a page that is not ours made a browser send what it knows by itself: its session, or Basic."""
    if header is not None and not header.lower().startswith("basic"):
        return None  # no browser adds a Bearer token by itself
    if from_elsewhere() and not is_navigation():
        return problem(
            403, "cross_site", "A page that is not docloop's own sent this. A proxy must pass on the Host header."
        )
    if header is None and request.method not in SAFE and not has_csrf_token():
        return problem(403, "csrf_token_missing", "The session's CSRF token is missing or wrong: load the page again.")
    return None


def _too_low(known: Caller, role: Role | None) -> Response | None:
    if role is None or known.role >= role:
        return None
    return problem(403, "role_too_low", f"This needs a token of the role {role.word}; this one has {known.role.word}.")


def _cannot_tell() -> Response:
    """Nothing of the database is said here: who asks may be a stranger."""
    answer = problem(503, "store_unavailable", "This token cannot be checked: docloop's database does not answer.")
    answer.headers["Retry-After"] = "5"
    return answer


def _unauthorized(wait: int) -> Response:
    if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        return login_form(401, here())
    answer = problem(
        401,
        "unauthorized",
        "This address needs docloop's credentials: Basic (user and password) or Bearer (API token);"
        " docloop credentials shows them.",
    )
    by_hand = is_browser() or COOKIE in request.cookies  # a script of ours whose session is over
    answer.headers["WWW-Authenticate"] = (
        'Bearer realm="docloop"' if by_hand else 'Basic realm="docloop", charset="UTF-8"'
    )
    if wait:
        answer.headers["Retry-After"] = str(wait)
    return answer
