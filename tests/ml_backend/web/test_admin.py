"""The admin page's answers: closed to all but administrators, nothing of others in them as markup, cheap to ask for."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from filled_installation import Words, fill
from flask import Flask
from flask.testing import FlaskClient
from waiting import until

from contracts.store_builders import document
from ml_backend.label_studio.client import AWAY
from ml_backend.ocr.fake import FakeEngine
from ml_backend.pausing import pause
from ml_backend.services import Services, build_services
from ml_backend.settings import load_settings
from ml_backend.web import charts
from ml_backend.web.admin import concerns, words
from ml_backend.web.admin.kept import Kept

pytestmark = pytest.mark.slow

PAGES = ("/admin", "/admin/projects/7", "/admin/exports", "/admin/tokens", "/admin/system")
HOSTILE = """</script></title><img src=x onerror=alert(1)>"'{{7*7}}&"""


class Parts(HTMLParser):
    """The tags of a page with their attributes, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an installation in the middle of its life, and of one whose every text is hostile."""
    folder = tmp_path_factory.mktemp("life")
    for name, spoken in (("usual", Words()), ("hostile", Words(HOSTILE, (HOSTILE, "total"), *(HOSTILE,) * 4))):
        services = build_services(load_settings({}, data_dir=folder / name), engine=FakeEngine([]))
        fill(services, 7, spoken)
        services.store.tokens.create(HOSTILE, "read", time.time())
        services.close()
    return folder


@pytest.fixture
def filled(services: Services, life: Path) -> Services:
    shutil.copytree(life / "usual", services.settings.data_dir, dirs_exist_ok=True)
    return services


@pytest.fixture
def hostile(services: Services, life: Path) -> Services:
    shutil.copytree(life / "hostile", services.settings.data_dir, dirs_exist_ok=True)
    return services


@pytest.mark.parametrize(
    "address", [*PAGES, "/admin/static/admin.js", "/admin/connectable", "/admin/projects/7/charts/learning"]
)
def test_nobody_but_an_administrator_sees_a_page(app: Flask, filled: Services, address: str) -> None:
    _, secret = filled.store.tokens.create("trainer", "train", time.time())
    bearer = {"Authorization": f"Bearer {secret}"}
    stranger = app.test_client()
    assert [stranger.get(address).status_code, stranger.get(address, headers=bearer).status_code] == [401, 403]


@pytest.mark.parametrize("address", PAGES)
def test_what_others_wrote_is_text_and_no_page_has_a_script_or_style_of_its_own(
    client: FlaskClient, hostile: Services, address: str
) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer.headers["Content-Security-Policy"][:19]) == (200, "default-src 'self';")
    page = Parts(answer.text)
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [
        {"type": "module", "src": "/admin/static/admin.js"}
    ]
    names = {name for _, attributes in page.tags for name in attributes}
    assert {name for name in names if name.startswith("on") or name == "style"} == set()
    assert [tag for tag, attributes in page.tags if tag == "style" or attributes.get("src") == "x"] == []
    assert any(HOSTILE[:30] in text for text in page.texts) or address == "/admin/exports"


