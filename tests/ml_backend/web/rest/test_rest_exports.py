"""Exports in the background: made, downloaded, and gone when a document in them is deleted."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from exported_papers import PAGE, drawn
from flask.testing import FlaskClient
from waiting import until

from builders import found
from ml_backend import made_exports as making
from ml_backend.document.elements import Document
from ml_backend.document.samples import Sample
from ml_backend.exports.pictures import png
from ml_backend.images.pages import PageImage, content_of
from ml_backend.made_exports import made_exports
from ml_backend.services import Services, export_index, page_files
from ml_backend.store.records import AnnotationRecord, DocumentRecord
from training.corrections import corrections_of

UID, AT = "7.1795000000", "2026-01-02T03:04:05Z"
CONTENT = "a" * 64
P7 = "/api/v1/projects/7"


def confirm(services: Services) -> int:
    """A confirmed document, by its number."""
    row = DocumentRecord(0, UID, 3, AT, AT, {"image": "a"}, content=CONTENT, open=False)
    (number,) = services.store.documents.put_many(UID, [row]).values()
    record = AnnotationRecord(5, AT, AT, (found(text="CANARY"),), 7, 4.5, reviewed=True, shown=(found(),))
    services.store.ledger.put(number, record, corrections_of(record, 3, None))
    return number


def made(client: FlaskClient, **asked: object) -> dict[str, object]:
    """An export at its end."""
    begun = client.post(f"{P7}/exports", json=asked)
    assert begun.status_code == 202, begun.data
    name = begun.get_json()["id"]
    until(lambda: client.get(f"/api/v1/exports/{name}").get_json()["state"] != "running")
    found: dict[str, object] = client.get(f"/api/v1/exports/{name}").get_json()
    return found


def test_an_export_is_made_listed_downloaded_and_taken_away(client: FlaskClient, followed: Services) -> None:
    confirm(followed)
    done = made(client)
    assert (done["state"], done["documents"], done["asked_by"], done["counts"]) == (
        "done",
        1,
        "docloop",
        {"documents": 1},
    )
    answer = client.get(str(done["download"]))
    assert answer.content_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        assert sorted(packed.namelist()) == ["jsonl.jsonl", "jsonl.jsonl.manifest.json"]
        assert json.loads(packed.read("jsonl.jsonl"))["task_id"] == 3
    answer.close()
    listed = client.get(f"{P7}/exports").get_json()
    assert [one["id"] for one in listed["made"]] == [done["id"]]
    assert [one["format"] for one in listed["written"]] == ["jsonl"]
    assert client.delete(f"/api/v1/exports/{done['id']}").status_code == 204
    assert client.get(f"/api/v1/exports/{done['id']}").get_json()["code"] == "export_unknown"
    assert client.get("/api/v1/exports").get_json()["made"] == []


def test_an_export_that_fails_says_why_and_leaves_no_file(client: FlaskClient, followed: Services) -> None:
    done = made(client, format="coco")
    assert (done["state"], done["download"]) == ("failed", "")
    assert str(done["reason"]).startswith("No confirmed document passes the filters.")
    refused = client.get(f"/api/v1/exports/{done['id']}/file")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "export_not_done")
    folder = followed.settings.data_dir / "exports" / "made" / str(done["id"])
    assert [path.name for path in folder.iterdir()] == ["state.json"]


def test_bad_filters_and_unknown_formats_are_refused_at_once(client: FlaskClient, followed: Services) -> None:
    for filters in ({"since": "yesterday"}, {"fields": ["totl"]}, {"annotator": 99}):
        bad = client.post(f"{P7}/exports", json={"filters": filters})
        assert (bad.status_code, bad.get_json()["code"]) == (400, "filter_bad")
    none = client.post(f"{P7}/exports", json={"filters": {"limit": 0}})
    assert (none.status_code, none.get_json()["code"]) == (400, "request_bad")
    lines = client.get(f"{P7}/ground-truth/export?model_version=fields-99")
    assert (lines.status_code, "fields-99" in lines.get_json()["detail"]) == (400, True)
    unknown = client.post(f"{P7}/exports", json={"format": "xml"})
    assert (unknown.status_code, unknown.get_json()["code"]) == (422, "export_format_unknown")
    assert client.get("/api/v1/exports").get_json()["made"] == []


def canary(folder: Path) -> list[Path]:
    """The files of the exports that still say what was confirmed."""
    found = []
    for path in folder.rglob("*"):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as packed:
                found += [path for name in packed.namelist() if b"CANARY" in packed.read(name)]
        elif path.is_file() and b"CANARY" in path.read_bytes():
            found.append(path)
    return found


def test_an_export_goes_with_a_document_that_is_deleted(client: FlaskClient, followed: Services) -> None:
    number = confirm(followed)
    made(client)
    folder, index = followed.settings.data_dir / "exports", export_index(followed.settings)
    exports = made_exports(followed)
    assert len(canary(folder)) == 1
    assert exports.forget_tainted(index) == 0
    followed.store.documents.remove([number])
    index.forget_gone(followed.store.documents.numbers)
    assert exports.forget_tainted(index) == 1
    assert canary(folder) == []


def test_the_machine_that_made_an_export_takes_it_away_when_another_one_forgets(
    client: FlaskClient, followed: Services
) -> None:
    number = confirm(followed)
    made(client)
    followed.store.documents.remove([number])
    export_index(followed.settings).forget_gone(followed.store.documents.numbers)
    followed.forget_copies()
    assert canary(followed.settings.data_dir / "exports") == []


def test_what_a_killed_process_was_making_counts_as_failed_and_its_pieces_go(
    client: FlaskClient, followed: Services
) -> None:
    confirm(followed)
    done = made(client)
    folder = followed.settings.data_dir / "exports" / "made" / str(done["id"])
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps({**state, "state": "running"}))
    (folder / "files").mkdir()
    (folder / "files" / "half.jsonl").write_text("CANARY")
    said = client.get(f"/api/v1/exports/{done['id']}").get_json()
    assert (said["state"], said["reason"]) == ("failed", "docloop was stopped while it made this.")
    made_exports(followed).forget_tainted(export_index(followed.settings))
    assert [path.name for path in folder.iterdir()] == ["state.json"]


class SlowDisk:
    """A disk on which packing an export takes until ``go_on`` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at_it, self.go_on, self._pack = threading.Event(), threading.Event(), making.pack
        monkeypatch.setattr(making, "pack", self.pack)

    def pack(self, folder: Path, target: Path) -> None:
        self.at_it.set()
        assert self.go_on.wait(30)
        self._pack(folder, target)


