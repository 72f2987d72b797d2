"""The guard: one check before every request, closed unless listed as open.

It runs before the routing result is looked at, so a stranger cannot tell an unknown address from a forbidden one, and a
route added later is guarded without being named here. Where the secrets come from belongs to ``ml_backend.credentials``.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress

from flask import Flask, Response, request

from ml_backend.credentials import WEBHOOK_HEADER, Credentials
from ml_backend.errors import SetupError
from ml_backend.settings import PREFIX
from ml_backend.web.problem import problem

OPEN = frozenset({("GET", "/health")})
WEBHOOK = "/webhook"
_MIN_LENGTH = 12  # characters of a secret set by hand, where strangers can reach us


def guard(app: Flask, credentials: Credentials) -> None:
    """Let only requests with a credential reach ``app``; call it before anything else is registered.

    Basic (user, password) and Bearer (API token) open every route, the webhook secret opens ``/webhook`` alone. Any other
    request, however malformed its headers, is answered 401.
    """

    @app.before_request
    def check() -> Response | None:
        if (request.method, request.path) in OPEN:
            return None
        if _knows_password_or_token(request.headers.get("Authorization", ""), credentials):
            return None
        if request.path == WEBHOOK and _same(request.headers.get(WEBHOOK_HEADER, ""), credentials.webhook_secret):
            return None
        return _unauthorized()


def refuse_unsafe_bind(host: str, credentials: Credentials) -> None:
    """Keep docloop from listening beyond this machine with secrets that can be guessed.

    Secrets are never empty (see ``Credentials``), and those we make are long; one set by hand may be short.

    Raises:
        SetupError: ``host`` is not a loopback address, and a secret is shorter than 12 characters.
    """
    if is_loopback(host):
        return
    for name in ("password", "api_token", "webhook_secret"):
        length = len(getattr(credentials, name))
        if length < _MIN_LENGTH:
            raise SetupError(
                "secret_too_short",
                f"Listening on {host} lets others reach docloop, but {PREFIX}{name.upper()} has only {length} characters.",
                f"Set one of at least {_MIN_LENGTH}, leave it out to have one made, or listen on 127.0.0.1.",
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on ``host``. A name other than localhost counts as no."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _knows_password_or_token(header: str, credentials: Credentials) -> bool:
    scheme, _, value = header.partition(" ")
    value = value.strip(" \t")
    if scheme.lower() == "bearer":
        return _same(value, credentials.api_token)
    if scheme.lower() != "basic":
        return False
    try:
        user, colon, password = base64.b64decode(value, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    # Both are compared always, so that the time tells nothing about the user name.
    return (
        bool(colon)
        & hmac.compare_digest(user, credentials.user.encode())
        & hmac.compare_digest(password, credentials.password.encode())
    )


def _same(given: str, secret: str) -> bool:
    """Compare a header with a secret in constant time. WSGI hands headers over as Latin-1, whatever their bytes mean."""
    return hmac.compare_digest(given.encode("latin-1", "replace"), secret.encode())


def _unauthorized() -> Response:
    answer = problem(
        401,
        "unauthorized",
        "This address needs docloop's credentials: Basic (user and password) or Bearer (API token).",
    )
    answer.headers["WWW-Authenticate"] = 'Basic realm="docloop", charset="UTF-8"'
    return answer
