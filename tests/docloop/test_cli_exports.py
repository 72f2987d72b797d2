"""The commands that give ground truth out: the same bytes as over HTTP, refusals in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from builders import found, interface_xml
from docloop import terminal
from docloop.cli import app
from ml_backend.credentials import load_credentials
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import build_services, read_interface
from ml_backend.settings import load_settings
from ml_backend.store.records import AnnotationRecord, DocumentRecord, ProjectRecord
from ml_backend.store.store import open_store
from ml_backend.web.app import create_app
from training.corrections import corrections_of

UID = "7.1795000000"
AT = "2026-01-02T03:04:05.000000Z"
CONFIG = interface_xml("total")
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Project 7, two documents of it confirmed, one with a correction."""
    monkeypatch.setenv("DOCLOOP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(terminal.out, "width", 200)
    store = open_store(f"sqlite:///{tmp_path / 'data' / 'docloop.sqlite3'}")
    store.projects.put(ProjectRecord(UID, 7, "Receipts", read_interface(CONFIG).fingerprint, CONFIG))
    records = [DocumentRecord(0, UID, task, AT, AT, {"image": "a"}, f"{task:064x}") for task in (1, 2)]
    for (task, _), number in store.documents.put_many(UID, records).items():
        shown = (found(text="12.50" if task == 1 else "東 “1”"),)
        annotation = AnnotationRecord(task, AT, AT, (found(text="12.50"),), 3, 6.5, reviewed=True, shown=shown)
        store.ledger.put(number, annotation, corrections_of(annotation, task, None))
    store.close()
    return lambda *words: CliRunner().invoke(app, words)


def test_the_command_writes_the_bytes_that_http_sends(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "truth.jsonl"
    done = run("export", "-p", "7", "--out", str(out), "--where", "has_corrections=true")
    assert (done.exit_code, "documents 1" in done.output) == (0, True), done.output
    settings = load_settings()
    services = build_services(settings, engine=FakeEngine(()))
    token = load_credentials(settings).api_token
    client = create_app(services).test_client()
    url = "/api/v1/projects/7/ground-truth/export?has_corrections=true"
    sent = client.get(url, headers={"Authorization": f"Bearer {token}"})
    services.close()
    assert sent.data == out.read_bytes()
    assert json.loads(sent.data)["task_id"] == 2


def test_exports_are_listed(run: Run, tmp_path: Path) -> None:
    assert "Nothing was exported yet" in run("exports").output
    run("export", "-p", "7", "--out", str(tmp_path / "a.jsonl.gz"), "--gzip")
    listed = json.loads(run("exports", "--json").output)
    assert [(row["format"], row["counts"], row["deleted"]) for row in listed] == [("jsonl", {"documents": 2}, 0)]
    assert "a.jsonl.gz" in run("exports", "--project", "7").output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-p", "7", "--where", "colour=red"), "There is no filter 'colour'"),
        (("-p", "7", "--where", "since=soon"), "since is a time"),
        (("-p", "7", "--format", "word"), "There is no export format 'word'"),
        (("-p", "8"), "does not follow project 8"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_words(
    run: Run, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    out = tmp_path / "out"
    done = run("export", "--out", str(out), *words)
    assert not out.exists()
    assert (done.exit_code, said in done.output) == (2, True), done.output
