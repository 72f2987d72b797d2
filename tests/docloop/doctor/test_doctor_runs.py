"""The doctor itself: all is well, one fault takes no other check along, nothing is left behind, nothing secret is shown."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from doctor_circle import Circle
from rich.console import Console

from docloop.doctor import catalogue, page
from docloop.doctor.bench import Bench
from docloop.doctor.findings import Check, Found, Level
from docloop.doctor.runner import examine
from docloop.doctor.show import as_json, tables

ROOT = Path(__file__).resolve().parents[3]


def test_where_all_is_well_nothing_but_the_legacy_token_is_said(well: Circle) -> None:
    report = well.examine()
    said = {one.code for one in report.findings if one.level is not Level.OK}
    assert said <= {"token_legacy", "redis_forgets", "memory_low", "disk_low"}, report.findings
    assert {one.check for one in report.findings} == {check.name for check in catalogue.CHECKS}


def test_nothing_is_left_behind_and_what_was_touched_is_said(well: Circle) -> None:
    before = (dict(well.there.projects), dict(well.there.tasks), dict(well.there.connections.webhooks))
    report = well.examine()
    assert (well.there.projects, well.there.tasks, well.there.connections.webhooks) == before
    assert well.services.store.runs.requests() == []
    assert [sentence.split(":")[0] for sentence in report.touched[:2]] == ["Project 1", "Project 1"]
    assert "deleted again" in report.touched[-1]


def test_a_check_that_needs_another_is_skipped_and_the_rest_goes_on(well: Circle) -> None:
    well.network.docloop = None
    report = well.examine()
    skipped = {one.check: one.measured for one in report.findings if one.level is Level.SKIPPED}
    assert skipped["way.backend"] == "skipped, because docloop.web found a fault"
    assert skipped["way.training"] == "skipped, because way.backend found a fault"
    assert "way.prediction" not in skipped
    assert {one.code for one in report.faults} == {"web_down", "backend_disconnected"}


def test_before_the_first_start_what_needs_no_data_folder_is_looked_at_and_none_is_made(
    well: Circle, tmp_path: Path
) -> None:
    folder = tmp_path / "not" / "yet"
    well.change(data_dir=folder, password="", api_token="", webhook_secret="", storage_url=f"file://{tmp_path}/shared")
    found = {one.check: one for one in well.examine().findings}
    assert [found[name].code for name in ("docloop.data_dir", "store.answers")] == ["data_dir_missing", "store_missing"]
    assert [one.code for one in found.values() if one.level is Level.FAULT] == ["data_dir_missing", "store_missing"]
    assert found["storage.answers"].measured.startswith("written, read and deleted")
    assert found["way.backend"].measured == "skipped, because docloop.data_dir found a fault"
    assert not folder.parent.exists()


def test_neither_secrets_nor_a_documents_text_nor_its_file_are_shown(well: Circle) -> None:
    well.there.add_tasks(1, [{"image": "http://files.example/very-private-name.png"}])
    console = Console(width=200, record=True, file=None, force_terminal=False)
    report = well.examine()
    with console.capture():
        for part in tables(report):
            console.print(part)
    shown = console.export_text() + json.dumps(as_json(report))
    for secret in ("legacy-token-123", "test-password", "test-token", "test-secret", "very-private-name", "12.50"):
        assert secret not in shown
    assert "http(s)" in shown


def test_a_check_that_hangs_is_given_up_and_one_that_breaks_tells_no_more_than_its_kind(well: Circle) -> None:
    def hangs(bench: Bench) -> list[Found]:
        time.sleep(1)
        return []

    def breaks(bench: Bench) -> list[Found]:
        raise ValueError("text of a document")

    checks = [
        Check("hangs", "", hangs, seconds=0.05),
        Check("breaks", "", breaks),
        Check("fine", "", lambda bench: [Found("x")]),
    ]
    report = examine(Bench(well.settings), checks)
    assert [(one.check, one.code, one.measured) for one in report.findings] == [
        ("hangs", "check_too_slow", "hangs took longer than 0 s"),
        ("breaks", "check_broke", "breaks broke with ValueError"),
        ("fine", "", "x"),
    ]


def test_its_own_project_is_deleted_even_when_a_check_behind_it_hangs(
    well: Circle, monkeypatch: pytest.MonkeyPatch
) -> None:
    from docloop.doctor import own_project

    monkeypatch.setattr(own_project, "_picture", lambda: 1 / 0)
    report = well.examine("way.prediction")
    assert [one.code for one in report.faults] == ["check_broke"]
    assert list(well.there.projects) == [1]


def test_the_page_is_made_of_the_catalogue() -> None:
    """Not so? python -m docloop.doctor.page > docs/doctor.md"""
    assert (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8") == page.page()