@pytest.mark.slow
def test_an_export_that_takes_long_to_pack_is_running_and_keeps_its_pieces(
    client: FlaskClient, followed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing counts documents then; the worker must not take the export for that of a dead process."""
    disk = SlowDisk(monkeypatch)
    monkeypatch.setattr(making, "_SECONDS", 0.5)
    monkeypatch.setattr(making, "_RENEW", 0.05)
    confirm(followed)
    name = client.post(f"{P7}/exports", json={}).get_json()["id"]
    try:
        assert disk.at_it.wait(30)
        threading.Event().wait(0.7)  # longer than the lease
        assert client.get(f"/api/v1/exports/{name}").get_json()["state"] == "running"
        made_exports(followed).forget_tainted(export_index(followed.settings))
    finally:
        disk.go_on.set()
    until(lambda: client.get(f"/api/v1/exports/{name}").get_json()["state"] != "running")
    with client.get(f"/api/v1/exports/{name}/file") as answer:
        assert answer.status_code == 200


def test_an_export_does_not_outlive_a_document_that_is_deleted_while_it_is_packed(
    client: FlaskClient, followed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(monkeypatch)
    number = confirm(followed)
    name = client.post(f"{P7}/exports", json={}).get_json()["id"]
    try:
        assert disk.at_it.wait(30)
        index = export_index(followed.settings)
        followed.store.documents.remove([number])
        index.forget_gone(followed.store.documents.numbers)
        made_exports(followed).forget_tainted(index)
    finally:
        disk.go_on.set()
    until(lambda: client.get(f"/api/v1/exports/{name}").status_code == 404)
    assert canary(followed.settings.data_dir / "exports") == []
    assert [batch.deleted for batch in index.all()] == [1]


def confirm_with_pages(services: Services, *tasks: int) -> None:
    """Confirmed documents with a page each, which is kept."""
    for task in tasks:
        picture = drawn(PAGE)
        picture.putpixel((0, 0), (task, 0, 0))
        content = content_of([PageImage.of(picture).digest])
        page_files(services.settings).put(content, [png(picture)])
        row = DocumentRecord(0, UID, task, AT, AT, {"image": "a"}, content=content, open=False)
        (number,) = services.store.documents.put_many(UID, [row]).values()
        record = AnnotationRecord(task, AT, AT, (found(text="CANARY"),), 7, 4.5, reviewed=True, shown=(found(),))
        services.store.ledger.put(number, record, corrections_of(record, task, None))
        services.store.samples.put(number, Sample(content, Document((PAGE,)), (found(text="CANARY"),), 7, AT))


@pytest.mark.slow
@pytest.mark.parametrize("format", ["jsonl", "csv", "coco", "layoutlm"])
@pytest.mark.parametrize("tick", [0.01, 60.0], ids=["which is noticed", "which ends before anybody looks"])
def test_an_export_that_is_taken_away_while_it_is_made_does_not_come_back(
    client: FlaskClient, followed: Services, monkeypatch: pytest.MonkeyPatch, format: str, tick: float
) -> None:
    at_it, go_on, ended, step = threading.Event(), threading.Event(), threading.Event(), making._Steps.step
    release = type(followed.store.leases).release

    def waits(steps: making._Steps) -> None:
        step(steps)
        at_it.set()
        assert go_on.wait(30)

    def over(*asked: Any) -> None:
        release(*asked)
        ended.set()

    monkeypatch.setattr(making._Steps, "step", waits)
    monkeypatch.setattr(making, "_RENEW", tick)
    monkeypatch.setattr(type(followed.store.leases), "release", over)
    confirm_with_pages(followed, 11, 12, 13)
    begun = client.post(f"{P7}/exports", json={"format": format})
    assert begun.status_code == 202, begun.data
    name = begun.get_json()["id"]
    try:
        assert at_it.wait(30)
        assert client.delete(f"/api/v1/exports/{name}").status_code == 204
    finally:
        go_on.set()
    assert ended.wait(30)
    assert client.get(f"/api/v1/exports/{name}").status_code == 404
    assert list((followed.settings.data_dir / "exports" / "made").iterdir()) == []
    until(lambda: client.post(f"{P7}/exports", json={}).status_code == 202)


def test_what_a_writer_left_that_died_after_its_export_was_taken_away_goes_with_the_next_deletion(
    followed: Services,
) -> None:
    exports, folder = made_exports(followed), followed.settings.data_dir / "exports" / "made"
    gone, dead, alive = ".gone-20260101T000000Z-00000000", "20260101T000000Z-00000001", "20260101T000000Z-00000002"
    for name in (gone, dead, alive):
        (folder / name / "files").mkdir(parents=True)
    followed.store.leases.take(f"{making.LEASE}{alive}", alive, time.time(), 60)
    exports.forget_tainted(export_index(followed.settings))
    assert [path.name for path in folder.iterdir()] == [alive]
