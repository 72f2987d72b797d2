"""What a round learns from is a release, and its name says exactly which documents those were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from made_receipts import SPECS, made_receipt

from ml_backend.errors import ModelRejected
from ml_backend.store.records import DocumentRecord, ProjectRecord, RunRecord, TrainingOptions
from ml_backend.store.store import Store, open_store
from training.child import RunStopped
from training.dataset import frozen, noted

UID = "1.1795000000"
AT = "2026-01-01T00:00:00Z"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(f"sqlite:///{tmp_path / 'docloop.sqlite3'}")
    made.projects.put(ProjectRecord(UID, 1))
    yield made
    made.close()


@pytest.fixture
def ids(store: Store) -> dict[int, int]:
    """Six confirmed receipts: document id by task."""
    put = store.documents.put_many(UID, [DocumentRecord(0, UID, task, AT, AT, {}) for task in range(6)])
    for (task, _), number in put.items():
        store.samples.put(number, made_receipt(task))
    return {task: number for (task, _), number in put.items()}


def run(options: TrainingOptions) -> RunRecord:
    return RunRecord(1, UID, 1, 1, "running", "test", 1.0, options=options)


def test_a_release_is_learned_from_again_after_annotations_and_labels_have_changed(
    store: Store, ids: dict[int, int]
) -> None:
    first = frozen(store, run({}), SPECS, 100)
    assert list(first.samples) == store.samples.load(UID)
    store.samples.put(ids[2], replace(made_receipt(2), fields=()))
    other = frozen(store, run({}), SPECS[:2], 100)
    assert other.release.id != first.release.id
    again = frozen(store, run({"release": first.release.id}), SPECS[:2], 100)
    assert again == replace(first, notes={"release_asked": first.release.id})
    assert again.release.labels == SPECS


def test_what_is_left_of_a_tainted_release_is_learned_from_under_a_name_of_its_own(
    store: Store, ids: dict[int, int]
) -> None:
    whole = frozen(store, run({}), SPECS, 100)
    store.documents.remove([ids[2], ids[4]])
    store.releases.forget_gone(5.0)
    left = frozen(store, run({"release": whole.release.id}), SPECS, 100)
    assert left.notes == {"release_asked": whole.release.id, "release_lacks": 2}
    assert left.release == frozen(store, run({}), SPECS, 100).release  # the same documents, the same name
    assert (left.release.samples, left.release.manifest["parents"]) == (4, [whole.release.id])


def test_a_release_without_text_or_of_nobody_teaches_nothing(store: Store, ids: dict[int, int]) -> None:
    name = frozen(store, run({}), SPECS, 100).release.id
    store.documents.remove(ids.values())
    store.releases.forget_gone(5.0)
    for asked, said in ((name, "keeps no text any more"), ("0" * 64, "no release 000000000000"), ("", "no confirmed")):
        with pytest.raises(ModelRejected, match=said) as caught:
            frozen(store, run({"release": asked} if asked else {}), SPECS, 100)
        assert caught.value.code == "nothing_to_learn"


def test_a_release_that_memory_cannot_hold_is_refused_with_the_way_out(store: Store, ids: dict[int, int]) -> None:
    name = frozen(store, run({}), SPECS, 100).release.id
    with pytest.raises(ModelRejected, match=r"a training holds 3 in memory\. Train without --release"):
        frozen(store, run({"release": name}), SPECS, 3)


def begun(store: Store) -> RunRecord:
    asked = store.runs.begin(UID, 1, "test", "", 6, 1.0)
    assert asked is not None
    claimed = store.runs.claim(asked.id, 2.0)
    assert claimed is not None
    return claimed


def test_a_document_that_is_deleted_before_the_release_is_noted_is_not_learned_from(
    store: Store, ids: dict[int, int]
) -> None:
    told: list[str] = []
    mine = begun(store)

    def deleted_meanwhile(release: str) -> None:
        told.append(release)
        if len(told) == 1:
            store.documents.remove([ids[2]])
            store.releases.forget_gone(5.0)  # the look saw no run that learns from it

    dataset = noted(store, mine, SPECS, 100, deleted_meanwhile)
    assert len(told) == 2
    assert made_receipt(2).content not in {sample.content for sample in dataset.samples}
    seen = store.runs.get(mine.id)
    assert seen is not None
    assert (seen.release, store.releases.tainted(UID).keys()) == (dataset.release.id, {told[0]})


def test_nothing_is_learned_for_a_run_that_was_cancelled(store: Store, ids: dict[int, int]) -> None:
    mine = begun(store)
    store.runs.cancel(mine.id)
    with pytest.raises(RunStopped):
        noted(store, mine, SPECS, 100)
