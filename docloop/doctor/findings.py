"""What a check finds, what is known of a fault, and what a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ml_backend.errors import DocloopError


class Level(StrEnum):
    """How bad it is. A warning is something to know of; a fault keeps the circle from turning."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Known:
    """One fault that the doctor knows: what it is, why it matters, what mends it (with ``{names}`` that the check fills in)."""

    level: Level
    cause: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a check says. ``measured`` is what it saw, without secrets and without a document's text; ``code`` names the fault,
    "" where all is well. ``fix`` replaces the catalogue's, where an error knows better; ``values`` fill in its names."""

    measured: str
    code: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A row for people and programs: what was found, with what the catalogue knows of it. ``seconds`` is how long it took."""

    check: str
    level: Level
    measured: str
    code: str = ""
    why: str = ""
    fix: str = ""
    project: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """``run`` is given the bench, and the project where there is one check for ``each_project``.

    ``needs`` are checks that must have found no fault. After ``seconds`` it is given up. ``--quick`` does the ``quick`` ones.
    """

    name: str
    title: str
    run: Callable[..., Iterable[Found]]
    needs: tuple[str, ...] = ()
    seconds: float = 20.0
    quick: bool = False
    each_project: bool = False


def of_error(error: DocloopError, known: Iterable[str], otherwise: str, **values: Any) -> Found:
    """An error as a finding: under its own code where the catalogue has that, else under ``otherwise``."""
    code = error.code if error.code in known else otherwise
    return Found(error.message, code, {"code": error.code, **values}, error.fix)
