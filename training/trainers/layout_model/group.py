"""A fit by several processes of this machine, one on each GPU, for who wants its result as that of an own fit.

``launcher``, a process of its own, starts them with ``torch.distributed.run``. It stays in the process group of whoever
started it and ends with it, and they end with it, however it ends: torch gives them sessions of their own, so that killing the
group alone would leave them behind.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from ml_backend.errors import DocloopError
from training.trainers.base import Progress
from training.trainers.layout_model.job import BROKE, clear_failures, failures

LAUNCHER = "training.trainers.layout_model.launcher"
_LISTEN = 1.0  # seconds
_GRACE = 3.0  # seconds for the processes to end when they are told to
_LONGEST_LINE = 4096


def run_group(folder: Path, count: int, progress: Progress) -> None:
    """Do the job in ``folder`` (``job.write_job``) by ``count`` processes; ``progress`` hears how far the first one is.

    Raises:
        ModelRejected: what a process said why there can be no model. DocloopError: one broke off, or was killed.
        What ``progress`` raises ends the processes, too.
    """
    clear_failures(folder)
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-m", LAUNCHER, str(os.getpid()), str(count), str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )
    told = cast(IO[bytes], process.stdout)
    try:
        last = (f"start {count} processes", 0.0)
        progress(*last)
        for line in _lines(told, lambda: process.poll() is not None):
            last = _said(line) or last
            progress(*last)  # also where nothing new was told: it may want to stop
        process.wait()
    finally:
        _stop(process)
        told.close()
    if process.returncode:
        some = failures(folder)
        said = "The training processes ended without a reason; the log may say more."
        raise some[0].error(count) if some else DocloopError(BROKE, said)


def _lines(source: IO[bytes], over: Callable[[], bool]) -> Iterator[bytes]:
    """The lines of ``source``, and an empty one after each second of silence, until its end or a silence when all is ``over``."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        while True:
            if selector.select(_LISTEN):
                data = os.read(source.fileno(), 65536)
                if not data:
                    return
                *whole, rest = (rest + data).split(b"\n")
                rest = rest[-_LONGEST_LINE:]
                yield from whole
            elif over():
                return
            else:
                yield b""


def _said(line: bytes) -> tuple[str, float] | None:
    """The stage and the share of a line of ``launch``; None for anything else, such as a library's own words."""
    with suppress(ValueError, TypeError):
        stage, share = json.loads(line)
        return str(stage), float(share)
    return None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the launcher, and with it the processes, if they are not done."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        process.kill()
        process.wait()
