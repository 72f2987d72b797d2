"""A round of learning can be cut short anywhere, and the next attempt ends it: one version, one promotion."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_receipts import SPECS, made_receipt

from ml_backend.errors import ModelRejected
from ml_backend.models.manifest import Manifest
from ml_backend.services import champions_in
from ml_backend.store.records import DocumentRecord, ProjectRecord, RunRecord
from ml_backend.store.store import Store, open_store
from training.rounds import Round
from training.trainers.token_trainer import TokenTrainer

UID = "1.1795000000"


class Cut(Exception):
    """The process dies here."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(f"sqlite:///{tmp_path / 'docloop.sqlite3'}")
    made.projects.put(ProjectRecord(UID, 1))
    yield made
    made.close()


def confirmed(store: Store, count: int) -> None:
    records = [DocumentRecord(0, UID, n, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", {}) for n in range(count)]
    for (task, _), number in store.documents.put_many(UID, records).items():
        store.samples.put(number, made_receipt(task))


def begun(store: Store) -> RunRecord:
    run = store.runs.begin(UID, 1, "test", "", store.samples.count(UID), 1.0)
    assert run is not None
    return run


def round_of(store: Store, folder: Path, cut_at: str = "") -> Round:
    def progress(stage: str, share: float) -> None:
        if stage == cut_at:
            raise Cut(stage)

    return Round(store, champions_in(folder, ""), TokenTrainer(), SPECS, progress)


def test_without_samples_there_is_nothing_to_learn(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ModelRejected, match="no confirmed documents"):
        round_of(store, tmp_path / "models").run(begun(store))


@pytest.mark.parametrize("settings", [{}, {"run": 1, "requested_at": 0.5}, {"run": 2, "requested_at": 1.0}])
def test_a_version_that_another_run_made_is_not_taken_for_this_ones(
    store: Store, tmp_path: Path, settings: dict[str, Any]
) -> None:
    made = round_of(store, tmp_path / "models")
    older = Manifest("fields-1", "token", "2026-01-01T00:00:00+00:00", settings=settings, promoted=True)
    made.champions.registry.publish(UID, older, lambda folder: None)
    with pytest.raises(ModelRejected, match="made by another run") as caught:
        made.run(begun(store))
    assert (caught.value.code, made.champions.registry.active(UID)) == ("version_taken", "")


@pytest.mark.slow
def test_a_round_that_was_cut_short_is_ended_by_the_next_attempt_and_made_once(store: Store, tmp_path: Path) -> None:
    confirmed(store, 20)
    run, models = begun(store), tmp_path / "models"
    for stage in ("reading the samples", "asking the gate", "publishing"):
        with pytest.raises(Cut):
            round_of(store, models, stage).run(run)
    first = round_of(store, models).run(run)
    assert first.promoted, first.verdict
    again = round_of(store, models, "reading the samples").run(run)  # published already: nothing is trained again
    assert again == first
    registry = champions_in(models, "").registry
    assert [manifest.version for manifest in registry.versions(UID)] == ["fields-1"]
    assert (registry.active(UID), registry.history(UID)) == ("fields-1", ("",))
    manifest, folder = registry.get(UID, "fields-1")
    assert manifest.release == first.release
    assert first.verdict in html.unescape((folder / "report.html").read_text(encoding="utf-8"))
    release = store.releases.get(UID, first.release)
    assert release is not None
    assert (release.samples, release.labels) == (20, SPECS)


@pytest.mark.slow
def test_the_same_documents_make_the_same_model_in_every_run(store: Store, tmp_path: Path) -> None:
    confirmed(store, 12)
    run, made = begun(store), []
    for number in (1, 2):
        folder = tmp_path / str(number)
        outcome = round_of(store, folder).run(replace(run, number=number))
        manifest = champions_in(folder, "").registry.get(UID, f"fields-{number}")[0]
        made.append((outcome.release, manifest.seed, outcome.metrics["challenger"]["labels"], manifest.files))
    (release, seed, labels, files), again = made
    assert again[:3] == (release, seed, labels)
    others = {name for name in files if again[3].get(name) != files[name]}
    assert others <= {"report.html", "ranking.skops", "tags.skops"}, "skops writes the time into its archives"
    assert "out_of_fold.json" in files
