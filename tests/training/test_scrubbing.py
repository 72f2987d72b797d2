"""Deleted documents leave the files of the versions that learned from them; all else in these stays."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_receipts import SPECS, made_receipt

from ml_backend.document.bio_tags import bare
from ml_backend.models.token_classifier import TokenClassifier
from ml_backend.services import champions_in
from ml_backend.status import tainted_versions
from ml_backend.store.records import DocumentRecord, ProjectRecord
from ml_backend.store.store import Store, open_store
from training.rounds import Round
from training.scrubbing import TAKEN_OUT, scrub
from training.trainers.token_trainer import TokenTrainer

pytestmark = pytest.mark.slow
UID = "1.1795000000"
DOCUMENTS = 12
OURS = shutil.ignore_patterns("manifest.json")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A version that learned from twelve documents."""
    made = open_store(f"sqlite:///{tmp_path / 'docloop.sqlite3'}")
    made.projects.put(ProjectRecord(UID, 1))
    day = "2026-01-01T00:00:00Z"
    records = [DocumentRecord(0, UID, task, day, day, {}) for task in range(DOCUMENTS)]
    for (task, _), number in made.documents.put_many(UID, records).items():
        made.samples.put(number, made_receipt(task))
    run = made.runs.begin(UID, 1, "test", "", DOCUMENTS, 1.0)
    assert run is not None
    Round(made, champions_in(tmp_path / "models", ""), TokenTrainer(), SPECS).run(run)
    yield made
    made.close()


def learned(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "learned.json").read_text())
    return value


def test_what_only_a_deleted_document_said_goes_and_the_rest_answers_as_before(store: Store, tmp_path: Path) -> None:
    registry = champions_in(tmp_path / "models", "").registry
    _, folder = registry.get(UID, "fields-1")
    before, gone = learned(folder), made_receipt(3)
    documents = store.documents.ids(UID)
    assert scrub(store, registry, UID) == []

    store.documents.remove([documents[3][0]])
    store.releases.forget_gone(2.0)
    assert scrub(store, registry, UID) == ["fields-1"]
    assert scrub(store, registry, UID) == [], "once is enough"

    manifest, folder = registry.get(UID, "fields-1")
    after = learned(folder)
    assert manifest.settings[TAKEN_OUT] == 1
    assert tainted_versions(store, registry, UID) == {"fields-1": 1}
    said = {(field.label, bare(text)) for field in gone.fields for text in (field.text, *field.text.split())}
    left = [made_receipt(task) for task in range(DOCUMENTS) if task != 3]
    others = {(f.label, bare(text)) for one in left for f in one.fields for text in (f.text, *f.text.split())}
    known = {(entry[0], entry[2]) for entry in after["known"]}
    assert not known & (said - others)
    assert {(entry[0], entry[2]) for entry in before["known"]} & others <= known
    assert {key: after[key] for key in after if key != "known"} == {
        key: before[key] for key in before if key != "known"
    }
    assert gone.content not in json.loads((folder / "out_of_fold.json").read_text())
    assert gone.content not in (folder / "report.html").read_text()
    assert len(json.loads((folder / "out_of_fold.json").read_text())) == DOCUMENTS - 1
    TokenClassifier.load(folder, "fields-1").extract(left[0].document, SPECS)


def test_one_that_came_back_does_not_hide_another_that_went(store: Store, tmp_path: Path) -> None:
    registry = champions_in(tmp_path / "models", "").registry
    documents = store.documents.ids(UID)

    def delete(task: int) -> None:
        store.documents.remove([documents[task][0]])
        store.releases.forget_gone(2.0)

    delete(3)
    scrub(store, registry, UID)
    again = DocumentRecord(0, UID, 99, "2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z", {})
    (number,) = store.documents.put_many(UID, [again]).values()
    store.samples.put(number, made_receipt(3))
    project = store.projects.get(UID)
    assert project is not None
    store.releases.freeze(project, SPECS, 3.0)
    assert store.releases.tainted(UID) == {}, "the release is whole again"
    delete(5)
    assert scrub(store, registry, UID) == ["fields-1"]
    _, folder = registry.get(UID, "fields-1")
    assert made_receipt(5).content not in (folder / "out_of_fold.json").read_text()


def test_a_spelling_that_others_share_is_written_as_they_write_it(store: Store, tmp_path: Path) -> None:
    registry = champions_in(tmp_path / "models", "").registry
    _, folder = registry.get(UID, "fields-1")
    shared = [entry for entry in learned(folder)["known"] if len(entry[4]) > 1 and entry[1] != "line"]
    assert shared
    documents = store.documents.ids(UID)
    store.documents.remove([documents[task][0] for task in range(DOCUMENTS - 3)])
    store.releases.forget_gone(2.0)
    scrub(store, registry, UID)
    left = [made_receipt(task) for task in range(DOCUMENTS - 3, DOCUMENTS)]
    texts = {text for one in left for field in one.fields for text in (field.text, *field.text.split())}
    _, folder = registry.get(UID, "fields-1")
    spelled = {entry[3] for entry in learned(folder)["known"] if entry[1] != "line"}
    assert spelled <= {text.strip(".,:;-()[]*#") for text in texts} | texts


def test_a_version_that_does_not_verify_goes_as_a_whole_and_the_one_before_serves(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry = champions_in(tmp_path / "models", "").registry
    good, folder = registry.get(UID, "fields-1")
    for version in ("fields-2", "fields-3"):
        registry.publish(
            UID,
            replace(good, version=version),
            lambda aside: shutil.copytree(folder, aside, dirs_exist_ok=True, ignore=OURS),
        )
    for version in ("fields-1", "fields-2", "fields-3"):
        registry.activate(UID, version)
    places = {version: registry.get(UID, version)[1] for version in ("fields-2", "fields-3")}
    broken = places["fields-3"] / "learned.json"
    broken.chmod(0o600)
    broken.write_text(broken.read_text() + " ")
    assert scrub(store, registry, UID) == [], "nothing of it was deleted yet"
    assert broken.exists()
    (places["fields-2"] / "manifest.json").chmod(0o600)
    (places["fields-2"] / "manifest.json").write_text("{}")
    store.documents.remove([store.documents.ids(UID)[3][0]])
    store.releases.forget_gone(2.0)
    assert scrub(store, registry, UID) == ["fields-1"]
    assert sorted(path.name for path in folder.parent.iterdir() if path.is_dir()) == ["fields-1"]
    assert (registry.active(UID), registry.best(UID).reason) == ("fields-1", "")
    assert f"it was a {good.kind} of {good.created_at}" in caplog.text


def test_a_version_that_cannot_be_read_just_now_stays(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = champions_in(tmp_path / "models", "").registry
    before = registry.get(UID, "fields-1")
    store.documents.remove([store.documents.ids(UID)[3][0]])
    store.releases.forget_gone(2.0)

    def too_many(*_: object, **__: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("ml_backend.models.version_files.os.scandir", too_many)
        assert scrub(store, registry, UID) == []
    assert registry.get(UID, "fields-1") == before
    assert scrub(store, registry, UID) == ["fields-1"]
