"""The commands that say what the corrections say: the very answer of the route, tables for people, a picture."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from confirmed_project import CONFIG, UID, confirm
from PIL import Image
from typer.testing import CliRunner, Result

from builders import found
from docloop import plot_statistics, terminal
from docloop.cli import app
from ml_backend.credentials import load_credentials
from ml_backend.models.manifest import Manifest
from ml_backend.models.registry import ModelRegistry
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import build_services, models_folder
from ml_backend.settings import load_settings
from ml_backend.store.records import ProjectRecord
from ml_backend.store.store import open_store
from ml_backend.web.app import create_app

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Project 7 with two confirmed documents, names that would steer a terminal or break a formula, and four judged versions."""
    monkeypatch.setenv("DOCLOOP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(terminal.out, "_width", 250)
    shown = (found("a$b_{", "12.5O", id="t"), found("東", "x\x1b"))
    mended = (replace(shown[0], text="12.50"), shown[1])
    confirm(tmp_path / "data", [(shown, mended, "v1\x1b[red]"), (shown, shown, "v2\x1b[red]")], "Re\x1bceipts")
    registry = ModelRegistry(models_folder(load_settings()))
    for number, samples in enumerate((20, 40, 80, 160), 1):
        metrics = {"documents": 4000, "judged": "out_of_fold", "challenger": {"f1": 1 - 2 * samples**-0.6}}
        registry.publish(
            UID, Manifest(f"fields-{number}", "combined", "", samples=samples, metrics=metrics), lambda to: None
        )
    return lambda *words: CliRunner().invoke(app, [*words, "--project", "7"])


def test_a_forecast_names_the_version_whose_f1_it_shows_and_the_one_that_serves(run: Run) -> None:
    assert "F1 of fields-4 (keywords (untrained) serves)" in run("forecast").output
    ModelRegistry(models_folder(load_settings())).activate(UID, "fields-4")
    said = run("forecast").output
    assert "F1 of fields-4" in said
    assert "serves" not in said


def test_the_command_and_the_route_say_the_same(run: Run) -> None:
    settings = load_settings()
    services = build_services(settings, engine=FakeEngine(()))
    client = create_app(services).test_client()
    headers = {"Authorization": f"Bearer {load_credentials(settings).api_token}"}
    answer = client.get("/api/v1/projects/7/ground-truth/stats", headers=headers)
    unknown = client.get("/api/v1/projects/8/ground-truth/stats", headers=headers)
    services.close()
    assert (answer.status_code, unknown.status_code) == (200, 404)
    said = json.loads(run("stats", "--json").output)
    assert said == answer.get_json()
    assert said["forecast"] == json.loads(run("forecast", "--json").output)


def test_people_read_what_was_corrected_what_is_next_and_what_more_would_bring(run: Run) -> None:
    said = run("stats").output
    for words in (
        "2 documents, 2 annotated, 2 approved, 0 skipped, 1 with corrections",
        "Fields left untouched: 3 of 4 (75%); 6.5 s a document (median)",
        "Next: Confirm a first document.",
        "docloop next --project 7",
        "misread characters",
        "more documents for +2.0 points of F1",
        "Layouts that need documents most",
        "Re�ceipts",
        "v1�[red]",
    ):
        assert words in said, words
    assert not [each for each in said if unicodedata.category(each) == "Cc" and each != "\n"]
    assert "more documents for +2.0 points of F1" in run("forecast").output


def test_what_is_missing_of_all_fields_is_said_once_with_the_f1_of_today(run: Run) -> None:
    registry = ModelRegistry(models_folder(load_settings()))
    metrics = {"documents": 20, "judged": "out_of_fold", "challenger": {"f1": 0.93, "labels": {"total": 0.875}}}
    newest = Manifest("fields-5", "combined", "", samples=20, labels=("total",), metrics=metrics)
    registry.publish(UID, newest, lambda to: None)
    said = run("forecast").output
    assert said.count("1 of the 3 numbers of documents that a curve needs") == 1
    assert [".930" in said, ".875" in said, "what more documents would bring" in said] == [True, True, False]


@pytest.mark.slow
def test_a_project_without_anything_is_no_error(run: Run, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'data' / 'docloop.sqlite3'}")
    store.projects.put(ProjectRecord("8.1795000000", 8, "Empty", "f", CONFIG))
    store.close()
    done = CliRunner().invoke(app, ["stats", "--project", "8", "--plot", str(tmp_path / "empty.svg")])
    assert (done.exit_code, "Import documents" in done.output, "not enough evidence" in done.output) == (0, True, True)


@pytest.mark.slow
def test_the_picture_is_one(run: Run, tmp_path: Path) -> None:
    assert run("stats", "--plot", str(tmp_path / "stats.png")).exit_code == 0
    with Image.open(tmp_path / "stats.png") as picture:
        assert (picture.format, picture.width > 800) == ("PNG", True)
    assert run("stats", "--plot", str(tmp_path / "stats.svg")).exit_code == 0
    assert ElementTree.parse(tmp_path / "stats.svg").getroot().tag.endswith("svg")


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 40])
def test_however_much_there_is_to_draw_nothing_is_cut_off_and_no_name_lies_on_another(number: int) -> None:
    figures = {"rate": 1.0, "fields": 123_456, "median_seconds": 12.5, "count": 123_456}
    names: Any = ("a-long-name-of-a-version-{}", "the_longest_name_of_a_field_{}", "cause {}")
    given = [
        dict(zip(("version", "field", "cause"), (name.format(n) for name in names), strict=True)) | figures
        for n in range(number)
    ]
    documents = dict.fromkeys(("total", "annotated", "with_corrections"), 1_000_000)
    figure = plot_statistics.drawing(
        {"project": 7, "documents": documents, "by_version": given, "by_field": given, "causes": given[:9]}
    )
    figure.draw_without_rendering()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height
    assert [axes.axison for axes in figure.axes] == [number > 0] * 4
    for axes in figure.axes:
        assert axes.get_xlabel()
        labels = [label.get_text() for label in axes.get_xticklabels() + axes.get_yticklabels()]
        assert len(labels) == len(set(labels)), "cut in such a way that they can be told apart"
        assert len(axes.get_xticks()) <= 12
        bars = [label.get_window_extent() for label in axes.get_yticklabels()]
        assert not any(one.overlaps(other) for one, other in pairwise(bars)), "one name on another"


