"""A fit by two processes of this machine: its result, its progress, why it failed, and that nobody is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from made_receipts import SPECS, made_receipt
from waiting import until

from ml_backend.errors import DocloopError, ModelRejected
from ml_backend.store.records import RunRecord
from ml_backend.store.store import Store, open_store
from training.child import Progress
from training.run_limits import GB, Limits, resident
from training.supervisor import Supervisor
from training.trainers.layout_model import LayoutTrainer, LayoutTraining
from training.trainers.layout_model.job import BROKE, Failure, clear_failures, failures

RECEIPTS = [made_receipt(number) for number in range(8)]
ROOT = Path(__file__).resolve().parents[3]
TWO = LayoutTraining(
    from_scratch="tiny", scratch_family="lilt", length=64, stride=16, max_steps=6, batch_size=2, folds=1, processes=2
)
LONG = replace(TWO, max_steps=100_000, look_every=100_000)


def started(pid: int) -> list[int]:
    """The processes that this one has started, and so on."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        own = [int(each) for task in tasks for each in (task / "children").read_text().split()]
    except OSError:
        return []
    return [*own, *(each for one in own for each in started(one))]


@pytest.fixture
def ours() -> Callable[[], list[int]]:
    """The processes that this test has started; a whole run of tests has servers beside them."""
    before = set(started(os.getpid()))
    return lambda: [pid for pid in started(os.getpid()) if pid not in before]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def until_gone(pids: list[int], seconds: float = 15.0) -> None:
    """Wait for their end. Raises AssertionError for one that goes on."""
    ends = time.monotonic() + seconds
    while any(map(running, pids)):
        assert time.monotonic() < ends, [pid for pid in pids if running(pid)]
        time.sleep(0.1)


def ranks(pids: list[int]) -> list[int]:
    """Of these processes those that train, which the launcher has started."""
    return [rank for launcher in pids for rank in started(launcher) if rank in pids]


@pytest.mark.slow
def test_two_processes_make_one_version_and_tell_how_far_they_are(
    tmp_path: Path, ours: Callable[[], list[int]]
) -> None:
    told: list[tuple[str, float]] = []

    fitted = LayoutTrainer(replace(TWO, work=tmp_path / "work"), "MY").fit(
        RECEIPTS, SPECS, "fields-7", lambda stage, share: told.append((stage, share)), seed=3
    )

    stages = list(dict.fromkeys(stage for stage, _ in told))
    assert stages == ["start 2 processes", "base model", "train network", "answer network", "export", "compare"]
    assert max(share for stage, share in told if stage == "train network") == 1.0
    assert fitted.extractor.version == "fields-7"
    assert len(fitted.out_of_fold) == 2
    assert fitted.settings["export_difference"] <= 1e-3
    (tmp_path / "saved").mkdir()
    fitted.save(tmp_path / "saved")
    assert (tmp_path / "saved" / "model.onnx").stat().st_size > 10_000
    until_gone(ours())


