"""Sessions of the administrator's browser: a signed cookie that a login begins and a logout, time or a new password ends.

Nothing is kept on the server but which sessions were logged out, so any web process that has the same secrets knows a session.
The key of the signature is made from all secrets: whoever changes one ends all sessions. A session is ADMIN; what changes
anything must carry its CSRF token, in the header ``X-CSRF-Token`` or the form field ``csrf_token``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from cachetools import TTLCache
from flask import Flask, Request, Response, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

from ml_backend.credentials import Credentials
from ml_backend.web.access import Caller, Role
from ml_backend.web.callers import same

COOKIE = "docloop_session"  # Label Studio on another port of this machine gets it, too: no name of its own
CSRF_HEADER, CSRF_FIELD = "X-CSRF-Token", "csrf_token"
IDLE, LONGEST = 3600.0, 12 * 3600.0  # seconds


class Sessions:
    """The sessions of one application. ``now`` gives seconds since 1970."""

    def __init__(self, app: Flask, credentials: Credentials, now: Callable[[], float] = time.time) -> None:
        self._user, self._now = credentials.user, now
        self._ended: TTLCache[str, None] = TTLCache(4096, LONGEST)
        self._lock = threading.Lock()
        app.secret_key = _key(credentials)
        app.session_interface = _Cookies()
        app.permanent_session_lifetime = timedelta(seconds=IDLE)  # begins anew with each answer
        app.config.update(
            SESSION_COOKIE_NAME=COOKIE,
            SESSION_COOKIE_HTTPONLY=True,
            SESSION_COOKIE_SAMESITE="Lax",
            SESSION_COOKIE_PATH="/",
        )
        app.context_processor(lambda: {"csrf_token": csrf_token})

    def begin(self) -> None:
        """Begin a session for who has just shown the password. Nothing of an older one stays, least of all its tokens."""
        session.clear()
        session.permanent = True
        session.update(since=self._now(), id=secrets.token_urlsafe(16), csrf=secrets.token_urlsafe(32))

    def caller(self) -> Caller | None:
        """Who is behind the session of this request; None if there is none, or it is over."""
        since, name = session.get("since"), session.get("id")
        if not isinstance(since, int | float) or not isinstance(name, str):
            return None
        with self._lock:
            ended = name in self._ended
        if ended or not 0 <= self._now() - since < LONGEST:
            session.clear()
            return None
        return Caller(self._user, Role.ADMIN)

    def end(self) -> None:
        """Log out: the cookie goes, and a copy of it that somebody kept opens nothing in this process."""
        name = session.get("id")
        if isinstance(name, str):
            with self._lock:
                self._ended[name] = None
        session.clear()


def csrf_token() -> str:
    """The CSRF token of this request's session, "" without one. Templates have it as ``csrf_token()``."""
    return str(session.get("csrf", ""))


def has_csrf_token() -> bool:
    """Whether this request carries the CSRF token of its session."""
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        given = request.form.get(CSRF_FIELD, "")
    right = csrf_token()
    return bool(right) and same(given, right)


class _Cookies(SecureCookieSessionInterface):
    """Flask's signed cookies, with a newer hash, ``Secure`` where the request came over https, and no way into a cache."""

    salt = "docloop-session"
    digest_method = staticmethod(hashlib.sha256)

    def get_cookie_secure(self, app: Flask) -> bool:
        """gunicorn knows https from X-Forwarded-Proto, of a proxy on this machine or one of FORWARDED_ALLOW_IPS."""
        return request.is_secure

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Label Studio has no cookie of ours and does not wait for a signature's key."""
        return super().open_session(app, request) if COOKIE in request.cookies else self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """An answer that may be cached, such as a style sheet, carries no cookie."""
        if session.modified or (session and response.cache_control.no_store):
            super().save_session(app, session, response)
        elif session.accessed:
            response.vary.add("Cookie")


def _key(credentials: Credentials) -> bytes:
    """The key of the signature: HMAC-SHA256 over all secrets. Of a cookie that is caught, no short password can be guessed."""
    rest = json.dumps([credentials.user, credentials.password, credentials.api_token])
    return hmac.digest(credentials.webhook_secret.encode(), b"docloop session 1\0" + rest.encode(), "sha256")