def test_a_page_that_did_not_change_is_not_sent_again(client: FlaskClient, filled: Services) -> None:
    first = client.get("/admin/exports?live=1")
    assert "<html" not in first.text
    assert "Nothing yet." in first.text
    again = client.get("/admin/exports?live=1", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    filled.store.projects.update("7.1795000007", title="Others")
    tokens = client.get("/admin/tokens?live=1").headers["ETag"]
    filled.store.tokens.create("grafana", "read", time.time())
    assert client.get("/admin/tokens?live=1", headers={"If-None-Match": tokens}).status_code == 200


def test_a_project_says_what_is_missing_what_comes_next_and_what_the_gate_said(
    client: FlaskClient, filled: Services
) -> None:
    def text() -> str:
        return " ".join(" ".join(Parts(client.get("/admin/projects/7").text).texts).split())

    for said in (
        "70 confirmed documents so far; training starts by itself at 72 (2 more).",
        "2 more to the next training (at 72)",
        "26 open, 26 with a current prediction",
        "F1 .866 on 58 documents",
        "Each version was judged on the documents of its day",
        "Kept fields-2: fields-3 is worse (field F1 -0.2 points on 44 documents",
        "Teach the OCR engine your print",
        "the models disagree on total",
    ):
        assert until(
            lambda said=said: said in text(), 20, said
        )  # a busy machine counts some figures after the first look


@pytest.mark.parametrize("address", ["/admin", "/admin/projects/7", "/admin/system"])
def test_predictions_that_are_being_made_show_how_far_they_are(
    client: FlaskClient, filled: Services, address: str
) -> None:
    new = document(9001, project_uid="7.1795000007")
    filled.store.documents.put_many("7.1795000007", [new])
    assert "26 of 27" not in client.get(address).text, "nobody makes them"
    filled.store.leases.take("push-7", "a worker", time.time(), 60.0)
    page = Parts(client.get(address).text)
    assert ("26", "27") in [(one["value"], one["max"]) for tag, one in page.tags if tag == "progress"]


def test_low_priority_is_no_word_for_the_document_that_is_asked_first(client: FlaskClient, filled: Services) -> None:
    version = f"fields-4.{filled.store.projects.all()[0].fingerprint}"
    first, second, *_ = [one for one, _ in filled.store.predictions.ranking("7.1795000007", version)]
    filled.store.predictions.put_many([replace(first, priority=1), replace(second, priority=2)])
    until(lambda: "medium priority" in client.get("/admin/projects/7").text)
    assert 'class="priority low"' not in client.get("/admin/projects/7").text


def test_a_rollback_names_the_version_that_comes_back(client: FlaskClient, filled: Services) -> None:
    assert filled.registry.active("7.1795000007") == "fields-4"
    assert 'data-ask="Let fields-2 serve again?"' in client.get("/admin/projects/7").text
    filled.registry.rollback("7.1795000007")
    assert 'data-ask="Let fields-1 serve again?"' in client.get("/admin/projects/7?fresh=1").text


def test_a_project_that_nobody_follows_is_a_page_with_the_fix(client: FlaskClient) -> None:
    answer = client.get("/admin/projects/8")
    assert answer.status_code == 404
    assert "Connect it: docloop connect --project 8." in answer.text


def test_without_a_database_the_first_page_says_so(client: FlaskClient, services: Services) -> None:
    services.lazy_store.close()
    services.settings.data_dir.mkdir(parents=True, exist_ok=True)
    (services.settings.data_dir / "docloop.sqlite3").write_bytes(b"no database" * 500)
    answer = client.get("/admin")
    assert answer.status_code == 200
    assert "needs you" in answer.text or "need you" in answer.text
    assert "Connect your first project" not in answer.text


@pytest.mark.parametrize("name", list(charts.CHARTS))
@pytest.mark.parametrize("look", charts.LOOKS)
def test_a_chart_is_a_picture_without_script_that_asks_for_nothing(
    client: FlaskClient, filled: Services, name: str, look: str
) -> None:
    answer = client.get(f"/admin/projects/7/charts/{name}?look={look}")
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
    root = ElementTree.fromstring(answer.data)
    assert {node.tag.rpartition("}")[2] for node in root.iter()}.isdisjoint({"script", "image", "use", "foreignObject"})
    assert not re.search(r"url\(|@import|href=", answer.text)
    assert client.get(f"/admin/projects/7/charts/{name}?look=pink").status_code == 404


def test_a_figure_that_is_none_is_no_point_of_a_curve() -> None:
    run = {"version": "fields-1", "samples": 20, "f1": float("nan"), "champion_f1": None}
    found = charts.learning_points([{**run, "f1": 0.5, "champion_f1": float("nan")}, run, {**run, "f1": None}])
    assert found == [charts.LearningPoint("fields-1", 20, 0.5, None)]


def test_a_training_on_an_older_release_is_no_point_of_a_curve() -> None:
    run = {"version": "fields-1", "samples": 40, "f1": 0.8, "champion_f1": None}
    runs = [{**run, "version": "fields-2", "samples": 20, "f1": 0.7}, run]
    versions = [
        {"version": "fields-2", "settings": {"release_asked": "9" * 64}},
        {"version": "fields-1", "settings": {}},
    ]
    assert charts.learning_points(runs, versions) == [charts.LearningPoint("fields-1", 40, 0.8, None)]


def test_a_chart_takes_any_name_of_a_version() -> None:
    bars = [charts.UntouchedBar(f"</text><script>\x00{HOSTILE}", 0.5)]
    drawn = charts.untouched_bars(bars, "dark")
    assert b"<script" not in drawn
    ElementTree.fromstring(drawn)
    ElementTree.fromstring(charts.learning_curve([], "light"))


def test_what_is_costly_is_made_again_after_ten_times_as_long_and_the_last_answer_stands_meanwhile() -> None:
    seconds, made = [0.0], []

    def count() -> Mapping[str, object]:
        seconds[0] += 2.0  # so long it takes
        made.append(seconds[0])
        return {"number": len(made)}

    kept = Kept(lambda: seconds[0])
    assert kept.get("statistics", count)["number"] == 1
    seconds[0] += 19.0
    assert kept.get("statistics", count)["number"] == 1
    seconds[0] += 2.0
    assert kept.get("statistics", count)["number"] == 2
    kept.forget("statistics")
    assert kept.get("statistics", count)["number"] == 3
    kept.forget("statistics")
    go_on = threading.Event()

    def hang() -> Mapping[str, object]:
        go_on.wait(5.0)
        return {"number": 4}

    assert kept.get("statistics", hang, 0.01)["number"] == 3
    assert kept.get("other", hang, 0.01)["ok"] is False
    go_on.set()
    until(lambda: kept.get("statistics", hang)["number"] == 4, 5)


def test_what_was_counted_before_a_change_is_not_kept_after_it() -> None:
    seconds, versions, begun, go_on = [0.0], ["fields-1"], threading.Event(), threading.Event()

    def count() -> Mapping[str, object]:
        found = versions[0]
        begun.set()
        go_on.wait(5.0)
        seconds[0] += 2.0  # in a large project
        return {"champion": found}

    kept = Kept(lambda: seconds[0])
    kept.get("status", count, 0.01)
    assert begun.wait(5.0)
    versions[0] = "fields-2"
    kept.forget("status")
    go_on.set()
    assert kept.get("status", count, 5.0)["champion"] == "fields-1"
    seconds[0] += 3.0  # the next look of the page
    assert kept.get("status", count, 5.0)["champion"] == "fields-2"


def test_a_fault_comes_with_its_time_and_a_rest_is_only_a_note() -> None:
    line = {"project": 7, "title": "Receipts", "fault": "", "fault_since": None, "paused": False}
    assert concerns.of_projects([line]) == []
    found = concerns.of_projects([{**line, "fault": "It refused.", "fault_since": 5.0}, {**line, "paused": True}])
    assert [(each.weight, each.since) for each in found] == [("fault", 5.0), ("note", None)]


def test_an_outage_of_label_studio_is_told_once_with_its_time() -> None:
    away = "Label Studio cannot be reached at http://ls (ConnectError). Start it."
    state = {"label_studio": {"ok": False}, "reasons": [away, "No worker runs."]}
    line = {"title": "Receipts", "paused": False, "fault": f"{AWAY}http://ls. Start it.", "fault_since": 9.0}
    lines = [{**line, "project": 7}, {**line, "project": 8, "fault_since": 5.0}]
    other = {**line, "project": 9, "fault": "It refused."}
    told = [(one.said, one.since) for one in concerns.together(state, concerns.of_projects([*lines, other]))]
    assert told == [(away, 5.0), ("No worker runs.", None), ("It refused.", 9.0)]
    back = {"label_studio": {"ok": True}, "reasons": []}
    assert [one.project for one in concerns.together(back, concerns.of_projects(lines))] == [7, 8]


def test_the_first_page_counts_what_it_lists(client: FlaskClient, filled: Services) -> None:
    filled.store.projects.update("7.1795000007", fault=f"{AWAY}http://127.0.0.1:9.", fault_since=5.0)
    pause(filled.store, filled.store.projects.all()[0], time.time())

    def told() -> str:
        return client.get("/admin?live=1").text

    until(lambda: "cannot be reached" in told())
    listed = told().split("</ul>")[0]
    assert listed.count("http://127.0.0.1:9") == 1
    faults = int(
        re.findall(r"(\d+) things? needs? you, 1 to know", " ".join(listed.split()).replace("need you", "needs you"))[0]
    )
    assert listed.count("<li>") == faults + 1


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (words.percent(0.871), "87 %"),
        (words.percent(None), "–"),
        (words.f1(0.8664), ".866"),
        (words.f1(1.0), "1.000"),
        (words.f1("high"), "–"),
        (words.size(48_213), "48 KB"),
        (words.size(1_500_000), "1.5 MB"),
        (words.size(999), "999 bytes"),
        (words.duration(63), "63 s"),
        (words.duration(600), "10 min"),
        (words.moment(0.0), "1970-01-01 00:00 UTC"),
        (words.moment("2026-01-02T03:04:05Z"), "2026-01-02 03:04 UTC"),
        (words.counted(1, "document"), "1 document"),
        (words.counted(1204, "document"), "1,204 documents"),
    ],
)
def test_figures_are_said_in_words(said: str, word: str) -> None:
    assert said == word
