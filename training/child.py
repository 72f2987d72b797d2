"""The process of one training run: confined, telling the store that it lives, ending when nobody wants it any more.

Started as ``python -m training.child`` by the supervisor, which writes what to do to its standard input as JSON: a function by
name and its arguments, never an object. Why it failed is a line of JSON on its standard output. It dies with its parent: a run
that nobody watches would go on beside the one that replaces it.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ml_backend import logs
from ml_backend.errors import DocloopError
from ml_backend.store.records import RunRecord
from training.disturbances import disturbance
from training.lifeline import ORPHANED, end_with

log = logging.getLogger(__name__)

FAILED, OUT_OF_MEMORY, STOPPED, DISTURBED = 1, 2, 3, 4  # exit statuses
_LONGEST_REASON = 300


class RunStopped(DocloopError):
    """Somebody cancelled the run, or it was given to another process. Raised by ``Progress``, for nobody to catch."""


class Progress:
    """What a training function is handed: ``progress("fit", 0.5)`` says how far it is, and raises when it is to stop.

    Inside its ``with`` block a thread tells ``beat`` every ``interval`` seconds; ``beat`` answers the run, or None when it is
    another's by now. A function that does not ask for ``grace`` seconds after that is ended where it stands.
    """

    def __init__(self, beat: Callable[[str, float], RunRecord | None], interval: float, grace: float) -> None:
        self._beat = beat
        self._interval = interval
        self._grace = grace
        self._parent = os.getppid()
        self._now: tuple[str, float] = ("starting", 0.0)
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, name="heartbeat", daemon=True)

    def __call__(self, stage: str, share: float) -> None:
        """Note the stage (a word or two for people) and the share that is done, in ``[0, 1]``.

        Raises:
            RunStopped: the run is not wanted any more.
        """
        self._now = (stage, min(max(share, 0.0), 1.0))
        if self._stop.is_set():
            raise RunStopped("run_stopped", "The training run was cancelled, or another process has it now.")

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _live(self) -> None:
        while not self._stop.is_set():
            if os.getppid() != self._parent:
                os._exit(ORPHANED)
            try:
                run = self._beat(*self._now)
            except Exception:  # the store is busy or away: the supervisor counts the time, not we
                log.exception("The heartbeat of the training run could not be written.")
            else:
                if run is None or run.cancel:
                    self._stop.set()
            if self._ended.wait(self._grace if self._stop.is_set() else self._interval):
                return
        os._exit(STOPPED)


def main() -> None:
    """Do what standard input says. The exit status is 0, or one of the above."""
    order = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print goes to the log
    _confine(order)
    logs.configure("training", **order["log"])
    try:
        _train(order)
    except RunStopped:
        sys.exit(STOPPED)
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
    except Exception as error:
        reason, known = said(error), disturbance(error)
        log.error("Run %d, attempt %d failed: %s", order["run"], order["attempt"], reason, exc_info=error)
        with suppress(OSError):  # a disk that is full
            json.dump({"reason": (known or reason)[:_LONGEST_REASON]}, answer)
            answer.close()
        sys.exit(DISTURBED if known else FAILED)


def said(error: Exception) -> str:
    """Why it failed. The words of a foreign error may quote a document, which neither the store's reason nor a log may."""
    return (
        str(error) if isinstance(error, DocloopError) else f"broke off with {type(error).__name__}; the log says where"
    )


def _train(order: Mapping[str, Any]) -> None:
    from ml_backend.store.store import open_store

    store = open_store(order["store_url"])
    try:
        run = store.runs.get(order["run"])
        if run is None:
            raise RunStopped("run_stopped", "The training run is not in the store.")

        def beat(stage: str, share: float) -> RunRecord | None:
            return store.runs.heartbeat(run.id, order["attempt"], time.time(), stage, share)

        with Progress(beat, order["heartbeat"], order["grace"]) as progress:
            module, _, name = order["target"].partition(":")
            getattr(importlib.import_module(module), name)(store, run, progress, **order["arguments"])
    finally:
        store.close()


def _confine(order: Mapping[str, Any]) -> None:
    end_with(order["parent"])  # where the kernel cannot do that, the heartbeat's look at the parent has to do
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # a stop reaches everybody; our parent decides what becomes of us
    os.nice(order["nice"])
    allowed, space = resource.getrlimit(resource.RLIMIT_AS)[1], order["address_space"]
    if space:
        with suppress(OSError, ValueError):  # not every system has it; the parent looks at the memory too
            resource.setrlimit(resource.RLIMIT_AS, (space if allowed < 0 else min(space, allowed), allowed))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    from training import child  # by its name, so that its RunStopped is the one that training functions know

    child.main()
