"""docloop forget: asked first, and whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_receipts import made_receipt
from typer.testing import CliRunner, Result

from docloop.cli import app
from ml_backend.store.records import DocumentRecord, ProjectRecord
from ml_backend.store.store import open_store

AT = "2026-01-02T03:04:05.000000Z"


def forget(data: Path, *more: str, answer: str = "") -> Result:
    env = {"DOCLOOP_DATA_DIR": str(data), "DOCLOOP_OCR_ENGINE": "rapidocr"}
    return CliRunner().invoke(app, ["forget", "--project", "7", *more], input=answer, env=env)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Projects 7 and 8, a confirmed document each, a version of 7."""
    store = open_store(f"sqlite:///{tmp_path / 'docloop.sqlite3'}")
    for project in (7, 8):
        uid = f"{project}.1795000000"
        store.projects.put(ProjectRecord(uid, project, "Receipts"))
        (number,) = store.documents.put_many(uid, [DocumentRecord(0, uid, 1, AT, AT, {})]).values()
        store.samples.put(number, made_receipt(project))
    store.close()
    (tmp_path / "models" / "7.1795000000" / "fields-1").mkdir(parents=True)
    return tmp_path


def left(data: Path) -> list[int]:
    store = open_store(f"sqlite:///{data / 'docloop.sqlite3'}")
    found = [project.project_id for project in store.projects.all()]
    store.close()
    return found


def test_nothing_is_deleted_before_a_person_says_yes(data: Path) -> None:
    asked = forget(data, answer="n\n")
    assert "1 documents and its model versions?" in asked.output
    assert (asked.exit_code, left(data)) == (1, [7, 8])
    done = forget(data, answer="y\n")
    assert (done.exit_code, left(data)) == (0, [8]), done.output
    assert not (data / "models" / "7.1795000000").exists()


def test_a_script_says_yes_beforehand(data: Path) -> None:
    assert forget(data, "--yes").exit_code == 0
    assert left(data) == [8]
    assert forget(data, "--yes").exit_code != 0, "there is none any more"
