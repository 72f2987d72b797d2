"""Whom an Authorization header stands for. What the caller may do is decided elsewhere (``web/auth.py``).

User and password, and the API token of the settings, are compared in memory and are ADMIN. A token of the store has its own role;
Basic carries it as the password, under any user name, for programs that know nothing else.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachetools import TTLCache
from flask import Response, after_this_request

from ml_backend.credentials import Credentials
from ml_backend.errors import StoreError
from ml_backend.store.tokens import USE_NOTED, TokenRecord, looks_like_token
from ml_backend.web.access import Caller, Role
from ml_backend.web.guesses import Guesses

if TYPE_CHECKING:
    from ml_backend.store.tokens import Tokens

log = logging.getLogger(__name__)

_AT_ONCE = 8  # lookups that may wait for the database; the server's other threads stay free for /health and webhooks
_WAIT = 0.5  # seconds for a place among them


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a header shows: ``user`` is None for Bearer."""

    user: bytes | None
    secret: bytes

    @property
    def token(self) -> str:
        """The secret, where it has the shape of a token of the store, else empty."""
        text = self.secret.decode("latin-1")
        return text if looks_like_token(text) else ""


class Callers:
    """Callers by what they show. ``tokens`` gives the store's tokens when one is shown; None: there is no store."""

    def __init__(
        self,
        credentials: Credentials,
        guesses: Guesses,
        tokens: Callable[[], Tokens] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._credentials, self._guesses, self._tokens, self._now = credentials, guesses, tokens, now
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._noted: TTLCache[int, None] = TTLCache(1024, USE_NOTED)
        self._lock = threading.Lock()

    def of(self, header: str, address: str, ask_store: bool = True) -> Caller | None:
        """Who shows this Authorization header; None: nobody we know, or one who guessed too often.

        Without ``ask_store`` no token of the store is accepted and the database is not touched.

        Raises:
            StoreError: a token is shown, and the database cannot say whose it is.
        """
        shown = _read(header)
        if shown is None:
            return None
        if shown.token and not self._is_ours(shown):  # too long to be guessed, so nobody has to wait after a wrong one
            return self._holder(shown.token, self._tokens) if ask_store and self._tokens is not None else None
        if self._guesses.wait(address):
            return None
        if not self._is_ours(shown):
            self._guesses.wrong(address)
            return None
        self._guesses.right(address)
        return Caller(self._credentials.user if shown.user is not None else "API token", Role.ADMIN)

    def knows(self, user: str, password: str, address: str) -> bool:
        """Whether these are the administrator's, as typed into the login form; counts where they are not."""
        if self._guesses.wait(address):
            return False
        right = self._is_ours(_Shown(user.encode("utf-8", "replace"), password.encode("utf-8", "replace")))
        (self._guesses.right if right else self._guesses.wrong)(address)
        return right

    def _is_ours(self, shown: _Shown) -> bool:
        ours = self._credentials
        if shown.user is None:
            return hmac.compare_digest(shown.secret, ours.api_token.encode())
        # Both are compared always, so that the time tells nothing about the user name.
        return hmac.compare_digest(shown.user, ours.user.encode()) & hmac.compare_digest(
            shown.secret, ours.password.encode()
        )

    def _holder(self, secret: str, tokens: Callable[[], Tokens]) -> Caller | None:
        if not self._places.acquire(timeout=_WAIT):
            raise StoreError("store_busy", "Too many tokens wait for the database.")
        try:
            found = tokens().find(secret, self._now())
        finally:
            self._places.release()
        if found is None:
            return None
        try:
            role = Role.named(found.role)
        except ValueError:  # a newer docloop's
            return None
        self._note_use(found, tokens)
        return Caller(found.name, role, found.email)

    def _note_use(self, token: TokenRecord, tokens: Callable[[], Tokens]) -> None:
        """Write the use down once the answer is sent: a writer may have to wait, and nobody shall wait for a note."""
        now = self._now()
        with self._lock:
            if token.id in self._noted or (token.used_at is not None and now - token.used_at < USE_NOTED):
                return
            self._noted[token.id] = None

        def note() -> None:
            try:
                tokens().note_use(token.id, now)
            except StoreError as error:
                log.warning("the use of a token was not written down: %s", error.code)

        def later(answer: Response) -> Response:
            answer.call_on_close(note)
            return answer

        after_this_request(later)


def same(given: str, secret: str) -> bool:
    """Compare a header with a secret in constant time. WSGI hands headers over as Latin-1, whatever their bytes mean."""
    return hmac.compare_digest(given.encode("latin-1", "replace"), secret.encode())


def _read(header: str) -> _Shown | None:
    scheme, _, value = header.partition(" ")
    value = value.strip(" \t")
    if scheme.lower() == "bearer":
        return _Shown(None, value.encode("latin-1", "replace"))
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(value, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return _Shown(user, password) if colon else None
