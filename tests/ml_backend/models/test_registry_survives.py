"""What the registry survives: kills between any two steps, and damaged files. tests/promises does it at length."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from registry_harm import KILLED, PROJECT, harm, is_whole, killed_at, manifest, serving, steps_of, write

from ml_backend.models.registry import Best, ModelRegistry


def test_a_publish_brings_everything_to_the_disk_before_its_name_appears(tmp_path: Path) -> None:
    registry = serving(tmp_path, 1)
    steps = steps_of(lambda: registry.publish(PROJECT, manifest(2), write(2)))
    last = max(number for number, step in enumerate(steps) if step.startswith("rename"))
    synced = [step.removeprefix("fsync ") for step in steps[:last] if step.startswith("fsync")]
    assert {"settings.json", "known.txt", "manifest.json", "words"} < set(synced)
    assert synced[-1].startswith(".aside-"), "the folder itself comes last"
    assert f"fsync {PROJECT}" in steps[last:], "and its new name is on the disk too"


@pytest.mark.slow
@pytest.mark.parametrize("first", range(4))
def test_a_publish_and_activation_killed_anywhere_leaves_the_old_version_or_the_new(tmp_path: Path, first: int) -> None:
    """Every fourth step here; all of them in tests/promises."""
    registry = serving(tmp_path, 1)

    def both() -> None:
        registry.publish(PROJECT, manifest(2), write(2))
        registry.activate(PROJECT, "fields-2")

    for step in range(first, 500, 4):
        status = killed_at(step, both)
        best = registry.best(PROJECT)
        assert best.version in ("fields-1", "fields-2"), step
        assert best.reason == "", step
        assert is_whole(best.folder, best.version), step
        if status == 0:
            break
        assert status == KILLED, step
    both()
    assert registry.best(PROJECT).version == "fields-2"
    left = sorted(os.listdir(tmp_path / PROJECT))
    assert left == [".lock", "ACTIVE", "ACTIVE.copy", "fields-1", "fields-2"], "the next publish clears what was left"


def test_a_damaged_file_is_never_loaded_and_the_last_good_version_serves(tmp_path: Path) -> None:
    dice = random.Random(6)
    serving(tmp_path, 2)
    files = sorted(path for path in (tmp_path / PROJECT / "fields-2").rglob("*") if path.is_file())
    for path in files * 4:
        before = path.read_bytes()
        done = harm(path, dice)
        best = ModelRegistry(tmp_path).best(PROJECT)
        assert (best.version, is_whole(best.folder, best.version)) == ("fields-1", True), done
        assert best.reason.startswith("fields-2 is not loaded: "), done
        path.write_bytes(before)
    assert ModelRegistry(tmp_path).best(PROJECT).version == "fields-2"


@pytest.mark.parametrize("name", ["ACTIVE", "ACTIVE.copy"])
def test_a_damaged_pointer_is_read_from_its_copy(tmp_path: Path, name: str) -> None:
    dice = random.Random(7)
    registry = serving(tmp_path, 2)
    path = tmp_path / PROJECT / name
    before = path.read_bytes()
    for _ in range(20):
        done = harm(path, dice)
        assert (registry.active(PROJECT), registry.best(PROJECT).reason) == ("fields-2", ""), done
        path.write_bytes(before)


def test_without_any_pointer_that_can_be_read_the_baseline_serves_and_says_why(tmp_path: Path) -> None:
    registry = serving(tmp_path, 1)
    for name in ("ACTIVE", "ACTIVE.copy"):
        (tmp_path / PROJECT / name).write_bytes(b"[" * 50_000)
    assert registry.active(PROJECT) == ""
    assert registry.best(PROJECT) == Best("", reason="The record of the active version is damaged.")
    registry.activate(PROJECT, "fields-1")
    assert registry.best(PROJECT).version == "fields-1"


def test_a_pointer_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    registry = serving(tmp_path / "models", 1)
    (tmp_path / "outside").write_bytes((tmp_path / "models" / PROJECT / "ACTIVE").read_bytes())
    for name in ("ACTIVE", "ACTIVE.copy"):
        (tmp_path / "models" / PROJECT / name).unlink()
        (tmp_path / "models" / PROJECT / name).symlink_to(tmp_path / "outside")
    assert (registry.active(PROJECT), registry.best(PROJECT).version) == ("", "")


def test_asking_for_the_active_version_is_cheap(tmp_path: Path) -> None:
    registry = serving(tmp_path, 3)
    began = time.perf_counter()
    for _ in range(200):
        registry.active(PROJECT)
    assert (time.perf_counter() - began) / 200 < 0.005