@pytest.mark.slow
def test_the_worst_field_is_drawn_first_and_versions_by_their_short_names() -> None:
    names = ("keywords-1.c48f345e", "fields-1.c48f345e", "fields-2.c48f345e", "fields-2.0badcafe", "other.c48f345e")
    versions = [{"version": name, "rate": 1.0, "median_seconds": None} for name in names]
    fields = [
        {"field": name, "rate": rate, "fields": 9} for name, rate in (("total", 0.9), ("date", 0.2), ("tax", 0.5))
    ]
    documents = dict.fromkeys(("total", "annotated", "with_corrections"), 1)
    figure = plot_statistics.drawing(
        {"project": 7, "documents": documents, "by_version": versions, "by_field": fields, "causes": []}
    )
    by_version, by_field, *_ = figure.axes
    assert [label.get_text() for label in by_version.get_xticklabels()] == ["keywords-1", "fields-1", *names[2:]]
    assert [label.get_text() for label in by_field.get_yticklabels()] == ["date", "tax", "total"]


def test_what_cannot_be_drawn_is_refused_before_anything_is_counted(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = run("stats", "--plot", str(tmp_path / "stats.pdf"))
    assert (refused.exit_code, ".png or .svg" in refused.output) == (2, True)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    refused = run("stats", "--plot", str(tmp_path / "stats.png"))
    assert (refused.exit_code, "pip install 'docloop[demo]'" in refused.output) == (2, True)
    assert "Fields left untouched" not in refused.output
