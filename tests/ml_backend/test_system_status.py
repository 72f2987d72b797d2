"""How the whole installation stands, whoever hangs, in about a second."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_label_studio import FakeLabelStudio
from pydantic import SecretStr
from served_label_studio import TOKEN, served
from waiting import until

from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import LabelStudioAccess, Services, build_services
from ml_backend.settings import Settings
from ml_backend.status import WORKER
from ml_backend.store.records import ProjectRecord
from ml_backend.system_status import KEPT, Part, SystemStatus


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a Label Studio that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.slow
def test_a_hung_label_studio_hangs_nobody_and_the_others_are_told(services: Services, silent: str) -> None:
    settings = services.settings.model_copy(update={"label_studio_url": silent})
    hung = Services(**{**vars(services), "settings": settings})
    status = SystemStatus(hung, limit=0.3)
    until(lambda: status.look()["queue"]["ok"] and status.look()["store"]["ok"])  # opened by now
    began = time.monotonic()
    said = status.look()
    assert time.monotonic() - began < 1.0
    assert (said["label_studio"]["ok"], said["label_studio"]["url"]) == (False, silent)
    assert (said["ready"], said["store"]["ok"], said["queue"]) == (
        False,
        True,
        {"kind": "sqlite", "ok": True, "depth": 0},
    )
    assert said["reasons"][0].startswith("Label Studio ")


def test_what_is_missing_is_said_in_sentences(services: Services) -> None:
    said = SystemStatus(services, limit=5.0).look()
    assert said["reasons"] == [
        "Label Studio cannot be reached at http://127.0.0.1:9 (ConnectError)."
        " Start it, or correct DOCLOOP_LABEL_STUDIO_URL.",
        "There is no token for Label Studio. Set DOCLOOP_LABEL_STUDIO_TOKEN "
        "(in Label Studio: Account & Settings > Personal Access Token).",
        "No worker runs: nothing is predicted in advance or learned. Start docloop serve (or docloop worker).",
    ]


def test_a_label_studio_that_is_away_is_told_once_and_not_of_its_token_too(services: Services) -> None:
    settings = services.settings.model_copy(update={"label_studio_token": SecretStr("a-token")})
    alone = Services(**{**vars(services), "settings": settings, "access": LabelStudioAccess(settings)})
    said = SystemStatus(alone, limit=10.0).look()
    assert said["label_studio"]["token_ok"] is False
    assert [reason[:31] for reason in said["reasons"] if "Label Studio" in reason] == [
        "Label Studio cannot be reached "
    ]


def test_workers_and_projects_are_told_with_the_age_of_their_heartbeat(services: Services) -> None:
    store, now = services.store, 1_795_000_000.0
    store.projects.put(ProjectRecord("7.1795000000", 7, "Receipts", "4bf1c2d9", fault="no answer", fault_since=now))
    for name, ago in (("here-1", 4.0), ("there-2", 40.0), ("long-gone-3", 4000.0)):
        store.leases.take(f"{WORKER}{name}", name, now - ago, 15.0)
    said = SystemStatus(services, now=lambda: now, limit=5.0).look()
    assert said["workers"] == [
        {"name": "here-1", "alive": True, "heartbeat_age": 4.0},
        {"name": "there-2", "alive": False, "heartbeat_age": 40.0},
    ]
    (project,) = said["projects"]
    assert (project["project"], project["champion"], project["fault"]) == (7, "keywords-1", "no answer")
    assert not any("No worker" in reason for reason in said["reasons"])


def test_a_part_that_hangs_is_asked_once_and_answers_are_kept_for_a_while() -> None:
    asked, clock, go = [0], [0.0], threading.Event()

    def look() -> dict[str, object]:
        asked[0] += 1
        go.wait(5)
        return {"ok": True, "number": asked[0]}

    part = Part(look, lambda: clock[0])
    for _ in range(3):
        part.ask()
        assert part.answer(0.01)["ok"] is False
    assert asked == [1]
    go.set()
    until(lambda: part.answer(1.0).get("number") == 1)
    part.ask()
    assert part.answer(1.0)["number"] == 1
    clock[0] += KEPT + 1
    part.ask()
    until(lambda: part.answer(1.0).get("number") == 2)


def test_a_disk_that_is_nearly_full_and_a_database_that_is_away_are_reasons(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml_backend.system_status.LEAST_FREE", 10**18)
    services.lazy_store.close()
    database = services.settings.data_dir / "docloop.sqlite3"
    for path in services.settings.data_dir.glob("docloop.sqlite3*"):
        path.unlink()
    database.mkdir()
    said = SystemStatus(services, limit=5.0).look()
    assert (said["storage"]["ok"], said["store"]["ok"], said["ready"]) == (False, False, False)
    assert any(reason.startswith("The data folder has ") for reason in said["reasons"])
    assert said["store"]["reason"] in said["reasons"]


@pytest.mark.slow
def test_a_storage_by_url_is_asked_too(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def storage(url: str) -> tuple[bool, str]:
        settings = services.settings.model_copy(update={"storage_url": url})
        said = SystemStatus(Services(**{**vars(services), "settings": settings}), limit=10.0).look()["storage"]
        return said["ok"], said["kind"]

    (tmp_path / "shared").mkdir()
    assert storage((tmp_path / "shared").as_uri()) == (True, "file")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, "none")
    assert storage("s3://bucket/docloop") == (False, "s3")


@pytest.mark.slow
def test_label_studio_is_told_with_its_version_and_whether_it_takes_the_token(settings: Settings) -> None:
    with served(FakeLabelStudio()) as url:
        for token, taken in ((TOKEN, True), ("another", False)):
            there = settings.model_copy(update={"label_studio_url": url, "label_studio_token": SecretStr(token)})
            services = build_services(there, engine=FakeEngine([]))
            said = SystemStatus(services, limit=20.0).look()
            assert said["label_studio"] == {
                "ok": True,
                "token_ok": taken,
                "url": url,
                "version": "1.23.2",
            }, said["reasons"]
            services.close()
