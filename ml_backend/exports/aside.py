"""Where an export is written before it has its name, and how what killed ones have left is taken away.

An export is written into a folder beside the place where it goes, so that one rename brings it there. The writer holds a lock
on that folder, which ends with its process, however that ends: a folder of ours without a lock is nobody's. On a disk that
knows no locks everything stays where it is.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

log = logging.getLogger(__name__)

_NAME = ".docloop-part-"
_OURS = re.compile(rf"{re.escape(_NAME)}[a-z0-9_]{{8}}")


@contextmanager
def folder_beside(out: Path) -> Iterator[Path]:
    """An empty folder on the disk of ``out``, nobody else's until the block ends. What is not renamed by then is taken away.

    First what killed exports have left there is taken away.

    Raises:
        OSError: the disk refused; nothing is left then.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    _tidy(out.parent)
    made, lock = _locked(out)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(lock)


def _locked(out: Path) -> tuple[Path, int]:
    """A new folder and its lock. Another export may tidy it away before it is locked: then there is another one."""
    while True:
        made = Path(mkdtemp(prefix=_NAME, dir=out.parent))
        with suppress(FileNotFoundError):
            lock = os.open(made, os.O_RDONLY)
            with suppress(OSError):  # a disk without locks, or the one who tidies has it
                fcntl.flock(lock, fcntl.LOCK_EX)
            if made.exists():
                return made, lock
            os.close(lock)


def _tidy(parent: Path) -> None:
    for path in parent.glob(f"{_NAME}*"):
        if _OURS.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            with suppress(OSError):  # somebody's, somebody else tidies, or the disk knows no locks
                _remove_nobodys(path)


def _remove_nobodys(path: Path) -> None:
    """Remove a folder that nobody holds. Raises OSError where somebody does."""
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), path.lstat()):  # else it got its name in between: it is whole
            shutil.rmtree(path)
            log.info("what a killed export had left was taken away")
    finally:
        os.close(lock)
