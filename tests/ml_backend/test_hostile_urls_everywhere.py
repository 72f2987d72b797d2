"""Promise P8 through the wired service: no way in, whoever calls, leads where a task URL must not go.

What each URL is refused for, ``label_studio/test_fetch_canaries.py`` tests; here, that every entry point has that guard in front
of it. Names resolve to a canary; every connection that this process opens is noted.
"""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hostile.forbidden_places import REDIRECTS, ROWS, TOKEN, World, opened_world
from tenacity import wait_none
from typer.testing import CliRunner

from builders import ask, interface, interface_xml, png
from docloop.cli import app as commands
from docloop.import_files import Import, ImportReport
from ml_backend.file_names import is_url
from ml_backend.label_studio.tasks import Task
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import LabelStudioAccess, Services, build_services
from ml_backend.settings import Settings

GOOD = "data:image/png;base64," + base64.b64encode(png("TOTAL 12.50")).decode()
DRAWN = {"x": 25, "y": 45, "width": 30, "height": 10, "rectanglelabels": ["total"]}
CONTEXT = {"result": [{"id": "a", "type": "rectanglelabels", "value": DRAWN}]}
# A task's storage URL is Label Studio's to resolve: that is where it may go.
REFUSED = [(url, code) for url, code in ROWS if code != "url_needs_task"]
TYPED = [url for url, _ in REFUSED if is_url(url)]  # what else a person types is a path


@pytest.fixture(scope="module")
def servers() -> Iterator[World]:
    with opened_world() as world:
        yield world


