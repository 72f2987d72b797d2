"""The commands that give ground truth out: the same bytes as over HTTP, refusals in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from confirmed_project import UID, confirm
from typer.testing import CliRunner, Result

from builders import found
from contracts.store_builders import sample
from docloop import terminal
from docloop.cli import app
from ml_backend.credentials import load_credentials
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import build_services
from ml_backend.settings import load_settings
from ml_backend.store.store import open_store
from ml_backend.web.app import create_app

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Project 7, two documents of it confirmed, one with a correction."""
    monkeypatch.setenv("DOCLOOP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(terminal.out, "width", 200)
    final = [found(text="12.50")]
    confirm(tmp_path / "data", [(final, final, ""), ([found(text="東 “1”")], final, "")])
    return lambda *words: CliRunner().invoke(app, words)


def test_the_command_writes_the_bytes_that_http_sends(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "truth.jsonl"
    done = run("export", "-p", "7", "--out", str(out), "--where", "has_corrections=true")
    assert (done.exit_code, ": 1 document, in" in done.output) == (0, True), done.output
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
        (
            ("-p", "7", "--where", "fields=totl,total[1]"),
            "Nothing has the label total[1], totl; the labelling interface has: total.",
        ),
        (("-p", "7", "--where", "model_version=fields-9"), "shown a prediction of the version 'fields-9'; there are: "),
        (("-p", "7", "--gzip"), "Packed lines are a file that ends in .gz."),
        (("-p", "7", "--format", "csv", "--gzip"), "Only the lines of jsonl can be packed"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_words(
    run: Run, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    out = tmp_path / "out"
    done = run("export", "--out", str(out), *words)
    assert not out.exists()
    assert (done.exit_code, said in done.output) == (2, True), done.output


def test_nothing_of_an_export_is_cut_off_on_a_narrow_terminal(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.out, "width", 80)
    out = tmp_path / f"{'long' * 30}.jsonl"
    said = run("export", "-p", "7", "--out", str(out)).output
    assert str(out) in said
    assert "\u2026" not in run("exports").output


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("truth.jsonl.gz", (), "The lines are not packed"),
        ("table.csv", ("--format", "csv"), "csv is a folder, and table.csv is the name of a file"),
    ],
)
def test_a_name_that_promises_another_thing_is_refused(
    run: Run, tmp_path: Path, name: str, words: tuple[str, ...], said: str
) -> None:
    done = run("export", "-p", "7", "--out", str(tmp_path / name), *words)
    assert (done.exit_code, said in done.output, (tmp_path / name).exists()) == (2, True, False), done.output


def test_the_lines_that_the_documents_have_prove_what_was_exported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
    (example,) = [part for part in page.split("```python\n")[1:] if "backwards" in part]
    run("export", "-p", "7", "--out", str(tmp_path / "truth.jsonl"))
    monkeypatch.chdir(tmp_path)
    exec(example.split("```")[0], {})
    changed = (tmp_path / "truth.jsonl").read_text("utf-8").replace("12.50", "12.51", 1)
    (tmp_path / "truth.jsonl").write_text(changed, "utf-8")
    with pytest.raises(AssertionError):
        exec(example.split("```")[0], {})


def test_a_filter_that_a_format_cannot_follow_is_named(run: Run, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'data' / 'docloop.sqlite3'}")
    store.samples.put(min(store.documents.numbers(UID)), sample(f"{1:064x}"))
    store.close()
    done = run("export", "-p", "7", "--format", "csv", "--out", str(tmp_path / "out"), "--where", "approved_only=false")
    assert (done.exit_code, "csv has approved documents alone" in done.output) == (0, True), done.output
