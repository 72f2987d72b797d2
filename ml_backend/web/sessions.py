"""Sessions of the administrator's browser: a signed cookie that a login begins and a logout, time or a new password ends.

Nothing is kept on the server but which sessions were logged out, in the store: any web process that has the same secrets and the
same store knows a session. The key of the signature is made from all secrets: whoever changes one ends all sessions. A session is
ADMIN; what changes anything must carry its CSRF token, in the header ``X-CSRF-Token`` or the form field ``csrf_token``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from cachetools import TTLCache
from flask import Flask, Request, Response, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import BadSignature

from ml_backend.credentials import Credentials
from ml_backend.errors import StoreError
from ml_backend.web.access import Caller, Role
from ml_backend.web.callers import same

if TYPE_CHECKING:
    from ml_backend.store.store import Store

log = logging.getLogger(__name__)

COOKIE = "docloop_session"  # Label Studio on another port of this machine gets it, too: no name of its own
CSRF_HEADER, CSRF_FIELD = "X-CSRF-Token", "csrf_token"
IDLE, LONGEST = 3600.0, 12 * 3600.0  # seconds
_SKEW = 5.0  # seconds by which the clock of another web process may be ahead
_ENDED = "logout-"  # what the leases of sessions begin with that were logged out; they last as long as a copy of the cookie might


class Sessions:
    """The sessions of one application. ``store``, without which a logout is known to this process alone, is asked only when a
    session is shown. ``now`` gives seconds since 1970."""

    def __init__(
        self,
        app: Flask,
        credentials: Credentials,
        store: Callable[[], Store] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._user, self._store, self._now = credentials.user, store, now
        self._ended: TTLCache[str, None] = TTLCache(4096, LONGEST)  # by this process; also while the store is away
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
        age = self._now() - since
        if age >= LONGEST or self._is_ended(name):
            session.clear()
            return None
        return Caller(self._user, Role.ADMIN) if age >= -_SKEW else None

    def end(self) -> None:
        """Log out: the cookie goes, and a copy of it that somebody kept opens nothing in any process."""
        name = session.get("id")
        session.clear()
        if not isinstance(name, str):
            return
        with self._lock:
            self._ended[name] = None
        try:
            if self._store is not None:
                self._store().leases.take(f"{_ENDED}{name}", COOKIE, self._now(), LONGEST)
        except StoreError as error:
            log.warning("A logout is known to this process alone: %s", error.for_log)

    def _is_ended(self, name: str) -> bool:
        with self._lock:
            if name in self._ended:
                return True
        try:
            return self._store is not None and bool(self._store().leases.among([f"{_ENDED}{name}"], self._now()))
        except StoreError:  # the page is to say that the store is away
            return False


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

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """As Flask's, but for the clocks of several web processes. Label Studio has no cookie of ours and waits for no key."""
        serializer = self.get_signing_serializer(app) if COOKIE in request.cookies else None
        if serializer is None:
            return self.session_class()
        try:
            kept, at = serializer.loads(request.cookies[COOKIE], return_timestamp=True)
        except BadSignature:
            return self.session_class()
        return self.session_class(kept if -_SKEW <= time.time() - at.timestamp() <= IDLE else None)

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
