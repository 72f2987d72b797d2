"""``docloop serve``: web and worker side by side, as two processes that live and die together.

The worker is started again when it dies, after a pause that grows; the web process takes the whole with it, since without it
nobody is served. One web process and one worker own a data folder (``own``): a second one is refused.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_backend.errors import SetupError
from ml_backend.folders import make_private

STOP_WITHIN = 18.0  # seconds from asking both processes to stop to killing what is left
_LOOK = 0.2
_FIRST_PAUSE, _LAST_PAUSE = 1.0, 60.0  # seconds before a dead worker is started again
_PR_SET_PDEATHSIG = 1
UNFINISHED, FILLING = "restore-unfinished", "restore-filling"  # in a data folder, until a restore has come to its end


@contextmanager
def own(data_dir: Path, role: str, restoring: bool = False) -> Iterator[None]:
    """Hold the data folder in this role (``web`` or ``worker``) for as long as this process lives.

    Raises:
        SetupError: another process has it, or it is half of a backup.
    """
    make_private(data_dir)
    if not restoring and any((data_dir / name).exists() for name in (UNFINISHED, FILLING)):
        raise SetupError(
            "restore_unfinished",
            f"A restore into {data_dir} has not come to its end.",
            "Give the same docloop restore once more; or choose another folder with DOCLOOP_DATA_DIR.",
        )
    descriptor = os.open(data_dir / f"{role}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(
                "data_dir_in_use",
                f"Another docloop {role} is running on the data folder {data_dir}.",
                "Use that one, stop it first, or choose another folder with DOCLOOP_DATA_DIR.",
            ) from None
        yield
    finally:
        os.close(descriptor)


def serve(arguments: list[str]) -> int:
    """Run ``docloop web`` (with ``arguments``) and ``docloop worker`` until a signal; the exit status of the web process."""
    stop = _on_signals()
    web = _start("web", *arguments)
    worker = _start("worker")
    pause, again_at, started = _FIRST_PAUSE, 0.0, time.monotonic()
    try:
        while web.poll() is None and not stop():
            time.sleep(_LOOK)
            if worker.poll() is None:
                continue
            if not again_at:
                if time.monotonic() - started > _LAST_PAUSE:  # it worked; this is another fault than the last one
                    pause = _FIRST_PAUSE
                print(f"The worker ended with status {worker.returncode}; again in {pause:.0f} s.", file=sys.stderr)  # noqa: T201
                again_at = time.monotonic() + pause
            elif time.monotonic() >= again_at:
                worker, pause, again_at = _start("worker"), min(2 * pause, _LAST_PAUSE), 0.0
                started = time.monotonic()
    finally:
        ended = web.poll()
        deadline = time.monotonic() + STOP_WITHIN
        for process in (web, worker):
            process.terminate()
        for process in (web, worker):
            _wait(process, deadline)
    return ended or 0


def _start(command: str, *arguments: str) -> subprocess.Popen[bytes]:
    # Ours from first to last: no shell, and the arguments are those of this command.
    return subprocess.Popen([sys.executable, "-m", "docloop", command, *arguments], preexec_fn=_die_with_parent())  # noqa: S603


def _die_with_parent() -> Callable[[], None] | None:
    """Linux ends the children of a killed parent if they ask for it; elsewhere they go on until they are stopped."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait(process: subprocess.Popen[bytes], deadline: float) -> None:
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _on_signals() -> Callable[[], bool]:
    """Whether somebody asked to stop, from now on. A second Ctrl-C ends us at once."""
    asked: list[int] = []

    def note(number: int, frame: object) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    return lambda: bool(asked)
