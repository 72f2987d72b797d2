"""What one process deletes, every other one lets go of."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import until

from builders import interface, png, predictor
from ml_backend.batches import BatchPredictor
from ml_backend.champions import Champions
from ml_backend.deletions import Deletions
from ml_backend.errors import StoreError
from ml_backend.label_studio.tasks import Task
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.models.manifest import Manifest
from ml_backend.models.registry import ModelRegistry
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import Services, store_url
from ml_backend.store.records import DocumentRecord, ProjectRecord
from ml_backend.store.store import open_store

UID = "7.1795165055"
DAY = "2026-01-01T00:00:00Z"
PICTURE = "data:image/png;base64," + base64.b64encode(png("TOTAL 12.50")).decode()


def test_a_process_that_no_webhook_and_no_request_reaches_forgets_what_another_one_deleted(
    services: Services, engine: FakeEngine
) -> None:
    other = open_store(store_url(services.settings))  # a worker's
    other.projects.put(ProjectRecord(UID, 7))
    (document,) = other.documents.put_many(UID, [DocumentRecord(0, UID, 1, DAY, DAY, {})]).values()
    services.deletions.check()
    services.batches.predict_all([Task(1, {"image": PICTURE})], interface("total"), UID)
    services.deletions.check()
    assert len(services.batches._cache) == 1, "nothing was deleted"
    services.deletions.watch(every=0.01)
    other.documents.remove([document])
    other.close()
    until(lambda: not services.batches._cache)


def test_what_was_being_computed_when_something_was_deleted_is_answered_and_not_remembered() -> None:
    asked: list[str] = []

    def fetch(url: str, task: int) -> bytes:
        asked.append(url)
        if len(asked) == 1:
            batches.forget()
        return url.encode()

    batches = BatchPredictor(predictor(fetch), workers=1)
    for _ in range(3):
        (made,) = batches.predict_all([Task(1, {"image": "a"})], interface("total"), "1.1")
        assert made is not None
    batches.close()
    assert asked == ["a", "a"], "the second one is remembered"


def test_what_is_too_old_to_be_answered_goes_where_nobody_asks() -> None:
    seconds = [0.0]
    batches = BatchPredictor(predictor(lambda url, task: url.encode()), workers=1, clock=lambda: seconds[0])
    batches.predict_all([Task(1, {"image": "a"})], interface("total"), "1.1")
    batches.close()
    seconds[0] = 599.0
    batches.expire()
    assert batches._cache._Cache__data  # its length counts what is not expired only
    seconds[0] = 601.0
    batches.expire()
    assert not batches._cache._Cache__data


def test_only_models_whose_files_have_changed_are_let_go(tmp_path: Path) -> None:
    registry, loaded = ModelRegistry(tmp_path), list[str]()

    def load(folder: Path, version: str) -> KeywordBaseline:
        loaded.append(folder.parent.name)
        return KeywordBaseline()

    def edit(folder: Path) -> dict[str, int]:
        (folder / "model.json").unlink()
        (folder / "model.json").write_text("[]")
        return {"taken_out": 1}

    uids = ("1.1", "2.1", "3.1")
    for uid in uids:
        registry.publish(uid, Manifest("fields-1", "named", DAY), writer("text"))
        registry.activate(uid, "fields-1")
    champions = Champions(registry, KeywordBaseline(), {"named": load})
    for uid in uids:
        champions.of(uid)
    registry.rewrite("2.1", "fields-1", edit)
    registry.activate("3.1", "")
    champions.forget_changed()
    assert list(champions._loaded) == ["1.1"]
    for uid in uids:
        champions.of(uid)
    assert loaded == ["1.1", "2.1", "3.1", "2.1"]


def writer(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "model.json").write_text(json.dumps([text]))

    return write


def test_a_store_that_is_away_is_asked_again() -> None:
    answers = iter(["a", StoreError("store_away", "The database does not answer."), "b"])
    forgotten: list[int] = []

    def mark() -> str:
        answer = next(answers, "b")
        if isinstance(answer, StoreError):
            raise answer
        return answer

    deletions = Deletions(mark, lambda: forgotten.append(1), lambda: None)
    deletions.check()
    with pytest.raises(StoreError):
        deletions.check()
    deletions.watch(every=0.01)
    until(lambda: len(forgotten) == 2)
    deletions.close()
