"""The commands about learning, on a store with one project and what came of its first documents."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from made_receipts import made_receipt
from typer.testing import CliRunner, Result
from waiting import until

from builders import found, interface_xml
from docloop import cli_loop, terminal
from docloop.cli import app
from ml_backend.document.geometry import Box
from ml_backend.jobs.hints import FolderHints
from ml_backend.models.manifest import Manifest
from ml_backend.models.registry import ModelRegistry
from ml_backend.services import read_interface
from ml_backend.settings import Settings
from ml_backend.store.records import AnnotationRecord, DocumentRecord, PredictionRecord, ProjectRecord, RunState
from ml_backend.store.runs import Outcome
from ml_backend.store.store import Store, open_store
from training.corrections import corrections_of

UID = "7.1795000000"
AT = "2026-01-02T03:04:05.000000Z"
CONFIG = interface_xml("total")
VERSION = f"keywords-1.{read_interface(CONFIG).fingerprint}"
Run = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Project 7: task 1 was corrected (a total retyped), task 2 is open; fields-1 is published, and not the champion."""
    folder = tmp_path / "data"
    store = open_store(f"sqlite:///{folder / 'docloop.sqlite3'}")
    store.projects.put(
        ProjectRecord(UID, 7, "Receipts", read_interface(CONFIG).fingerprint, CONFIG, answer="1 so far; 19 more.")
    )
    ids = store.documents.put_many(UID, [DocumentRecord(0, UID, task, AT, AT, {}) for task in (1, 2)])
    shown = (found(text="12.50", id="r1"), found("date", "1.1.2026", Box(0.1, 0.1, 0.2, 0.12), id="r2"))
    final = (found(text="12.60", id="r1"), shown[1])
    annotation = AnnotationRecord(5, AT, AT, final, 3, 6.5, reviewed=True, shown=shown, shown_version=VERSION)
    store.ledger.put(ids[1, AT], annotation, corrections_of(annotation, 1, None))
    store.samples.put(ids[1, AT], made_receipt(1))
    store.predictions.put_many([PredictionRecord(ids[2, AT], VERSION, 0.31, 0.3, shown, priority=2, reasons=("dark",))])
    store.close()
    manifest = Manifest(
        "fields-1", "token-classifier", "2026-01-02T03:04:05+00:00", verdict="Kept keywords-1: no better."
    )
    ModelRegistry(folder / "models").publish(UID, manifest, lambda path: _write(path))
    return folder


def _write(folder: Path) -> None:
    (folder / "model.json").write_text("{}")


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for setting in Settings.model_fields:
        monkeypatch.delenv(f"DOCLOOP_{setting.upper()}", raising=False)
    monkeypatch.setattr(terminal.out, "_width", 250)  # made when it was imported, with whatever COLUMNS was then
    environment = {"COLUMNS": "250", "TERM": "dumb", "NO_COLOR": "1", "DOCLOOP_DATA_DIR": str(data)}
    return lambda *said, **more: CliRunner().invoke(
        app, [*said, *(() if "--project" in said else ("--project", "7"))], env=environment, **more
    )


def store_of(data: Path) -> Store:
    return open_store(f"sqlite:///{data / 'docloop.sqlite3'}")


def test_status_says_how_it_stands_and_why_nothing_trains(run: Run) -> None:
    said = run("status").output
    for words in ("Receipts", "keywords (untrained)", "2 documents, 1 confirmed", "1 so far; 19 more.", "1 of 2 (50%)"):
        assert words in said
    assert json.loads(run("status", "--json").output)["samples"] == 1


