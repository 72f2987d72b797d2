"""The pointer of a project: the version that serves and those before it, as text that tells a flipped bit."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from ml_backend.models.manifest import check_version

BASELINE = ""  # the keyword baseline, version 0
MAX_POINTER = 64_000  # bytes


@dataclass(frozen=True, slots=True)
class Pointer:
    """``history`` are the versions that were active before, the latest last."""

    version: str = BASELINE
    history: tuple[str, ...] = ()


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
