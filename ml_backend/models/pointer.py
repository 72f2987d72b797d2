"""The pointer of a project to the version that serves: a small file with its own hash, and a copy of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_backend.errors import ModelRejected
from ml_backend.models.manifest import check_version
from ml_backend.models.version_files import read_small

BASELINE = ""  # the keyword baseline, version 0
POINTER = "ACTIVE"
COPY = "ACTIVE.copy"
HISTORY = 100  # versions that a rollback can go back through
MAX_POINTER = 64_000  # bytes


@dataclass(frozen=True, slots=True)
class Pointer:
    """The version that serves, and those that did before, the latest last."""

    version: str = BASELINE
    history: tuple[str, ...] = ()


def pointer_in(project: Path) -> tuple[Pointer, str]:
    """The pointer in a project's folder, and why it is not what ``ACTIVE`` says (a sentence, or empty)."""
    damaged = False
    for name in (POINTER, COPY):
        try:
            return read_pointer(read_small(project / name, MAX_POINTER)), ""
        except FileNotFoundError:
            continue
        except (ModelRejected, ValueError):
            damaged = True
    return Pointer(), "The record of the active version is damaged." if damaged else ""


def write_pointer(pointer: Pointer) -> bytes:
    """The pointer as JSON with the hash of its own content."""
    value: dict[str, Any] = {"version": pointer.version, "history": list(pointer.history)}
    return json.dumps({**value, "sha256": _seal(value)}, indent=1).encode()


def read_pointer(data: bytes) -> Pointer:
    """The pointer of ``write_pointer``. Raises ValueError or ModelRejected for anything else."""
    try:
        value = json.loads(data)
        history = value["history"]
        seal = value.pop("sha256")
        if sorted(value) != ["history", "version"] or not isinstance(history, list) or seal != _seal(value):
            raise ValueError("not a pointer")
        for version in (value["version"], *history):
            if version != BASELINE:
                check_version(version)
        return Pointer(value["version"], tuple(history))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a pointer: {error!r}") from None


def _seal(value: dict[str, Any]) -> str:
    """What tells a flipped bit: the hash of the pointer's content."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
