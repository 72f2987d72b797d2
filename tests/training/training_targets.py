"""Training functions that end in every way a process can. The processes of test_supervisor.py import them by name."""

from __future__ import annotations

import mmap
import os
import signal
import sys
import time
from pathlib import Path

from ml_backend.errors import ModelRejected
from ml_backend.store.records import RunRecord
from ml_backend.store.store import Store, open_store
from training.child import Progress
from training.run_limits import GB, Limits
from training.supervisor import Supervisor


def succeed(store: Store, run: RunRecord, progress: Progress, version: str) -> None:
    progress("fit", 0.5)
    seen = {
        "niceness": os.nice(0),
        "threads": os.environ["OPENBLAS_NUM_THREADS"],
        "secrets": [name for name in os.environ if name.startswith("DOCLOOP_")],
    }
    store.runs.finish(run.id, run.attempt, "succeeded", time.time(), version=version, metrics=seen)


def give_up(store: Store, run: RunRecord, progress: Progress) -> None:
    raise ModelRejected("too_few_samples", "There are 3 samples, too few to train on.", "Confirm more documents.")


def break_down(store: Store, run: RunRecord, progress: Progress) -> None:
    try:
        raise KeyError(run.requested_by)
    except KeyError as error:
        raise ValueError(f"a bad value: {run.requested_by}") from error


def end_without_result(store: Store, run: RunRecord, progress: Progress) -> None:
    progress("fit", 1.0)


def crash(store: Store, run: RunRecord, progress: Progress) -> None:
    signal.raise_signal(signal.SIGSEGV)


def wait(store: Store, run: RunRecord, progress: Progress, pid_file: str, listen: bool) -> None:
    """Write down the process, then go on for a minute, asking whether to stop or not."""
    Path(pid_file).write_text(str(os.getpid()))
    for _ in range(600):
        if listen:
            progress("fit", 0.5)
        time.sleep(0.1)


def eat_slowly(store: Store, run: RunRecord, progress: Progress) -> None:
    eaten = []
    for _ in range(600):
        eaten.append(b"x" * 20_000_000)
        time.sleep(0.05)


def eat_at_once(store: Store, run: RunRecord, progress: Progress) -> None:
    bytes(100_000_000_000)


def reserve(store: Store, run: RunRecord, progress: Progress) -> None:
    """Reserve far more than is used, as CUDA does."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE, which Python names from 3.13 on
    mmap.mmap(-1, 64 * GB, flags=flags).close()
    store.runs.finish(run.id, run.attempt, "succeeded", time.time(), version="1")


def supervise_until_killed(url: str, run_id: int, pid_file: str) -> None:
    """What a worker does, for a test that kills the worker."""
    store = open_store(url)
    run = store.runs.claim(run_id, time.time())
    assert run is not None
    Supervisor(store, url, Limits(heartbeat=0.2)).supervise(run, wait, {"pid_file": pid_file, "listen": False})


if __name__ == "__main__":
    import training_targets  # by its name, since nothing can be imported from __main__

    training_targets.supervise_until_killed(sys.argv[1], int(sys.argv[2]), sys.argv[3])
