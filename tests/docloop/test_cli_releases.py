"""The commands about releases: frozen, listed, compared, refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from made_receipts import made_receipt
from typer.testing import CliRunner, Result

from builders import interface_xml
from docloop import terminal
from docloop.cli import app
from ml_backend.models.manifest import Manifest
from ml_backend.models.registry import ModelRegistry
from ml_backend.settings import Settings
from ml_backend.store.records import DocumentRecord, ProjectRecord
from ml_backend.store.store import Store, open_store

UID = "7.1795000000"
AT = "2026-01-02T03:04:05.000000Z"
Run = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Project 7 with three confirmed documents."""
    store = open_store(f"sqlite:///{tmp_path / 'docloop.sqlite3'}")
    store.projects.put(ProjectRecord(UID, 7, "Receipts", label_config=interface_xml("total", "date")))
    put(store, 0, 1, 2)
    store.close()
    return tmp_path


def put(store: Store, *tasks: int) -> None:
    ids = store.documents.put_many(UID, [DocumentRecord(0, UID, task, AT, AT, {}) for task in tasks])
    for (task, _), number in ids.items():
        store.samples.put(number, made_receipt(task))


def write(folder: Path) -> None:
    (folder / "model.json").write_text("{}")


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for setting in Settings.model_fields:
        monkeypatch.delenv(f"DOCLOOP_{setting.upper()}", raising=False)
    monkeypatch.setenv("DOCLOOP_DATA_DIR", str(data))
    monkeypatch.setattr(terminal.out, "_width", 250)
    return lambda *words: CliRunner().invoke(app, words)


def changed(data: Path) -> None:
    """Task 1 lost its total, task 2 was deleted, task 3 came."""
    store = open_store(f"sqlite:///{data / 'docloop.sqlite3'}")
    numbers = {task: found[0] for task, found in store.documents.ids(UID).items()}
    was = made_receipt(1)
    fields = tuple(field for field in was.fields if field.label != "total")
    store.samples.put(numbers[1], replace(was, fields=fields))
    store.documents.remove([numbers[2]])
    store.releases.forget_gone(2.0)
    put(store, 3)
    store.close()


def test_a_release_is_frozen_once_listed_with_its_versions_and_compared(run: Run, data: Path) -> None:
    assert "Nothing was frozen yet" in run("releases", "-p", "7").output
    made = run("release", "-p", "7", "--licence", "CC-BY-4.0 [mine]")
    first = made.stdout.strip()
    assert made.stderr.startswith("3 documents (train")
    assert (len(first), run("release", "--project", "7").stdout.strip()) == (64, first)
    manifest = Manifest("fields-1", "token-classifier", "2026-01-02", release=first)
    ModelRegistry(data / "models").publish(UID, manifest, write)
    changed(data)
    second = run("release", "-p", "7").stdout.strip()
    listed = run("releases", "-p", "7").output
    for words in (
        first[:12],
        second[:12],
        "CC-BY-4.0 [mine]",
        "fields-1",
        "tainted: 1 of its documents deleted on 1970-01-01 00:00.",
        "3 (train",
    ):
        assert words in listed
    rows = json.loads(run("releases", "-p", "7", "--json").output)
    assert [(row["id"], row["deleted"], row["versions"]) for row in rows] == [(second, 0, []), (first, 1, ["fields-1"])]
    assert rows[0]["manifest"]["parents"] == [first]

    compared = run("release", "diff", first[:6], second[:6]).output
    for words in (
        "1 document came",
        "1 document went",
        "1 document changed",
        "what 1 of them said is no longer kept",
        "total",
    ):
        assert words in compared
    found = json.loads(run("release", "diff", first, second, "--json").output)
    assert found["came"][0][0] == made_receipt(3).content
    assert found["fields"]["total"] == {"came": 1, "went": 1, "changed": 0}
    assert "They are the same" in run("release", "diff", second, second).output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("release",), "docloop release --project N"),
        (("release", "-p", "8"), "does not follow project 8"),
        (("release", "diff", "abcd", "abcde"), "There is no release 'abcd'"),
        (("release", "diff", "%", "_"), "There is no release '%'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(run: Run, words: tuple[str, ...], said: str) -> None:
    done = run(*words)
    assert (done.exit_code, said in done.output) == (2, True), done.output


def test_a_project_without_confirmed_documents_has_nothing_to_freeze(run: Run, data: Path) -> None:
    store = open_store(f"sqlite:///{data / 'docloop.sqlite3'}")
    store.documents.remove([found[0] for found in store.documents.ids(UID).values()])
    store.close()
    assert "no confirmed documents to freeze" in run("release", "-p", "7").output
