"""The model registry: whole versions, one pointer, a way back."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ml_backend.errors import ModelRejected
from ml_backend.models.manifest import Manifest, check_file, check_project, check_version, manifest_from_bytes
from ml_backend.models.manifest import manifest_to_bytes as to_bytes
from ml_backend.models.registry import Best, ModelRegistry

PROJECT = "41.1795165055"
OTHER = "7.1795165055"


def manifest(version: str = "fields-1", **more: Any) -> Manifest:
    return Manifest(version, "token-classifier", "2026-01-02T03:04:05Z", samples=24, labels=("total",), **more)


def write(folder: Path) -> None:
    (folder / "settings.json").write_text('{"size": 3}')
    (folder / "words").mkdir()
    (folder / "words" / "known.txt").write_text("TOTAL")


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(tmp_path / "models")


@pytest.fixture
def three(registry: ModelRegistry) -> ModelRegistry:
    """Versions 1, 2 and 3; 3 serves."""
    for number in (1, 2, 3):
        registry.publish(PROJECT, manifest(f"fields-{number}"), write)
        registry.activate(PROJECT, f"fields-{number}")
    return registry


def test_a_published_version_comes_back_with_the_hash_of_every_file(registry: ModelRegistry) -> None:
    published = registry.publish(PROJECT, manifest(metrics={"f1": 0.78}, settings={"country": "MY"}), write)
    read, folder = registry.get(PROJECT, "fields-1")
    assert read == published == replace(manifest(metrics={"f1": 0.78}, settings={"country": "MY"}), files=read.files)
    assert sorted(read.files) == ["settings.json", "words/known.txt"]
    assert (folder / "words" / "known.txt").read_text() == "TOTAL"
    assert not (folder / "settings.json").stat().st_mode & 0o222


def test_version_0_serves_until_one_is_activated(registry: ModelRegistry) -> None:
    registry.publish(PROJECT, manifest(), write)
    assert (registry.active(PROJECT), registry.best(PROJECT)) == ("", Best(""))
    registry.activate(PROJECT, "fields-1")
    assert (registry.active(PROJECT), registry.best(PROJECT).version) == ("fields-1", "fields-1")
    assert (registry.active(OTHER), registry.versions(OTHER)) == ("", [])


def test_rollback_goes_back_step_by_step_to_the_baseline(three: ModelRegistry) -> None:
    assert [three.rollback(PROJECT) for _ in range(3)] == ["fields-2", "fields-1", ""]
    with pytest.raises(ModelRejected, match="no earlier model version"):
        three.rollback(PROJECT)
    assert three.active(PROJECT) == ""


def test_activating_the_active_version_leaves_the_history_alone(three: ModelRegistry) -> None:
    three.activate(PROJECT, "fields-3")
    assert three.history(PROJECT) == ("", "fields-1", "fields-2")


def test_versions_are_listed_by_number(registry: ModelRegistry) -> None:
    for number in (10, 9, 1):
        registry.publish(PROJECT, manifest(f"fields-{number}"), write)
    assert [each.version for each in registry.versions(PROJECT)] == ["fields-1", "fields-9", "fields-10"]


def test_a_version_that_is_whole_is_never_written_again(registry: ModelRegistry) -> None:
    first = registry.publish(PROJECT, manifest(), write)
    assert registry.publish(PROJECT, manifest(seed=7), write) == first


def test_a_damaged_version_is_replaced_by_the_next_publish(registry: ModelRegistry) -> None:
    published = registry.publish(PROJECT, manifest(), write)
    (registry.get(PROJECT, "fields-1")[1] / "settings.json").unlink()
    assert registry.publish(PROJECT, manifest(), write) == published
    assert registry.get(PROJECT, "fields-1")[0] == published


def test_a_version_that_does_not_verify_cannot_be_activated(three: ModelRegistry, tmp_path: Path) -> None:
    registry = three
    registry.publish(PROJECT, manifest("fields-4"), write)
    (registry.get(PROJECT, "fields-4")[1] / "settings.json").unlink()
    with pytest.raises(ModelRejected, match=r"settings\.json is missing from fields-4"):
        registry.activate(PROJECT, "fields-4")
    with pytest.raises(ModelRejected, match="no version fields-5"):
        registry.activate(PROJECT, "fields-5")
    assert registry.active(PROJECT) == "fields-3"


def test_the_best_version_is_the_newest_earlier_one_that_verifies_and_says_why(three: ModelRegistry) -> None:
    (three.get(PROJECT, "fields-3")[1] / "settings.json").unlink()
    (three.get(PROJECT, "fields-2")[1] / "manifest.json").unlink()
    best = three.best(PROJECT)
    assert (best.version, best.reason) == (
        "fields-1",
        "fields-3 is not loaded: settings.json is missing from fields-3. "
        "fields-2 is not loaded: manifest.json is missing from fields-2.",
    )
    assert three.rollback(PROJECT) == "fields-1", "rollback passes over the damaged one too"


def test_a_failed_write_leaves_nothing_and_its_error_is_seen(registry: ModelRegistry, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        write(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        registry.publish(PROJECT, manifest(), fail)
    assert sorted(os.listdir(tmp_path / "models" / PROJECT)) == [".lock"]


def test_writers_at_the_same_time_make_one_version(registry: ModelRegistry) -> None:
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


@pytest.mark.parametrize(
    "name",
    ["", "fields", "fields-", "fields-0", "fields-01", "Fields-1", "../fields-1", "fields-1/..", "/fields-1", "fields-1\n",
     "fields-١", ".aside-1", "ACTIVE", "fields-1\0", "f" * 40 + "-1", "fields-1.4bf1c2d9", None, 7],
)  # fmt: skip
def test_names_that_are_no_version_are_refused(name: Any) -> None:
    with pytest.raises(ModelRejected, match="is named like fields-12"):
        check_version(name)


@pytest.mark.parametrize("uid", ["", "41", "41.", ".1", "../41.1", "41.1/x", "41.1\n", "4 1.1", "٤.1", "41.1.2", None])
def test_uids_that_are_no_project_are_refused(uid: Any) -> None:
    with pytest.raises(ModelRejected, match=r"is like 41\.1795165055"):
        check_project(uid)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.json", "name that is not allowed"),
        ("/etc/evil.json", "name that is not allowed"),
        ("a/../evil.json", "name that is not allowed"),
        ("a\\..\\evil.json", "name that is not allowed"),
        ("a//evil.json", "name that is not allowed"),
        (".hidden.json", "name that is not allowed"),
        ("manifest.json", "name that is not allowed"),
        ("a/b/c/d/e.json", "name that is not allowed"),
        ("evil.json\0.txt", "name that is not allowed"),
        ("pytorch_model.bin", "not a kind of file"),
        ("model.pkl", "not a kind of file"),
        ("modeling_evil.py", "not a kind of file"),
        ("model.json.pickle", "not a kind of file"),
        ("weights.pt", "not a kind of file"),
    ],
)
def test_file_names_that_play_tricks_are_refused(name: str, why: str) -> None:
    with pytest.raises(ModelRejected, match=why):
        check_file(name)


WHOLE = to_bytes(manifest(files={"settings.json": "0" * 64}))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not proper JSON"),
        (b"\x80\x04\x95", "not proper JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "not a JSON object"),
        (b'{"format": 2}', "not a JSON object with format 1"),
        (b"x" * 1_000_001, "more than 1,000,000 bytes"),
        (WHOLE.replace(b'"seed": 0', b'"seed": 0, "auto_map": 1'), "unknown ones: 'auto_map'"),
        (WHOLE.replace(b'"seed": 0,', b""), "lacks keys"),
        (WHOLE.replace(b'"seed": 0', b'"seed": 0, "seed": 0'), "a key is there twice"),
        (WHOLE.replace(b'"seed": 0', b'"seed": NaN'), "NaN is not JSON"),
        (WHOLE.replace(b'"seed": 0', b'"seed": true'), "wrong value for seed: True"),
        (WHOLE.replace(b'"samples": 24', b'"samples": -1'), "wrong value for samples: -1"),
        (WHOLE.replace(b'"promoted": false', b'"promoted": 0'), "wrong value for promoted: 0"),
        (WHOLE.replace(b'"labels": [', b'"labels": [3, '), "wrong value for labels"),
        (WHOLE.replace(b'"settings": {}', b'"settings": []'), "wrong value for settings"),
        (WHOLE.replace(b'"verdict": ""', b'"verdict": "\\ud800"'), "wrong value for verdict"),
        (WHOLE.replace(b"0" * 64, b"0" * 63), "wrong value for files"),
        (WHOLE.replace(b"settings.json", b"../settings.json"), "name that is not allowed"),
        (WHOLE.replace(b"settings.json", b"/tmp/settings.json"), "name that is not allowed"),
        (WHOLE.replace(b"fields-1", b"../fields-1"), "is named like fields-12"),
        (WHOLE.replace(b'"samples": 24', b'"samples": 25'), "manifest.json of fields-1 is not what was published"),
        (WHOLE.replace(b'"seal": "', b'"seal": "0'), "is not what was published"),
        (WHOLE.replace(b'"metrics": {}', b'"metrics": {"f1": 1e999}'), "is not what was published"),
        (WHOLE.replace(b'"metrics": {}', b'"metrics": {"f1": "\\ud800"}'), "is not what was published"),
        (WHOLE + b" ", "is not what was published"),
    ],
)
def test_a_manifest_that_is_not_one_is_refused_with_the_reason(data: bytes, why: str) -> None:
    assert data != WHOLE
    with pytest.raises(ModelRejected, match=why):
        manifest_from_bytes(data)


def test_a_manifest_that_could_not_be_read_again_is_not_published(registry: ModelRegistry) -> None:
    with pytest.raises(ModelRejected, match="cannot be written as JSON"):
        registry.publish(PROJECT, manifest(metrics={"f1": float("nan")}), write)
    assert registry.versions(PROJECT) == []


def forget_total(folder: Path) -> dict[str, Any]:
    (folder / "words" / "known.txt").unlink()
    (folder / "words" / "known.txt").write_text("")
    return {"taken_out": 1}


def test_a_version_is_rewritten_in_its_place_and_says_so(three: ModelRegistry) -> None:
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


def test_a_rewriting_that_fails_leaves_the_version_as_it_was(three: ModelRegistry) -> None:
    before = three.get(PROJECT, "fields-3")

    def fails(folder: Path) -> dict[str, Any]:
        forget_total(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        three.rewrite(PROJECT, "fields-3", fails)
    assert three.get(PROJECT, "fields-3") == before
    assert (before[1] / "words" / "known.txt").read_text() == "TOTAL"


def test_who_dies_between_the_two_renames_of_a_rewriting_loses_nothing(three: ModelRegistry) -> None:
    before, folder = three.get(PROJECT, "fields-3")
    folder.rename(folder.parent / ".aside-was-fields-3")  # as far as that one came
    assert three.get(PROJECT, "fields-3") == (before, folder)


def test_what_killed_publishers_left_is_tidied_away(three: ModelRegistry) -> None:
    before, folder = three.get(PROJECT, "fields-3")
    folder.rename(folder.parent / ".aside-was-fields-3")
    (folder.parent / ".aside-x1").mkdir()
    (folder.parent / ".aside-x1" / "words.txt").write_text("TOTAL")
    three.tidy()
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".aside")] == []
    assert three.versions(PROJECT)[-1] == before


def damage(folder: Path) -> None:
    (folder / "settings.json").chmod(0o600)
    (folder / "settings.json").write_text("{}")


def test_a_version_that_does_not_verify_is_discarded_and_the_last_good_one_is_active(three: ModelRegistry) -> None:
    places = {version: three.get(PROJECT, version)[1] for version in ("fields-1", "fields-2", "fields-3")}
    assert three.discard(PROJECT, "fields-2") == "", "a whole one stays"
    damage(places["fields-3"])
    damage(places["fields-2"])
    assert "settings.json of fields-3 is not what was published" in three.discard(PROJECT, "fields-3")
    assert (three.active(PROJECT), three.history(PROJECT)) == ("fields-1", ("",))
    assert three.best(PROJECT).reason == ""
    assert three.discard(PROJECT, "fields-2")
    assert [one.version for one in three.versions(PROJECT)] == ["fields-1"]
    with pytest.raises(ModelRejected, match="There is no version fields-2"):
        three.discard(PROJECT, "fields-2")


def test_a_discarded_version_leaves_the_history_of_an_active_one(three: ModelRegistry) -> None:
    damage(three.get(PROJECT, "fields-2")[1])
    three.discard(PROJECT, "fields-2")
    assert (three.active(PROJECT), three.history(PROJECT)) == ("fields-3", ("", "fields-1"))


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 5])
def test_a_discarding_that_is_killed_is_ended_by_the_next_one(
    three: ModelRegistry, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = three.get(PROJECT, "fields-3")[1]
    damage(folder)
    steps = iter(range(100))

    def killed_at(step: Callable[..., Any]) -> Callable[..., Any]:
        def done(*given: Any, **named: Any) -> Any:
            if next(steps) == at:
                raise KeyboardInterrupt
            return step(*given, **named)

        return done

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        for name in ("os.rename", "os.replace", "shutil.rmtree"):
            patch.setattr(f"ml_backend.models.registry.{name}", killed_at(getattr(*_step(name))))
        three.discard(PROJECT, "fields-3")
    assert three.best(PROJECT).version == "fields-2"
    three.tidy()
    if folder.exists():
        assert three.discard(PROJECT, "fields-3")
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith((".aside", "fields-3"))] == []
    assert (three.active(PROJECT), three.best(PROJECT).reason) == ("fields-2", "")


def _step(name: str) -> tuple[Any, str]:
    module, _, what = name.partition(".")
    return {"os": os, "shutil": shutil}[module], what


def test_what_is_no_project_does_not_keep_the_others_from_being_tidied(three: ModelRegistry, tmp_path: Path) -> None:
    (tmp_path / "models" / "0.note").write_text("a file")
    (tmp_path / "models" / "a.b" / ".aside-x").mkdir(parents=True)
    (tmp_path / "models" / PROJECT / ".aside-x").mkdir()
    three.tidy()
    assert not (tmp_path / "models" / PROJECT / ".aside-x").exists()


def test_a_forgotten_project_leaves_no_file(three: ModelRegistry, tmp_path: Path) -> None:
    three.publish(OTHER, manifest(), write)
    assert (three.forget(PROJECT), three.forget(PROJECT)) == (True, False)
    assert [path.name for path in (tmp_path / "models").iterdir()] == [OTHER]
    assert three.best(PROJECT) == Best("")