@pytest.fixture
def world(servers: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world as it stands before a test; whatever wants to leave this machine meets a canary instead."""
    servers.reset()
    monkeypatch.setattr(socket, "getaddrinfo", only_canaries(socket.getaddrinfo))
    monkeypatch.setattr(LabelStudioAccess, "authorization", lambda self: servers.token())
    return servers


def only_canaries(getaddrinfo: Callable[..., Any]) -> Callable[..., Any]:
    """The system's look-up of addresses, which knows every name as 127.0.0.2."""

    def look_up(host: str, *rest: Any, **more: Any) -> Any:
        known = host.replace(".", "").isdigit() or ":" in host
        return getaddrinfo(host if known else "127.0.0.2", *rest, **more)

    return look_up


@pytest.fixture
def settings(settings: Settings, world: World) -> Settings:
    there = {
        "label_studio_url": f"http://{world.label_studio.authority}",
        "allowed_hosts": ("files.example.org", world.listed.authority),
    }
    return settings.model_copy(update=there)


def no_trace(world: World) -> bool:
    """Whether nobody was asked anything, and the token stayed where it was."""
    return (world.connected, world.tokens_asked, world.canary.touched) == ([], 0, [])


@pytest.mark.slow
def test_in_one_request_for_predictions_each_is_answered_with_nothing_in_its_place(
    world: World, client: FlaskClient
) -> None:
    first, *refused, last = ask(client, [GOOD, *(world.fill(url) for url, _ in REFUSED), GOOD])
    assert refused == [[]] * len(REFUSED)
    assert [len(good["result"]) for good in (first, last)] == [2, 2]  # a box and its text
    assert no_trace(world)


def test_a_page_among_others_is_left_out_and_the_others_are_read(world: World, client: FlaskClient) -> None:
    pages = [world.fill(url) for url, _ in REFUSED if url]
    body = {
        "tasks": [{"id": 1, "data": {"pages": [*pages, GOOD]}}],
        "project": "1.1",
        "label_config": interface_xml("total", paged=True),
    }
    (made,) = client.post("/predict", json=body).get_json()["results"]
    assert {region["item_index"] for region in made["result"]} == {len(pages)}
    assert no_trace(world)


def test_a_box_drawn_on_it_is_answered_with_nothing(world: World, client: FlaskClient) -> None:
    for url, _ in REFUSED:
        assert ask(client, [world.fill(url)], context=CONTEXT) == [[]], url
    (good,) = ask(client, [GOOD], context=CONTEXT)
    assert good["result"][0]["value"]["rectanglelabels"] == ["total"]
    assert no_trace(world)


@pytest.mark.slow
def test_predicted_in_advance_each_task_fails_with_the_code_of_its_refusal(world: World, services: Services) -> None:
    tasks = [Task(number, {"image": world.fill(url)}) for number, (url, _) in enumerate(REFUSED)]
    outcomes = services.batches.predict_all(tasks, interface("total"), "1.1")
    assert [getattr(outcome, "code", None) for outcome in outcomes] == [
        code if url else "task_without_image" for url, code in REFUSED
    ]
    assert no_trace(world)


@pytest.mark.slow
def test_where_label_studios_storage_redirects_to_it_only_label_studio_is_asked(
    world: World, client: FlaskClient
) -> None:
    world.locations = {f"/tasks/{number}/resolve/": world.fill(url) for number, (url, _) in enumerate(REDIRECTS, 1)}
    urls = [f"s3://bucket/{number}.png" for number in range(len(REDIRECTS))]
    assert ask(client, urls) == [[]] * len(REDIRECTS)
    assert set(world.connected) == {("127.0.0.1", world.label_studio.port)}
    assert {asked.path.split("?")[0] for asked in world.label_studio.asked} == set(world.locations)
    assert world.canary.touched == []


@pytest.mark.slow
def test_where_a_listed_host_redirects_to_it_no_token_is_carried_anywhere(world: World, client: FlaskClient) -> None:
    paths = [f"/go?{number}" for number in range(len(REDIRECTS))]
    world.locations = dict(zip(paths, (world.fill(url) for url, _ in REDIRECTS), strict=True))
    assert ask(client, [f"http://{world.listed.authority}{path}" for path in paths]) == [[]] * len(paths)
    assert set(world.connected) == {("127.0.0.1", world.listed.port)}
    assert {asked.authorization for asked in world.listed.asked} == {None}
    assert (world.tokens_asked, world.canary.touched) == (0, [])


class Project:
    """As much of Label Studio as an import needs."""

    def __init__(self) -> None:
        self.datas: list[Any] = []

    def tasks(self, project_id: int) -> Iterator[Any]:
        yield from ()

    def upload(self, project_id: int, name: str, data: bytes, kind: str) -> str:
        return f"/data/upload/{project_id}/{name}"

    def import_tasks(self, project_id: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        self.datas += [task["data"] for task in tasks]
        return []


def test_imported_each_url_is_reported_as_failed_and_the_file_after_them_gets_in(
    world: World, settings: Settings, engine: FakeEngine, tmp_path: Path
) -> None:
    (tmp_path / "good.png").write_bytes(png("A"))
    urls = [world.fill(url) for url in TYPED]
    wired = build_services(settings, engine, any_public_host=True)
    there, report = Project(), ImportReport()
    try:
        fetch = lambda url: wired.predictor.fetch(url, 0)  # noqa: E731 - as the command does
        job = Import(there, wired.loader, fetch, 7, interface("total"), wait_none())  # type: ignore[arg-type]  # the twin
        job.run([*urls, str(tmp_path / "good.png")], report, lambda: None)
    finally:
        wired.close()
    assert {url: error.code for url, error in report.failed.items() if not error.code.startswith("url_")} == {}
    assert (list(report.failed), [data["image"] for data in there.datas]) == (urls, ["/data/upload/7/good.png"])
    assert no_trace(world)


def test_typed_after_docloop_predict_each_is_an_error_with_its_code(
    world: World, settings: Settings, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml_backend.services.make_engine", lambda settings: engine)
    for setting in Settings.model_fields:
        monkeypatch.delenv(f"DOCLOOP_{setting.upper()}", raising=False)
    environment = {"DOCLOOP_LABEL_STUDIO_URL": settings.label_studio_url, "DOCLOOP_DATA_DIR": str(settings.data_dir)}
    urls = [world.fill(url) for url in TYPED]
    done = CliRunner().invoke(commands, ["predict", "--json", *urls], env=environment)
    assert done.exit_code == 1, done.output
    answers = [json.loads(line) for line in done.stdout.split("\n") if line.startswith("{")]
    assert [answer["source"] for answer in answers] == urls
    assert all(answer["error"]["code"].startswith("url_") for answer in answers)
    assert no_trace(world)


def test_the_notes_would_show_a_connection_and_a_token(world: World, client: FlaskClient) -> None:
    world.location = f"http://{world.listed.authority}/other"
    ask(client, ["/data/upload/1/a.png"])
    assert world.connected == [("127.0.0.1", world.label_studio.port), ("127.0.0.1", world.listed.port)]
    assert [asked.authorization for asked in (*world.label_studio.asked, *world.listed.asked)] == [TOKEN, None]
    assert no_trace(world) is False
