"""Runs one training run in a process of its own, and sees to it that its end, whatever it is, is written down.

A run can die in every way a process can: it raises, eats the memory, is killed, freezes, or its worker goes with the whole
machine. The process that watches it notices the first four; the last is noticed by any worker, by the heartbeat that stopped
(``reap``). A run that died is requested again, and fails for good after its last attempt, with the reason. All writes name the
attempt, so whoever was given up cannot disturb the one that came after.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from ml_backend import logs
from ml_backend.errors import DocloopError, StoreError
from ml_backend.store.records import RunRecord
from ml_backend.store.store import Store
from training.child import DISTURBED, FAILED, OUT_OF_MEMORY, STOPPED
from training.run_limits import ATTEMPTS, GB, SILENCE, Limits, resident

log = logging.getLogger(__name__)

_CHILD = ("-P", "-m", "training.child")
_OURS = ("DOCLOOP_", "AWS_")  # our own settings and the bucket's hold secrets that training needs none of
_LONGEST_ANSWER = 4096
_AGAIN = 2.0  # seconds until the end of a run is written again, where the database is away
_STOPPED_WITH_US = "docloop was stopped"


@dataclass(frozen=True)
class Supervisor:
    """Watches runs of one store, each from the thread that asks. ``stop`` ends what runs and gives it back, to be begun again.

    ``store_url`` is what ``store`` was opened with: the process opens its own.
    """

    store: Store
    store_url: str
    limits: Limits = field(default_factory=Limits)
    stop: threading.Event = field(default_factory=threading.Event)

    def supervise(
        self, run: RunRecord, target: Callable[..., None], arguments: Mapping[str, Any], reserve: bool = False
    ) -> bool:
        """Run ``target(store, run, progress, **arguments)`` in a process and wait for its end. False: a full disk or a database
        that is away ended it, it counts as no attempt.

        ``run`` is as ``claim`` gave it; ``target`` a function of a module, ``arguments`` what JSON can say. The target writes its
        result with ``store.runs.finish`` as the last thing it does. The thread that calls this must live as long as the process.
        ``reserve``: it may reserve as much memory as it likes, and only use what it may; CUDA reserves all of a GPU's and more.

        Raises:
            ValueError, TypeError: a target that has no name to import it by, arguments that JSON cannot say.
        """
        order = self._order(run, target, arguments)
        if reserve:
            order["address_space"] = 0
        status = 0
        try:
            with tempfile.TemporaryFile() as answer:
                status, fault = self._run_process(run, json.dumps(order).encode(), answer)
                answer.seek(0)
                reason = fault or _reason(status, answer.read(_LONGEST_ANSWER), self.limits)
        except OSError as error:
            reason = f"could not be started: {error.strerror}"
        disturbed = status == DISTURBED
        while True:
            try:
                self._settle(run, reason, died=reason != _STOPPED_WITH_US and not disturbed)
                return not disturbed
            except StoreError as error:  # another worker reaps the run if we never reach the store
                log.warning("The end of run %d cannot be written: %s", run.id, error)
                if self.stop.wait(_AGAIN):
                    return not disturbed

    def _order(self, run: RunRecord, target: Callable[..., None], arguments: Mapping[str, Any]) -> dict[str, Any]:
        if target.__module__ == "__main__" or not target.__qualname__.isidentifier():
            raise ValueError(f"A training process imports its function by name, and cannot import {target!r}.")
        return {
            "store_url": self.store_url,
            "run": run.id,
            "attempt": run.attempt,
            "target": f"{target.__module__}:{target.__qualname__}",
            "arguments": arguments,
            "parent": os.getpid(),
            "nice": self.limits.nice,
            "address_space": self.limits.address_space,
            "heartbeat": self.limits.heartbeat,
            "grace": self.limits.grace,
            "log": logs.inherited(),
        }

    def _run_process(self, run: RunRecord, order: bytes, answer: IO[bytes]) -> tuple[int, str]:
        """The exit status, and why we killed it ("" when it ended by itself)."""
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, *_CHILD],
            stdin=subprocess.PIPE,
            stdout=answer,
            env=_environment(self.limits),
            start_new_session=True,  # a group of its own, which is killed as one
        )
        log.info("Run %d of project %d, attempt %d: process %d.", run.number, run.project_id, run.attempt, process.pid)
        try:
            with suppress(OSError), process.stdin:  # type: ignore[union-attr]  # it died at once; its status says how
                process.stdin.write(order)  # type: ignore[union-attr]
            fault = self._watch(process, run)
        finally:
            _kill(process)
        return process.returncode, fault

    def _watch(self, process: subprocess.Popen[bytes], run: RunRecord) -> str:
        """Wait for the end; or why it has to be killed."""
        pulse = _Pulse(run, self.limits.silence)
        while True:
            with suppress(subprocess.TimeoutExpired):
                process.wait(self.limits.watch)
                return ""
            if self.stop.is_set():
                return _STOPPED_WITH_US
            if resident(process.pid) > self.limits.memory:
                return _too_much(self.limits)
            try:
                seen = self.store.runs.get(run.id)
            except DocloopError as error:
                log.warning("The heartbeat of run %d cannot be read: %s", run.id, error)
                pulse.unknown()
            else:
                if pulse.stopped(seen):
                    return f"showed no sign of life for {self.limits.silence:g} seconds"

    def _settle(self, run: RunRecord, reason: str, died: bool) -> None:
        """Write down the end, unless the target has, or the run is another's by now."""
        now = self.store.runs.get(run.id)
        if now is None or not _is_ours(now, run):
            return
        said = "cancelled" if now.cancel else reason
        log.warning("Run %d of project %d, attempt %d: %s", run.number, run.project_id, run.attempt, said)
        self.store.runs.retry_or_fail(run, time.time(), reason, self.limits.attempts, died=died)


