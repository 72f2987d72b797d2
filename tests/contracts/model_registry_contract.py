"""What every model registry does: whole versions, one pointer, a way back. In a folder, and in one that a bucket stands behind.

``registry`` is the registry of the folder ``models`` below ``tmp_path``.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ml_backend.errors import ModelRejected
from ml_backend.models import registry as registry_module
from ml_backend.models.manifest import Manifest
from ml_backend.models.registry import Best, ModelRegistry
from ml_backend.models.version_files import verify

PROJECT = "41.1795165055"
OTHER = "7.1795165055"


def manifest(version: str = "fields-1", **more: Any) -> Manifest:
    return Manifest(version, "token-classifier", "2026-01-02T03:04:05Z", samples=24, labels=("total",), **more)


def write(folder: Path) -> None:
    (folder / "settings.json").write_text('{"size": 3}')
    (folder / "words").mkdir()
    (folder / "words" / "known.txt").write_text("TOTAL")


def forget_total(folder: Path) -> dict[str, Any]:
    (folder / "words" / "known.txt").unlink()
    (folder / "words" / "known.txt").write_text("")
    return {"taken_out": 1}


class ModelRegistryContract:
    @pytest.fixture
    def three(self, registry: ModelRegistry) -> ModelRegistry:
        """Versions 1, 2 and 3; 3 serves."""
        for number in (1, 2, 3):
            registry.publish(PROJECT, manifest(f"fields-{number}"), write)
            registry.activate(PROJECT, f"fields-{number}")
        return registry

    def test_a_published_version_comes_back_with_the_hash_of_every_file(self, registry: ModelRegistry) -> None:
        published = registry.publish(PROJECT, manifest(metrics={"f1": 0.78}, settings={"country": "MY"}), write)
        read, folder = registry.get(PROJECT, "fields-1")
        assert (
            read == published == replace(manifest(metrics={"f1": 0.78}, settings={"country": "MY"}), files=read.files)
        )
        assert sorted(read.files) == ["settings.json", "words/known.txt"]
        assert (folder / "words" / "known.txt").read_text() == "TOTAL"
        assert not (folder / "settings.json").stat().st_mode & 0o222

    def test_version_0_serves_until_one_is_activated(self, registry: ModelRegistry) -> None:
        registry.publish(PROJECT, manifest(), write)
        assert (registry.active(PROJECT), registry.best(PROJECT)) == ("", Best(""))
        registry.activate(PROJECT, "fields-1")
        assert (registry.active(PROJECT), registry.best(PROJECT).version) == ("fields-1", "fields-1")
        assert (registry.active(OTHER), registry.versions(OTHER)) == ("", [])

    def test_rollback_goes_back_step_by_step_to_the_baseline(self, three: ModelRegistry) -> None:
        assert [three.rollback(PROJECT) for _ in range(3)] == ["fields-2", "fields-1", ""]
        with pytest.raises(ModelRejected, match="no earlier model version"):
            three.rollback(PROJECT)
        assert three.active(PROJECT) == ""

    def test_activating_the_active_version_leaves_the_history_alone(self, three: ModelRegistry) -> None:
        three.activate(PROJECT, "fields-3")
        assert three.history(PROJECT) == ("", "fields-1", "fields-2")

    def test_versions_are_listed_by_number(self, registry: ModelRegistry) -> None:
        for number in (10, 9, 1):
            registry.publish(PROJECT, manifest(f"fields-{number}"), write)
        assert [each.version for each in registry.versions(PROJECT)] == ["fields-1", "fields-9", "fields-10"]

    def test_a_version_that_is_whole_is_never_written_again(self, registry: ModelRegistry) -> None:
        first = registry.publish(PROJECT, manifest(), write)
        assert registry.publish(PROJECT, manifest(seed=7), write) == first

    def test_a_damaged_version_is_replaced_by_the_next_publish(self, registry: ModelRegistry) -> None:
        published = registry.publish(PROJECT, manifest(), write)
        (registry.get(PROJECT, "fields-1")[1] / "settings.json").unlink()
        assert registry.publish(PROJECT, manifest(), write) == published
        assert registry.get(PROJECT, "fields-1")[0] == published

    def test_a_failed_write_leaves_nothing_and_its_error_is_seen(self, registry: ModelRegistry, tmp_path: Path) -> None:
        def fail(folder: Path) -> None:
            write(folder)
            raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space"):
            registry.publish(PROJECT, manifest(), fail)
        assert sorted(os.listdir(tmp_path / "models" / PROJECT)) == [".lock"]

    def test_writers_at_the_same_time_make_one_version(self, registry: ModelRegistry) -> None:
        results: list[Manifest] = []
        threads = [
            threading.Thread(target=lambda n=n: results.append(registry.publish(PROJECT, manifest(seed=n), write)))  # type: ignore[misc]
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 4
        assert set(map(repr, results)) == {repr(registry.get(PROJECT, "fields-1")[0])}

    def test_a_manifest_that_could_not_be_read_again_is_not_published(self, registry: ModelRegistry) -> None:
        with pytest.raises(ModelRejected, match="cannot be written as JSON"):
            registry.publish(PROJECT, manifest(metrics={"f1": float("nan")}), write)
        assert registry.versions(PROJECT) == []

    def test_a_version_is_rewritten_in_its_place_and_says_so(self, three: ModelRegistry) -> None:
        before, folder = three.get(PROJECT, "fields-3")
        edition, other = three.edition(PROJECT, "fields-3"), (folder / "settings.json").stat().st_ino
        made = three.rewrite(PROJECT, "fields-3", forget_total)
        assert three.get(PROJECT, "fields-3") == (made, folder)
        assert made == replace(before, settings={"taken_out": 1}, files=made.files)
        assert (folder / "words" / "known.txt").read_text() == ""
        assert (folder / "settings.json").stat().st_ino == other, "what did not change is not copied"
        assert three.edition(PROJECT, "fields-3") != edition
        assert three.active(PROJECT) == "fields-3"
        assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".aside")] == []

    def test_a_rewriting_that_fails_leaves_the_version_as_it_was(self, three: ModelRegistry) -> None:
        before = three.get(PROJECT, "fields-3")

        def fails(folder: Path) -> dict[str, Any]:
            forget_total(folder)
            raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space"):
            three.rewrite(PROJECT, "fields-3", fails)
        assert three.get(PROJECT, "fields-3") == before
        assert (before[1] / "words" / "known.txt").read_text() == "TOTAL"

    def test_who_dies_between_the_two_renames_of_a_rewriting_loses_nothing(self, three: ModelRegistry) -> None:
        before, folder = three.get(PROJECT, "fields-3")
        folder.rename(folder.parent / ".aside-was-fields-3")  # as far as that one came
        assert three.get(PROJECT, "fields-3") == (before, folder)

    def test_what_killed_publishers_left_is_tidied_away(self, three: ModelRegistry) -> None:
        before, folder = three.get(PROJECT, "fields-3")
        folder.rename(folder.parent / ".aside-was-fields-3")
        (folder.parent / ".aside-x1").mkdir()
        (folder.parent / ".aside-x1" / "words.txt").write_text("TOTAL")
        three.tidy()
        assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".aside")] == []
        assert three.versions(PROJECT)[-1] == before

    def test_a_forgotten_project_leaves_no_file(self, three: ModelRegistry, tmp_path: Path) -> None:
        three.publish(OTHER, manifest(), write)
        assert (three.forget(PROJECT), three.forget(PROJECT)) == (True, False)
        assert [path.name for path in (tmp_path / "models").iterdir()] == [OTHER]
        assert three.best(PROJECT) == Best("")

    def test_who_only_tells_of_what_serves_reads_its_files_once(
        self, three: ModelRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read = []

        def verified(folder: Path, expected: Any) -> None:
            read.append(folder.name)
            verify(folder, expected)

        three.best(PROJECT)
        monkeypatch.setattr(registry_module, "verify", verified)
        assert {three.best_lately(PROJECT).version for _ in range(10)} == {"fields-3"}
        assert read == ["fields-3"]
        three._lately.expire(time.monotonic() + 61)
        assert (three.best_lately(PROJECT).version, read) == ("fields-3", ["fields-3"] * 2)
        three.activate(PROJECT, "fields-1")
        assert three.best_lately(PROJECT).version == "fields-1"

    def test_who_only_tells_of_what_serves_notices_a_file_that_changed(self, three: ModelRegistry) -> None:
        assert three.best_lately(PROJECT).version == "fields-3"
        known = three.get(PROJECT, "fields-3")[1] / "words" / "known.txt"
        was = known.stat()
        known.chmod(0o644)
        known.write_text("HARM!")
        os.utime(known, ns=(was.st_atime_ns, was.st_mtime_ns))  # as long, and as old
        noticed = three.best_lately(PROJECT).reason.startswith("fields-3 is not loaded")
        assert noticed or known.read_text() == "TOTAL", "where a bucket has it, it is brought again"