@pytest.mark.slow
def test_what_a_process_says_why_it_cannot_go_on_arrives(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "lilt"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")

    with pytest.raises(ModelRejected) as refusal:
        LayoutTrainer(replace(TWO, from_scratch="", base_model=str(tmp_path))).fit(
            RECEIPTS, SPECS, "fields-1", lambda stage, share: None
        )

    assert refusal.value.code == "base_model_pickle"
    assert "refs/pr/1" in refusal.value.fix


class Stopped(Exception):
    pass


def once_it_trains(do: Callable[[], object]) -> Callable[[str, float], None]:
    """A progress that does something at the first step of training."""
    done: list[object] = []

    def progress(stage: str, share: float) -> None:
        if stage.startswith("train") and share > 0 and not done:
            done.append(None)
            do()

    return progress


@pytest.mark.slow
def test_a_process_that_is_killed_ends_all_of_them_and_is_said(ours: Callable[[], list[int]]) -> None:
    pids: list[int] = []

    def kill() -> None:
        pids.extend(ranks(ours()))
        os.kill(pids[-1], signal.SIGKILL)

    with pytest.raises(DocloopError, match=r"Training process \d of 2: It was killed by signal 9"):
        LayoutTrainer(LONG).fit(RECEIPTS, SPECS, "fields-1", once_it_trains(kill))

    assert len(pids) == 2
    until_gone(pids)


@pytest.mark.slow
def test_a_fit_that_is_stopped_leaves_nobody_behind(ours: Callable[[], list[int]]) -> None:
    pids: list[int] = []

    def stop() -> None:
        pids.extend(ours())
        assert resident(os.getpid()) >= max(map(resident, pids)) > 0
        raise Stopped

    with pytest.raises(Stopped):
        LayoutTrainer(LONG).fit(RECEIPTS, SPECS, "fields-1", once_it_trains(stop))

    assert len(pids) >= 3
    until_gone(pids)


def fit_together(store: Store, run: RunRecord, progress: Progress, work: str) -> None:
    """What a training process does where there are two GPUs."""
    LayoutTrainer(replace(LONG, work=Path(work))).fit(RECEIPTS, SPECS, "fields-1", progress)


@pytest.mark.slow
def test_a_run_that_is_cancelled_while_two_processes_train_ends_with_both(
    tmp_path: Path, ours: Callable[[], list[int]]
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    store = open_store(url)
    begun = store.runs.begin("p", 7, "somebody", "asked", 10, time.time())
    assert begun is not None
    run = store.runs.claim(begun.id, time.time())
    assert run is not None
    supervisor = Supervisor(store, url, Limits(heartbeat=0.2, watch=0.2, memory=4 * GB))
    watcher = threading.Thread(target=supervisor.supervise, args=(run, fit_together, {"work": str(tmp_path)}, True))
    watcher.start()
    try:
        until(lambda: "train" in store.runs.get(run.id).stage, 60)  # type: ignore[union-attr]
        pids = ours()
        store.runs.cancel(run.id)
        watcher.join(20)
        until_gone(pids)
        assert len(pids) >= 4
        assert store.runs.get(run.id).state == "cancelled"  # type: ignore[union-attr]
    finally:
        supervisor.stop.set()
        watcher.join()
        store.close()


@pytest.mark.slow
def test_a_training_child_that_is_killed_takes_its_processes_along(tmp_path: Path) -> None:
    """The supervisor kills the child's group, and torch's processes have sessions of their own."""
    script = """
import sys
from test_layout_group import fit_together
fit_together(None, None, lambda stage, share: print(stage, flush=True), sys.argv[1])
"""
    paths = [ROOT, ROOT / "tests", Path(__file__).parent]
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with child:
        assert child.stdout is not None
        while not child.stdout.readline().startswith(b"train"):
            assert child.poll() is None
        pids = started(child.pid)
        os.kill(child.pid, signal.SIGKILL)
        child.stdout.close()

    assert len(pids) >= 3
    until_gone(pids)


def test_the_likeliest_reason_comes_first_and_foreign_words_do_not_come_at_all(tmp_path: Path) -> None:
    Failure.of(0, RuntimeError("connection closed by peer; Mrs Smith's invoice")).write(tmp_path)
    Failure.of(1, ModelRejected("no_words", "OCR has read no word.", "Submit more.")).write(tmp_path)

    first, second = failures(tmp_path)

    assert (first.rank, second.rank) == (1, 0)
    assert isinstance(first.error(2), ModelRejected)
    assert (first.error(2).code, str(first.error(2))) == ("no_words", "OCR has read no word. Submit more.")
    said = second.error(2)
    assert not isinstance(said, ModelRejected)
    assert (said.code, said.message) == (
        BROKE,
        "Training process 1 of 2: It broke off with RuntimeError; the log says where.",
    )
    clear_failures(tmp_path)
    assert failures(tmp_path) == []
