"""One long-running child process that belongs to one folder, and is never lost sight of.

Two files in the folder are locked (``flock``): ``NAME.owner`` by us, so that two docloops never share a folder, and ``NAME.pid``
by the child itself, which inherits the lock and holds it for as long as it lives. So if docloop is killed, its next start sees
that the child still runs, and the pid in the file is certainly the child's: the system may hand a pid out again, a lock it
does not. What the child is and when it counts as started is for others to say.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ml_backend.errors import SetupError
from ml_backend.folders import make_private

STOP_WITHIN = 10.0  # seconds from asking a child to stop to killing it
_POLL = 0.05  # seconds


class ChildProcess:
    """The child called ``name`` of ``folder``; its output goes to ``NAME.log`` there (the run before: ``NAME.old.log``)."""

    def __init__(self, folder: Path, name: str) -> None:
        self.log = folder / f"{name}.log"
        self._name = name
        self._owner_file = folder / f"{name}.owner"
        self._pid_file = folder / f"{name}.pid"
        self._owner_lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def claim(self) -> None:
        """Make the folder ours until ``release``.

        Raises:
            SetupError: another docloop that still runs has it.
        """
        make_private(self._owner_file.parent)
        self._owner_lock = _try_lock(self._owner_file)
        if self._owner_lock is None:
            raise SetupError(
                "folder_in_use",
                f"Another docloop is already running {self._name} in {self._owner_file.parent}.",
                "Use that one, or stop it first.",
            )

    def release(self) -> None:
        """Let another docloop have the folder."""
        if self._owner_lock is not None:
            os.close(self._owner_lock)
            self._owner_lock = None

    def stop_orphan(self) -> int | None:
        """Stop a child that an earlier docloop left behind when it was killed. The pid, or None if there was none.

        Raises:
            SetupError: there is one, and it cannot be stopped.
        """
        if self._child_is_gone():
            return None
        pid = self._pid_file.read_text().strip()
        if not pid.isdigit() or not self._end(int(pid)):
            raise SetupError(
                "orphan_still_runs",
                f"The {self._name} of an earlier run (process {pid or 'unknown'}) still runs and does not stop.",
                f"Stop the process that holds {self._pid_file}, then try again.",
            )
        return int(pid)

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Start the child in a session of its own, so that a Ctrl-C in the terminal reaches only us. Needs ``claim``."""
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".old.log"))
        lock = _try_lock(self._pid_file)
        if lock is None:
            raise RuntimeError(f"{self._pid_file} is locked: stop_orphan comes before start")
        try:
            with self.log.open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603 - the command is ours, not a stranger's
                    [str(part) for part in command],
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=[lock],
                )
            self._pid_file.write_text(f"{self._process.pid}\n")
        finally:
            os.close(lock)  # the child's copy holds the lock from here on

    def exit_code(self) -> int | None:
        """The exit code of the child, or None while it runs."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """Ask the child to stop, wait, and kill it if it does not. Does nothing if it has stopped."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def log_text(self) -> str:
        """What the child has printed in this run."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _end(self, pid: int) -> bool:
        for number, seconds in ((signal.SIGTERM, STOP_WITHIN), (signal.SIGKILL, 2.0)):
            os.kill(pid, number)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if self._child_is_gone():
                    return True
                time.sleep(_POLL)
        return False

    def _child_is_gone(self) -> bool:
        lock = _try_lock(self._pid_file)
        if lock is None:
            return False
        os.close(lock)
        return True


def _try_lock(path: Path) -> int | None:
    """An exclusive lock on the file (made if missing) as an open descriptor, or None if somebody else holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