def test_status_without_a_project_takes_the_only_one_or_lists_them(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCLOOP_DATA_DIR", str(data))

    def status(*more: str) -> str:
        return CliRunner().invoke(app, ["status", *more]).output

    assert "Receipts" in status()
    assert json.loads(status("--json"))["samples"] == 1
    store = store_of(data)
    store.projects.put(
        ProjectRecord("8.1795000000", 8, "Bills", "4bf1c2d9", CONFIG, fault="It refused.", fault_since=1.0)
    )
    store.close()
    said = status()
    for words in ("Receipts", "Bills", "keywords (untrained)", "It refused."):
        assert words in said
    assert [(row["project"], row["open"], row["done"]) for row in json.loads(status("--json"))] == [
        (7, 2, 0),
        (8, 0, 0),
    ]
    monkeypatch.setenv("DOCLOOP_DATA_DIR", str(data / "other"))
    assert status().startswith("No project is followed yet: docloop connect --project N")


def test_corrections_says_what_fills_it_where_there_are_none(run: Run, data: Path) -> None:
    store = store_of(data)
    store.projects.put(ProjectRecord("8.1795000000", 8, "Bills", "4bf1c2d9", CONFIG))
    store.close()
    said = run("corrections", "--project", "8").output
    assert said.strip().startswith("No corrections yet: they come from what annotators change and submit")
    assert len(said.splitlines()) == 1


def test_corrections_lists_what_was_changed_and_all_with_the_confirmed_ones(run: Run) -> None:
    said = run("corrections").output
    assert "12.50" in said
    assert "12.60" in said
    assert "1.1.2026" not in said
    assert "1.1.2026" in run("corrections", "--all").output
    rows = [json.loads(line) for line in run("corrections", "--json").output.splitlines()]
    assert sorted(row["kind"] for row in rows) == ["confirmed", "text"]


def test_what_others_wrote_does_not_steer_the_terminal(run: Run, data: Path) -> None:
    store = store_of(data)
    store.projects.update(UID, title="Re\x1b]0;owned\x07ceipts", answer="a\x9b2J[bold]b")
    (document, *_) = store.documents.ids(UID)[1]
    shown = (found(text="1\x1b[2J2", id="r1"),)
    annotation = AnnotationRecord(6, AT, AT, (found(text="3\r4", id="r1"),), reviewed=True, shown=shown)
    store.ledger.put(document, annotation, corrections_of(annotation, 1, None))
    store.close()
    said = run("status").output + run("corrections").output
    for words in ("Re�]0;owned�ceipts", "a�2J[bold]b", "1�[2J2", "3�4"):
        assert words in said
    assert not [each for each in said if unicodedata.category(each) == "Cc" and each != "\n"]


def test_next_shows_the_open_document_with_its_reason_and_link(run: Run) -> None:
    (row,) = json.loads(run("next", "--json").output)
    assert (row["task"], row["priority"], row["score"], row["reasons"]) == (2, "medium", 0.31, ["dark"])
    assert "projects/7/data?task=2" in run("next").output


def test_next_says_what_it_is_least_sure_of_where_no_criterion_is_met(run: Run, data: Path) -> None:
    store = store_of(data)
    (kept,) = (one for one, _ in store.predictions.ranking(UID, VERSION))
    store.predictions.put_many([replace(kept, reasons=(), fields=(found("total", "9.00", confidence=0.41),))])
    store.close()
    assert json.loads(run("next", "--json").output)[0]["reasons"] == ["least sure of total (41 %)"]


def test_low_is_not_said_beside_a_document_and_stays_in_json(run: Run, data: Path) -> None:
    store = store_of(data)
    (kept,) = (one for one, _ in store.predictions.ranking(UID, VERSION))
    assert "medium" in run("next").output
    store.predictions.put_many([replace(kept, priority=1)])
    store.close()
    assert " low " not in run("next").output
    assert json.loads(run("next", "--json").output)[0]["priority"] == "low"


def test_next_says_why_there_is_nothing_to_show(run: Run, data: Path) -> None:
    store = store_of(data)
    store.projects.update(UID, fingerprint="changed")
    assert "2 open, none with a prediction of keywords-1.changed yet" in run("next").output
    store.documents.put_many(UID, [replace(one, open=False) for one in store.documents.each(UID)])
    store.close()
    assert run("next").output.strip() == "Nothing is open. More documents: docloop import FILES --project 7"
    assert json.loads(run("next", "--json").output) == []


def test_train_is_kept_in_the_store(run: Run, data: Path) -> None:
    assert "is kept" in run("train").output
    store = store_of(data)
    assert [(request.project_id, request.requested_by) for request in store.runs.requests()] == [(7, "docloop train")]
    store.close()


def test_train_on_a_release_keeps_its_whole_id(run: Run, data: Path) -> None:
    store = store_of(data)
    project = store.projects.get(UID)
    assert project is not None
    made = store.releases.freeze(project, (), 1.0)
    assert "There is no release 'abcd'" in run("train", "--release", "abcd").output
    assert run("train", "--release", made.id[:5]).exit_code == 0
    (request,) = store.runs.requests()
    assert request.options == {"release": made.id}
    assert request.requested_by == f"docloop train --release {made.id[:12]}"
    store.close()


def test_versions_and_status_say_what_is_tainted(run: Run, data: Path) -> None:
    store = store_of(data)
    project = store.projects.get(UID)
    assert project is not None
    made = store.releases.freeze(project, (), 1.0)
    registry = ModelRegistry(data / "models")
    for number, settings in ((2, {}), (3, {"release_asked": "9" * 64, "release_lacks": 4})):
        newer = Manifest(f"fields-{number}", "token-classifier", "2026-01-02", release=made.id, settings=settings)
        registry.publish(UID, newer, lambda folder: _write(folder))
    assert "tainted: 1" not in run("versions").output
    store.releases.forget([one.content for one in store.releases.held(made)], 2.0)
    store.close()
    said = run("versions").output
    assert said.count("tainted: 1 of its documents deleted since.") == 2
    assert f"Release {'9' * 12} was tainted: 4 of its documents were deleted before; it had the others." in said
    assert [row["deleted"] for row in json.loads(run("versions", "--json").output)] == [0, 1, 1]
    assert json.loads(run("status", "--json").output)["tainted_versions"] == {"fields-2": 1, "fields-3": 1}
    assert "fields-2 is tainted: 1 of its documents deleted since." in run("status").output


@pytest.mark.parametrize(
    ("said", "options"),
    [
        (("--layout",), {"layout": True}),
        (("--no-layout",), {"layout": False}),
        (("--from-scratch", "small"), {"layout": True, "from_scratch": "small"}),
    ],
)
def test_what_is_wanted_of_one_training_is_kept_with_the_request(
    run: Run, data: Path, said: tuple[str, ...], options: dict[str, object]
) -> None:
    assert run("train", *said).exit_code == 0
    store = store_of(data)
    (request,) = store.runs.requests()
    assert (request.requested_by, request.options) == (f"docloop train {' '.join(said)}", options)
    store.close()


def test_a_layout_model_from_scratch_and_none_at_all_contradict_each_other(run: Run, data: Path) -> None:
    assert run("train", "--no-layout", "--from-scratch", "base").exit_code == 2
    store = store_of(data)
    assert store.runs.requests() == []
    store.close()


def test_the_licence_of_the_base_model_is_said_before_hours_are_spent(run: Run) -> None:
    assert "microsoft/layoutlmv3-base, licence of the weights: cc-by-nc-sa-4.0" in run("train", "--layout").output
    assert "licence" not in run("train", "--from-scratch", "small").output
    assert "licence" not in run("train").output


@pytest.mark.parametrize(
    ("state", "outcome", "status", "words"),
    [
        (
            "failed",
            {"reason": "No base model. Three ways out: a; b; c."},
            1,
            "The run failed: No base model. Three ways",
        ),
        (
            "succeeded",
            {"version": "fields-2", "verdict": "Kept."},
            0,
            f"Kept.\nRelease {'9' * 12} was tainted: 1 of its documents was deleted before; it had the others.\n"
            "Layout model: base model x/y, licence of its",
        ),
    ],
)
def test_who_waits_for_a_training_is_told_its_end_in_full(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch, state: RunState, outcome: Outcome, status: int, words: str
) -> None:
    monkeypatch.setattr(cli_loop, "_WAIT", 0.02)
    settings = {"base_model": "x/y", "base_licence": "mit", "release_asked": "9" * 64, "release_lacks": 1}
    manifest = Manifest("fields-2", "combined", AT, settings=settings)
    ModelRegistry(data / "models").publish(UID, manifest, _write)

    def work() -> None:
        store = store_of(data)
        until(store.runs.requests)
        begun = store.runs.begin(UID, 7, "", "", 1, 1.0, request_taken=True)
        assert begun is not None
        assert store.runs.claim(begun.id, 2.0)
        assert store.runs.finish(begun.id, 1, state, 3.0, **outcome)
        store.close()

    worker = Thread(target=work)
    worker.start()
    ended = run("train", "--wait")
    worker.join()
    assert ended.exit_code == status
    assert words in ended.output


def test_the_licence_of_what_serves_is_in_the_status_and_in_the_list(run: Run, data: Path) -> None:
    registry = ModelRegistry(data / "models")
    for number, base in enumerate(({"base_model": "x/y"}, {"base_model": "scratch:small", "base_licence": ""}), 2):
        registry.publish(UID, Manifest(f"fields-{number}", "combined", AT, settings=base), _write)
    registry.activate(UID, "fields-2")
    assert "fields-2 (base model x/y, licence of its weights: not known)" in run("status").output
    assert "random weights, no base model" in run("versions").output


def test_cancel_stops_a_run_that_waits_and_says_when_there_is_none(run: Run, data: Path) -> None:
    assert run("cancel").exit_code == 2
    store = store_of(data)
    assert store.runs.begin(UID, 7, "test", "", 1, 1.0)
    assert "Run 1 is being cancelled" in run("cancel").output
    (ended,) = store.runs.latest(UID, 1)
    assert ended.state == "cancelled"
    store.close()


def test_cancel_takes_a_request_back_that_no_run_was_made_of_yet(run: Run, data: Path) -> None:
    run("train")
    assert "taken back" in run("cancel").output
    store = store_of(data)
    assert store.runs.requests() == []
    store.close()


def test_a_project_rests_until_it_is_resumed(run: Run, data: Path) -> None:
    def rests() -> bool:
        return bool(json.loads(run("status", "--json").output)["paused"])

    assert "rests" not in run("status").output
    for _ in range(2):
        assert "Project 7 rests until docloop resume --project 7." in run("pause").output
        assert rests()
    assert "The project rests: docloop resume --project 7 ends that." in run("status").output
    assert "it begins after docloop resume --project 7" in run("train").output
    hints = FolderHints(data / "hints")
    for each in hints.take():
        hints.finish(each)
    for _ in range(2):
        assert "docloop works on project 7 again" in run("resume").output
        assert not rests()
    assert hints.take() == [7]
    assert "rests" not in run("train").output
    assert run("pause", "--project", "9").exit_code == run("resume", "--project", "9").exit_code == 2


def test_promote_shows_the_verdict_and_rollback_goes_back(run: Run, data: Path) -> None:
    registry = ModelRegistry(data / "models")
    said = run("promote", "fields-1").output
    assert "no better" in said
    assert registry.active(UID) == "fields-1"
    assert "● │ fields-1" in run("versions").output
    assert "Served before." not in run("versions").output
    assert "keywords (untrained)" in run("rollback").output
    assert registry.active(UID) == ""
    assert run("rollback").exit_code == 2


def test_a_version_that_served_before_is_listed_as_that(run: Run, data: Path) -> None:
    registry = ModelRegistry(data / "models")
    newer = Manifest("fields-2", "token-classifier", AT, verdict="Promoted: better.", promoted=True)
    registry.publish(UID, newer, _write)
    registry.activate(UID, "fields-2")
    assert "Served before." not in run("versions").output
    registry.rollback(UID)
    said = run("versions").output
    assert "Served before. Promoted: better." in said
    assert said.count("Served before.") == 1
    assert "Each F1 was measured on the documents of its day" in said


@pytest.mark.parametrize(
    ("said", "answer", "serves"), [((), "n", ""), ((), "y", "fields-1"), (("--yes",), "", "fields-1")]
)
def test_a_version_that_the_gate_kept_back_serves_only_when_a_person_says_so(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch, said: tuple[str, ...], answer: str, serves: str
) -> None:
    monkeypatch.setattr(cli_loop, "_at_a_terminal", lambda: True)
    done = run("promote", "fields-1", *said, input=answer)
    assert "The gate had kept fields-1 back. It said then: Kept keywords-1: no better." in done.output
    assert ("serve all the same?" in done.output) is bool(answer)
    assert ModelRegistry(data / "models").active(UID) == serves
    assert done.exit_code == (0 if serves else 1)


def test_report_names_the_page_of_a_version_and_says_when_there_is_none(run: Run, data: Path) -> None:
    assert "made without a report" in run("report").output
    newer = Manifest("fields-2", "token-classifier", "2026-01-02T00:00:00+00:00")
    ModelRegistry(data / "models").publish(
        UID, newer, lambda folder: (folder / "report.html").write_text("page") and None
    )
    page = Path(run("report").output.strip())
    assert page.read_text() == "page"
    assert page.parent.name == "fields-2"
    assert "made without a report" in run("report", "fields-1").output


def test_a_version_that_is_not_there_is_a_sentence(run: Run) -> None:
    done = run("promote", "fields-9")
    assert done.exit_code == 2
    assert "There is no version fields-9" in done.output


def test_a_project_nobody_follows_names_those_that_are(run: Run) -> None:
    done = run("status", "--project", "9")
    assert done.exit_code == 2
    assert "Followed: 7 “Receipts”" in done.output
