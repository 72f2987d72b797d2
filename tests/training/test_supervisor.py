"""Training runs in real processes, which end well, badly, and not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import training_targets
from waiting import until

from ml_backend.store.records import RunRecord
from ml_backend.store.store import Store, open_store
from training.child import Progress, RunStopped
from training.run_limits import GB, Limits, default_memory, resident
from training.supervisor import Supervisor, reap

QUICK = Limits(heartbeat=0.1, watch=0.1, grace=0.3, memory=1 * GB)
PATIENCE = 30.0


@dataclass
class Bench:
    """A store with one run in it, and a supervisor of it."""

    store: Store
    url: str
    folder: Path

    def claimed(self) -> RunRecord:
        """The run, started once more."""
        waiting = self.store.runs.open_run("p")
        run = waiting or self.store.runs.begin("p", 7, "somebody", "asked", 10, time.time())
        assert run is not None
        claimed = self.store.runs.claim(run.id, time.time())
        assert claimed is not None
        return claimed

    def supervisor(self, limits: Limits = QUICK) -> Supervisor:
        return Supervisor(self.store, self.url, limits)

    def after(
        self, target: Callable[..., None], limits: Limits = QUICK, reserve: bool = False, **arguments: Any
    ) -> RunRecord:
        """The run, when its only attempt has ended."""
        run = self.claimed()
        self.supervisor(limits).supervise(run, target, arguments, reserve)
        return self.now(run)

    def now(self, run: RunRecord) -> RunRecord:
        found = self.store.runs.get(run.id)
        assert found is not None
        return found

    @property
    def pid_file(self) -> Path:
        return self.folder / "pid"

    def pid(self) -> int:
        """The process of a target that waits, once it does."""
        until(lambda: self.pid_file.exists() and self.pid_file.read_text() != "")
        return int(self.pid_file.read_text())

    @contextmanager
    def waiting(self, limits: Limits = QUICK, listen: bool = True) -> Iterator[tuple[RunRecord, Supervisor]]:
        """A run that waits in its process, watched from a thread; the block makes it end."""
        run, supervisor = self.claimed(), self.supervisor(limits)
        arguments = {"pid_file": str(self.pid_file), "listen": listen}
        watcher = threading.Thread(target=supervisor.supervise, args=(run, training_targets.wait, arguments))
        watcher.start()
        try:
            yield run, supervisor
            watcher.join(PATIENCE)
            assert not watcher.is_alive()
        finally:
            supervisor.stop.set()
            watcher.join()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    store = open_store(url)
    yield Bench(store, url, tmp_path)
    store.close()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def test_a_run_that_succeeds_is_confined_and_leaves_its_result(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCLOOP_LABEL_STUDIO_TOKEN", "secret")
    after = bench.after(training_targets.succeed, Limits(threads=2, nice=11), version="1")
    assert (after.state, after.attempt, after.version) == ("succeeded", 1, "1")
    assert after.metrics == {"niceness": min(19, os.nice(0) + 11), "threads": "2", "secrets": []}


@pytest.mark.slow
def test_a_run_that_may_reserve_more_than_it_uses_does(bench: Bench) -> None:
    refused = bench.after(training_targets.reserve, replace(QUICK, attempts=1))
    assert (refused.state, "OSError" in refused.reason) == ("failed", True)
    assert bench.after(training_targets.reserve, QUICK, reserve=True).state == "succeeded"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "limits", "reason"),
    [
        ("give_up", QUICK, "There are 3 samples, too few to train on. Confirm more documents."),
        ("break_down", QUICK, "broke off with ValueError; the log says where"),
        ("end_without_result", QUICK, "ended without a result"),
        ("crash", QUICK, "crashed (SIGSEGV)"),
        ("eat_slowly", Limits(heartbeat=0.1, watch=0.1, memory=GB // 2), "used more than 0.5 GB of memory"),
        ("eat_at_once", QUICK, "used more than 1.0 GB of memory"),
    ],
)
def test_a_run_that_ends_badly_fails_with_the_reason_after_its_last_attempt(
    target: str, limits: Limits, reason: str, bench: Bench
) -> None:
    after = bench.after(getattr(training_targets, target), replace(limits, attempts=1))
    assert (after.state, after.reason) == ("failed", reason)


@pytest.mark.slow
def test_a_foreign_error_is_logged_with_its_place_and_without_its_words(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.after(training_targets.break_down)
    logged = capfd.readouterr().err
    assert "broke off with ValueError" in logged
    assert logged.count("in break_down") == 2, "the place of the error, and of the one it came from"
    assert "somebody" not in logged


@pytest.mark.slow
def test_a_killed_run_waits_for_another_start_until_its_third_was_killed_too(bench: Bench) -> None:
    states = []
    for _ in range(3):
        with bench.waiting() as (run, _):
            os.kill(bench.pid(), signal.SIGKILL)
        bench.pid_file.unlink()
        states.append((bench.now(run).state, bench.now(run).attempt))
    assert states == [("requested", 1), ("requested", 2), ("failed", 3)]
    assert bench.now(run).reason == "was killed (out of memory?)"


@pytest.mark.slow
def test_a_frozen_run_is_killed_and_waits_for_another_start(bench: Bench) -> None:
    with bench.waiting(Limits(heartbeat=0.1, watch=0.1, silence=6.0)) as (run, _):
        pid = bench.pid()
        os.kill(pid, signal.SIGSTOP)
    assert not is_alive(pid)
    assert (bench.now(run).state, bench.now(run).attempt) == ("requested", 1)


@pytest.mark.slow
@pytest.mark.parametrize("listen", [True, False], ids=["that asks", "that does not ask"])
def test_a_cancelled_run_ends_soon(listen: bool, bench: Bench) -> None:
    with bench.waiting(listen=listen) as (run, _):
        pid = bench.pid()
        bench.store.runs.cancel(run.id)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert (bench.now(run).state, is_alive(pid)) == ("cancelled", False)


@pytest.mark.slow
def test_a_run_that_was_given_to_another_ends_and_changes_nothing(bench: Bench) -> None:
    with bench.waiting() as (run, _):
        pid = bench.pid()
        bench.store.runs.retry_or_fail(run, time.time(), "taken for dead")
        again = bench.store.runs.claim(run.id, time.time())
    assert not is_alive(pid)
    assert again == bench.now(run)


@pytest.mark.slow
def test_a_stop_of_docloop_gives_the_run_back_even_at_its_last_attempt(bench: Bench) -> None:
    with bench.waiting(Limits(watch=0.1, attempts=1)) as (run, supervisor):
        pid = bench.pid()
        supervisor.stop.set()
    assert (bench.now(run).state, is_alive(pid)) == ("requested", False)


@pytest.mark.slow
def test_stops_of_docloop_use_up_no_attempt(bench: Bench) -> None:
    for _ in range(2):
        with bench.waiting(Limits(watch=0.1, attempts=2)) as (run, supervisor):
            bench.pid()
            supervisor.stop.set()
        bench.pid_file.unlink()
    states = []
    for _ in range(2):
        run = bench.claimed()
        (reaped,) = reap(bench.store, (run.heartbeat_at or 0) + 21, attempts=2)
        states.append((reaped.state, reaped.attempt))
    assert states == [("requested", 3), ("failed", 4)]


@pytest.mark.slow
def test_when_the_worker_is_killed_its_run_dies_with_it_is_reaped_and_runs_again(bench: Bench) -> None:
    run = bench.store.runs.begin("p", 7, "somebody", "asked", 10, time.time())
    assert run is not None
    command = [sys.executable, training_targets.__file__, bench.url, str(run.id), str(bench.pid_file)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment) as worker:
        try:
            pid = bench.pid()
        finally:
            worker.kill()
    until(lambda: not is_alive(pid))
    at = bench.now(run).heartbeat_at
    assert at is not None
    assert reap(bench.store, at + 19) == []
    assert [(each.state, each.attempt) for each in reap(bench.store, at + 21)] == [("requested", 1)]
    after = bench.after(training_targets.succeed, version="1")
    assert (after.id, after.state, after.attempt) == (run.id, "succeeded", 2)


def test_reaping_fails_a_run_after_its_last_attempt_with_the_reason_and_cancels_where_that_was_asked(
    bench: Bench,
) -> None:
    for _ in range(3):
        run = bench.claimed()
        (reaped,) = reap(bench.store, (run.heartbeat_at or 0) + 21)
    assert (reaped.state, reaped.reason) == ("failed", "showed no sign of life for 20 seconds: its worker died")
    run = bench.claimed()
    bench.store.runs.cancel(run.id)
    assert [each.state for each in reap(bench.store, (run.heartbeat_at or 0) + 21)] == ["cancelled"]


def test_progress_says_how_far_it_is_and_raises_once_nobody_wants_the_run() -> None:
    heard: list[tuple[str, float]] = []
    wanted = RunRecord(1, "p", 7, 1, "running", "somebody", 0.0)

    def beat(stage: str, share: float) -> RunRecord | None:
        heard.append((stage, share))
        return wanted if share < 1 else None

    with Progress(beat, interval=0.01, grace=60) as progress:
        until(lambda: ("starting", 0.0) in heard)
        progress("fit", 0.5)
        until(lambda: ("fit", 0.5) in heard)
        progress("publish", 7.0)
        until(lambda: heard[-1] == ("publish", 1.0))
        with pytest.raises(RunStopped):
            until(lambda: progress("publish", 1.0) is not None)


def test_a_target_that_no_process_can_import_is_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="cannot import"):
        bench.supervisor().supervise(bench.claimed(), lambda: None, {})


def test_the_memory_of_a_run_is_half_of_the_machine_and_4_gb_at_most() -> None:
    assert 0 < default_memory() <= 4 * GB
    assert resident(os.getpid()) > 10_000_000
    assert resident(2**30) == 0
