"""Which model answers: the promoted one, the last good one, or the keywords."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from builders import WholePage
from ml_backend.champions import Champions
from ml_backend.document.elements import Document
from ml_backend.document.fields import Extraction, FieldSpec
from ml_backend.errors import ModelRejected
from ml_backend.models.manifest import Manifest
from ml_backend.models.registry import ModelRegistry

UID = "7.1795000000"


class Named:
    """A model that is nothing but its version."""

    def __init__(self, version: str) -> None:
        self.version = version

    def extract(self, document: Document, specs: Sequence[FieldSpec]) -> Extraction:
        return Extraction(())


def writer(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "model.json").write_text(json.dumps(text))

    return write


def load(folder: Path, version: str) -> Named:
    if "broken" in (folder / "model.json").read_text():
        raise ModelRejected("model_files", "no model")
    return Named(version)


@pytest.fixture
def champions(tmp_path: Path) -> Champions:
    registry = ModelRegistry(tmp_path)
    for number, text in ((1, "good"), (2, "good"), (3, "broken")):
        manifest = Manifest(f"fields-{number}", "named", "2026-01-01T00:00:00+00:00")
        registry.publish(UID, manifest, writer(text))
    return Champions(registry, WholePage(), {"named": load})


def test_a_promotion_and_a_rollback_are_followed_at_once(champions: Champions) -> None:
    seen = [champions.of(UID).version]
    for version in ("fields-1", "fields-2"):
        champions.registry.activate(UID, version)
        seen.append(champions.of(UID).version)
    champions.registry.rollback(UID)
    assert [*seen, champions.of(UID).version] == ["whole-1", "fields-1", "fields-2", "fields-1"]


def test_a_damaged_champion_is_not_loaded_and_the_one_before_answers(champions: Champions, tmp_path: Path) -> None:
    champions.registry.activate(UID, "fields-1")
    champions.registry.activate(UID, "fields-2")
    (tmp_path / UID / "fields-2" / "model.json").write_text(json.dumps("changed"))
    assert champions.of(UID).version == "fields-1"
    assert champions.version_of(UID) == "fields-1"


def test_what_its_loader_refuses_leaves_the_answer_to_the_keywords(champions: Champions) -> None:
    champions.registry.activate(UID, "fields-3")
    assert champions.of(UID).version == "whole-1"
    assert champions.version_of(UID) == "whole-1"


@pytest.mark.parametrize("uid", ["", "8.1795000000", "../../etc", "7", "x" * 500])
def test_a_project_nobody_knows_is_answered_by_the_keywords(champions: Champions, uid: str) -> None:
    assert (champions.of(uid).version, champions.version_of(uid)) == ("whole-1", "whole-1")


def test_the_version_is_named_without_loading_the_model(champions: Champions) -> None:
    champions.registry.activate(UID, "fields-3")  # its loader would refuse
    assert champions.version_of(UID) == "fields-3"
