"""The model registry in a folder: the contract of all registries, damaged versions, and names that play tricks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from contracts.model_registry_contract import PROJECT, ModelRegistryContract, manifest, write
from ml_backend.errors import ModelRejected
from ml_backend.models.manifest import check_file, check_project, check_version, manifest_from_bytes
from ml_backend.models.manifest import manifest_to_bytes as to_bytes
from ml_backend.models.registry import ModelRegistry


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


class TestInAFolder(ModelRegistryContract):
    def test_a_version_that_does_not_verify_cannot_be_activated(self, three: ModelRegistry, tmp_path: Path) -> None:
        registry = three
        registry.publish(PROJECT, manifest("fields-4"), write)
        (registry.get(PROJECT, "fields-4")[1] / "settings.json").unlink()
        with pytest.raises(ModelRejected, match=r"settings\.json is missing from fields-4"):
            registry.activate(PROJECT, "fields-4")
        with pytest.raises(ModelRejected, match="no version fields-5"):
            registry.activate(PROJECT, "fields-5")
        assert registry.active(PROJECT) == "fields-3"

    def test_the_best_version_is_the_newest_earlier_one_that_verifies_and_says_why(self, three: ModelRegistry) -> None:
        (three.get(PROJECT, "fields-3")[1] / "settings.json").unlink()
        (three.get(PROJECT, "fields-2")[1] / "manifest.json").unlink()
        best = three.best(PROJECT)
        assert (best.version, best.reason) == (
            "fields-1",
            "fields-3 is not loaded: settings.json is missing from fields-3. "
            "fields-2 is not loaded: manifest.json is missing from fields-2.",
        )
        assert three.rollback(PROJECT) == "fields-1", "rollback passes over the damaged one too"


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
