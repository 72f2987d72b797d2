"""The index of exports with a bucket behind it: each machine lists what any has exported."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from waiting import until

from ml_backend.errors import StorageError
from ml_backend.exports.index import Batch, bits_of
from ml_backend.exports.shared_index import SharedExportIndex
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import build_services, export_index
from ml_backend.settings import Settings
from ml_backend.storage import Bucket, open_bucket
from ml_backend.web.app import create_app

BATCH = Batch("20260101-a", "jsonl", "2026-01-01", "7.1", "/x.jsonl", {"documents": 1}, bits_of([3]))


@pytest.fixture
def bucket() -> Bucket:
    return open_bucket(f"memory://{uuid.uuid4().hex}")


def test_every_machine_lists_all_exports_and_knows_the_tainted_ones(tmp_path: Path, bucket: Bucket) -> None:
    one, two = SharedExportIndex(tmp_path / "one", bucket), SharedExportIndex(tmp_path / "two", bucket)
    one.add(BATCH)
    assert two.all() == [BATCH]
    assert two.forget_gone(lambda uid: set()) == 1
    assert [each.deleted for each in one.all()] == [1]


def test_while_the_bucket_is_away_the_machine_lists_its_own_and_sends_them_later(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StorageError("storage_away", "The storage does not answer.")

    one, two = SharedExportIndex(tmp_path / "one", bucket), SharedExportIndex(tmp_path / "two", bucket)
    with monkeypatch.context() as patch:
        for name in ("put_file", "list"):
            patch.setattr(Bucket, name, away)
        one.add(BATCH)
        assert one.all() == [BATCH]
    assert two.all() == []
    assert one.all() == two.all() == [BATCH]


def test_what_is_no_entry_is_left_out(tmp_path: Path, bucket: Bucket) -> None:
    bucket.put("index/evil.json", b"[]")
    bucket.put("index/evil.txt", b"evil")
    assert SharedExportIndex(tmp_path, bucket).all() == []
    assert not list(tmp_path.rglob("*.txt"))


def test_what_was_brought_is_asked_for_again_when_it_was_replaced(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, get = list[str](), Bucket.get

    def counted(self: Bucket, key: str, limit: int) -> bytes | None:
        asked.append(key)
        return get(self, key, limit)

    one, two = SharedExportIndex(tmp_path / "one", bucket), SharedExportIndex(tmp_path / "two", bucket)
    one.add(BATCH)
    monkeypatch.setattr(Bucket, "get", counted)
    for _ in range(3):
        two.exchange()
    assert asked == [f"index/{BATCH.id}.json"]
    one.add(replace(BATCH, deleted=2))
    assert [each.deleted for each in two.all()] == [2]


def test_the_lists_of_the_web_ask_no_bucket_and_have_soon_what_others_exported(
    settings: Settings, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A bucket that is slow or away would hold a thread of the server for each who looks."""
    shared = settings.model_copy(update={"storage_url": f"file://{tmp_path}/shared"})
    export_index(shared.model_copy(update={"data_dir": tmp_path / "another machine"})).add(BATCH)
    services = build_services(shared, engine=engine)
    client = create_app(services).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer test-token"

    def listed() -> list[str]:
        assert client.get("/admin/exports").status_code == 200
        return [one["id"] for one in client.get("/api/v1/exports").get_json()["written"]]

    try:
        with monkeypatch.context() as patch:
            for name in ("list", "get", "put", "put_file", "exists"):
                patch.setattr(Bucket, name, lambda *_: pytest.fail("a request asked the bucket"))
            assert listed() == []
        services.follow()
        until(lambda: listed() == [BATCH.id])
    finally:
        services.close()
