"""What can happen to a model registry: kills at every step, flipped and cut files. For the quick and the full tests."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ml_backend.models.manifest import Manifest
from ml_backend.models.registry import ModelRegistry

PROJECT = "41.1795165055"
STEPS = ("open", "write", "fsync", "fchmod", "mkdir", "rename", "replace", "unlink", "rmdir")
KILLED = 99


def manifest(number: int) -> Manifest:
    return Manifest(f"fields-{number}", "token-classifier", "2026-01-02T03:04:05Z", samples=24, labels=("total",))


def write(number: int) -> Callable[[Path], None]:
    def into(folder: Path) -> None:
        (folder / "settings.json").write_text(f'{{"number": {number}, "padding": "{"x" * 3000}"}}')
        (folder / "words").mkdir()
        (folder / "words" / "known.txt").write_text(f"TOTAL {number}")

    return into


def serving(folder: Path, versions: int) -> ModelRegistry:
    """A registry with that many versions, the newest active."""
    registry = ModelRegistry(folder)
    for number in range(1, versions + 1):
        registry.publish(PROJECT, manifest(number), write(number))
        registry.activate(PROJECT, f"fields-{number}")
    return registry


def is_whole(folder: Path | None, version: str) -> bool:
    """Whether a folder that the registry gave for this version holds what was published as it."""
    number = version.rpartition("-")[2]
    return (
        folder is not None
        and (folder / "words" / "known.txt").read_text() == f"TOTAL {number}"
        and (folder / "settings.json").read_text() == f'{{"number": {number}, "padding": "{"x" * 3000}"}}'
    )


def steps_of(action: Callable[[], object]) -> list[str]:
    """The calls that change the disk, in order, with the names of what they touch."""
    seen: list[str] = []
    with hooked(lambda name, target: seen.append(f"{name} {target}")):
        action()
    return seen


def killed_at(step: int, action: Callable[[], object]) -> int:
    """Run ``action`` in a process that dies, as by kill -9, before its ``step``-th change of the disk; its exit status."""
    child = os.fork()
    if child == 0:
        left = step

        def count(name: str, target: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(KILLED)

        try:
            with hooked(count):
                action()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextmanager
def hooked(before: Callable[[str, str], None]) -> Iterator[None]:
    """Call ``before(name, what)`` before each call of the system that changes the disk."""
    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, _hook(name, getattr(os, name), before))
        yield


def _hook(name: str, real: Callable[..., Any], before: Callable[[str, str], None]) -> Callable[..., Any]:
    def call(*args: Any, **more: Any) -> Any:
        target = args[0]
        if isinstance(target, int):
            target = os.readlink(f"/proc/self/fd/{target}")
        before(name, Path(os.fspath(target)).name)
        return real(*args, **more)

    return call


def harm(path: Path, dice: random.Random) -> str:
    """Flip a bit of the file, cut it short, or lengthen it; what was done."""
    data = bytearray(path.read_bytes())
    path.chmod(0o644)
    kind = dice.choice(("flip", "flip", "cut", "empty", "longer"))
    if kind == "flip":
        place = dice.randrange(len(data))
        data[place] ^= 1 << dice.randrange(8)
    elif kind == "cut":
        del data[dice.randrange(len(data)) :]
    elif kind == "empty":
        data.clear()
    else:
        data += b" "
    path.write_bytes(data)
    return f"{kind} {path.name}"