def reap(store: Store, now: float, after: float = SILENCE, attempts: int = ATTEMPTS) -> list[RunRecord]:
    """End the runs of all workers whose heartbeat is older than ``after`` seconds, since who ran them is dead or cut off.

    They are requested again, failed after their last attempt, or cancelled where somebody had asked for it; returned as they
    are then. To be called every few seconds, by every worker.
    """
    reaped = []
    for run in store.runs.silent(now, after):
        reason = f"showed no sign of life for {after:g} seconds: its worker died"
        log.warning("Run %d of project %d, attempt %d: %s", run.number, run.project_id, run.attempt, reason)
        reaped.append(store.runs.retry_or_fail(run, now, reason, attempts))
    return reaped


class _Pulse:
    """When the run last changed its heartbeat, on a clock that stands still while the machine sleeps."""

    def __init__(self, run: RunRecord, silence: float) -> None:
        self._run = run
        self._silence = silence
        self._last = run.heartbeat_at
        self.unknown()

    def unknown(self) -> None:
        """The heartbeat cannot be seen, which says nothing of the run: count from now."""
        self._since = time.monotonic()

    def stopped(self, seen: RunRecord | None) -> bool:
        if seen is not None and _is_ours(seen, self._run) and seen.heartbeat_at != self._last:
            self._last = seen.heartbeat_at
            self._since = time.monotonic()
        return time.monotonic() - self._since > self._silence


def _is_ours(now: RunRecord, claimed: RunRecord) -> bool:
    return now.state == "running" and now.attempt == claimed.attempt


def _reason(status: int, answer: bytes, limits: Limits) -> str:
    """Why a process ended that wrote no result, in words that follow "the run"."""
    if status in (FAILED, DISTURBED):
        with suppress(ValueError, KeyError):
            return str(json.loads(answer)["reason"])
    if status == OUT_OF_MEMORY:
        return _too_much(limits)
    if status == -signal.SIGKILL:
        return "was killed (out of memory?)"
    if status < 0:
        return f"crashed ({signal.Signals(-status).name})"
    if status == 0:
        return "ended without a result"
    return "stopped by itself" if status == STOPPED else f"ended with exit status {status}"


def _too_much(limits: Limits) -> str:
    return f"used more than {limits.memory / GB:.1f} GB of memory"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started. Its group is ours to kill as long as nobody waited for it."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _environment(limits: Limits) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, **limits.environment(), "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
