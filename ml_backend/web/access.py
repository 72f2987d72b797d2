"""Who asks, and what a route wants of those who ask: roles, the mark on a view, the caller of this request.

A view says what it needs with ``@needs(Role.READ)`` under its route decorator; one that says nothing needs ADMIN. The guard
(``web/auth.py``) compares, before any view runs: no view checks a role itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from flask import Flask, g, request

_MARK = "docloop_role"
View = TypeVar("View", bound=Callable[..., Any])


class Role(IntEnum):
    """What somebody may do; each role may all that those below it may.

    READ looks at everything but secrets. TRAIN also changes documents, annotations and models. ADMIN does everything.
    """

    READ = 1
    TRAIN = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The role as people write it: ``read``, ``train`` or ``admin``."""
        return self.name.lower()

    @classmethod
    def named(cls, word: str) -> Role:
        """The role of a word, such as ``train``. Raises ValueError that lists the known ones."""
        try:
            return cls[word.upper()]
        except KeyError:
            known = ", ".join(role.word for role in cls)
            raise ValueError(f"There is no role {word[:40]!r}. Known roles: {known}.") from None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is behind a request: the name of the token or user, what it may do, and its annotator in Label Studio.

    ``email`` is the address under which the annotator is known there, "" where the token has none.
    """

    name: str
    role: Role
    email: str = ""


def needs(role: Role) -> Callable[[View], View]:
    """Mark a view function with the role that it wants. Put it below the route decorator."""

    def mark(view: View) -> View:
        setattr(view, _MARK, role)
        return view

    return mark


def wanted(app: Flask) -> Role | None:
    """The role that the view of this request wants; None where no view answers (an unknown address, another method)."""
    if request.url_rule is None:
        return None
    return role_of(app, request.url_rule.endpoint)


def role_of(app: Flask, endpoint: str) -> Role:
    """The role that an endpoint wants: ADMIN unless its view says otherwise."""
    role = getattr(app.view_functions.get(endpoint), _MARK, Role.ADMIN)
    return role if isinstance(role, Role) else Role.ADMIN


def caller() -> Caller:
    """Who is behind this request. Raises RuntimeError on a route that is open to everybody: there nobody is known."""
    known = g.get("caller")
    if not isinstance(known, Caller):
        raise RuntimeError("nobody is known on an open route")
    return known
