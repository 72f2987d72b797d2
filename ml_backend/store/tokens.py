"""Tokens with roles: who but the administrator may call docloop, made once, shown once, taken back at any time.

Only the SHA-256 of a token is kept. A slow hash protects words that people choose; here the secret is 256 random bits, which
nobody guesses however quick the hash is, and a quick one lets every request be checked against the database anew: a token that
is revoked stops working at once. It is looked up by its hash through an index; how long that takes tells nothing about the
token, since nobody can choose the hash of a guess.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from ml_backend.errors import DocloopError
from ml_backend.store.database import Database
from ml_backend.store.tables import columns, tokens

START = "docloop_"  # so that people, and scanners of secrets, see what it is
ROLES = ("read", "train", "admin")  # what they mean says web.access.Role
USE_NOTED = 60.0  # seconds in which a use is written down once
_BYTES = 32
_SHAPE = re.compile(rf"{START}[A-Za-z0-9_-]{{32,120}}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_LONGEST_NAME, _LONGEST_EMAIL, _MOST_DAYS = 64, 254, 36_500
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token without its secret. Times are seconds since 1970; None: never.

    ``role`` is one of ``ROLES``. ``email`` is the annotator of Label Studio under whose name its holder confirms and corrects,
    "" for none.
    """

    id: int
    name: str
    role: str
    email: str
    made_at: float
    expires_at: float | None = None
    used_at: float | None = None
    revoked_at: float | None = None

    def alive(self, now: float) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


_TOKEN = columns(TokenRecord, tokens)


class Tokens:
    """Tokens by id, name or secret."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, role: str, now: float, days: float | None = None, email: str = "") -> tuple[int, str]:
        """Make a token: its id, and the secret, which nobody can see again. ``days`` it works; None: until revoked.

        Raises:
            DocloopError: ``token_bad``: a name, role, number of days or address that cannot be; ``token_exists``: a token of
                this name was not revoked.
        """
        name, email = name.strip(), email.strip()
        _check(name, role, days, email)
        secret = START + secrets.token_urlsafe(_BYTES)
        row = {
            "name": name,
            "role": role,
            "email": email,
            "hash": _hash(secret),
            "made_at": now,
            "expires_at": None if days is None else now + days * _DAY,
        }
        with self._database.write() as connection:
            insert = self._database.insert(tokens).values(row).on_conflict_do_nothing()
            made = connection.execute(insert.returning(tokens.c.id)).scalar()
        if made is None:
            raise DocloopError(
                "token_exists", f"There is a token {name!r} already.", "Revoke it first, or choose another name."
            )
        return int(made), secret

    def all(self) -> list[TokenRecord]:
        """All tokens, revoked and expired ones too, in the order in which they were made."""
        with self._database.read() as connection:
            return [TokenRecord(*row) for row in connection.execute(sa.select(*_TOKEN).order_by(tokens.c.id))]

    def get(self, number: int) -> TokenRecord | None:
        """The token of this id."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(*_TOKEN).where(tokens.c.id == number)).first()
        return None if row is None else TokenRecord(*row)

    def revoke(self, name_or_id: str | int, now: float) -> TokenRecord:
        """Take a token back, by its name or its id; it opens nothing from now on. A second time changes nothing.

        Raises:
            DocloopError: ``token_unknown``.
        """
        text = str(name_or_id).strip()
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
        one = tokens.c.name == text if number is None else tokens.c.id == number
        with self._database.write() as connection:
            connection.execute(tokens.update().where(one, tokens.c.revoked_at.is_(None)).values(revoked_at=now))
            # Of several of a name the newest is the one that was alive.
            newest = sa.select(*_TOKEN).where(one).order_by(tokens.c.id.desc()).limit(1)
            row = connection.execute(newest).first()
        if row is None:
            raise DocloopError(
                "token_unknown", f"There is no token {text[:_LONGEST_NAME]!r}.", "docloop tokens lists them."
            )
        return TokenRecord(*row)

    def find(self, secret: str, now: float) -> TokenRecord | None:
        """The token of this secret; None if there is none, or it is expired or revoked. Nothing is written."""
        if not looks_like_token(secret):
            return None
        with self._database.read() as connection:
            row = connection.execute(sa.select(*_TOKEN).where(tokens.c.hash == _hash(secret))).first()
        found = None if row is None else TokenRecord(*row)
        return found if found is not None and found.alive(now) else None

    def note_use(self, number: int, now: float) -> None:
        """Write down that the token of this id was used, once a minute at most, however many processes ask."""
        stale = tokens.c.used_at.is_(None) | (tokens.c.used_at <= now - USE_NOTED)
        with self._database.write() as connection:
            connection.execute(tokens.update().where(tokens.c.id == number, stale).values(used_at=now))


def looks_like_token(secret: str) -> bool:
    """Whether ``secret`` has the shape of our tokens: what has not is not looked up."""
    return _SHAPE.fullmatch(secret) is not None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _check(name: str, role: str, days: float | None, email: str) -> None:
    if not name or len(name) > _LONGEST_NAME or not name.isprintable() or name.isdigit():
        raise _bad(f"A token's name has 1 to {_LONGEST_NAME} characters and is no number, but it was: {name[:80]!r}.")
    if role not in ROLES:
        raise _bad(f"There is no role {role[:40]!r}. Known roles: {', '.join(ROLES)}.")
    if days is not None and not (math.isfinite(days) and 0 < days <= _MOST_DAYS):
        raise _bad(f"A token works for more than 0 and at most {_MOST_DAYS} days, but it was: {days}.")
    if email and (len(email) > _LONGEST_EMAIL or not email.isprintable() or not _EMAIL.fullmatch(email)):
        raise _bad(f"An annotator is named by the e-mail address in Label Studio, but it was: {email[:80]!r}.")


def _bad(message: str) -> DocloopError:
    return DocloopError("token_bad", message)
