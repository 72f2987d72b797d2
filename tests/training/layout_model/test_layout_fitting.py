"""One network's training: begun again after a kill, stopped when it is told to, seeded, and silent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from layout_tasks import OPTIONS, train

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]


def weights(folder: Path) -> bytes:
    return (folder / "network" / "done" / "model.safetensors").read_bytes()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    path = f"{ROOT / 'tests'}:{ROOT}"
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    train(folder, lambda stage, share: None)
    return folder


def test_a_killed_training_goes_on_and_ends_with_the_very_same_network(whole: Path, tmp_path: Path) -> None:
    killed = run(sys.executable, "-m", "layout_tasks", str(tmp_path), "10")
    assert killed.returncode == -9, killed.stderr
    assert not (tmp_path / "network" / "done").exists()
    told: list[float] = []

    train(tmp_path, lambda stage, share: told.append(share))

    assert min(told) > 8 / 12 - 1e-9  # it began behind the second checkpoint
    assert weights(tmp_path) == weights(whole)


def test_a_training_that_is_done_is_not_done_again(whole: Path) -> None:
    before = weights(whole)

    network = train(whole, lambda stage, share: pytest.fail("it trained again"))

    assert weights(whole) == before
    assert not network.training


def test_a_damaged_checkpoint_costs_the_training_since_the_one_before(whole: Path, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(stage: str, share: float) -> None:
        if share * OPTIONS.max_steps >= 9:
            raise Stopped

    with pytest.raises(Stopped):
        train(tmp_path, stop)
    for name in ("optimizer.pt", "model.safetensors"):
        (tmp_path / "network" / "checkpoint-8" / name).write_bytes(b"\0" * 100)
    told: list[float] = []

    train(tmp_path, lambda stage, share: told.append(share))

    assert 4 / 12 - 1e-9 < min(told) < 6 / 12
    assert weights(tmp_path) == weights(whole)


def test_training_says_nothing_and_stops_at_once_when_it_is_told_to(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Stopped(Exception):
        pass

    told: list[float] = []

    def stop(stage: str, share: float) -> None:
        told.append(share)
        if len(told) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        train(tmp_path, stop, dev=True)

    assert len(told) == 3
    assert capfd.readouterr() == ("", "")


def test_two_processes_under_torchrun_train_one_network(whole: Path, tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

    done = run(*torchrun, "-m", "layout_tasks", str(tmp_path), "99")

    assert done.returncode == 0, done.stderr
    ranks = [(tmp_path / f"rank-{rank}").read_text() for rank in (0, 1)]
    assert ranks[0] == ranks[1]  # each saw half of the windows; without each other's gradients they would differ
    assert weights(tmp_path) != weights(whole)
