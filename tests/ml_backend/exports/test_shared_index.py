"""The index of exports with a bucket behind it: each machine lists what any has exported."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from ml_backend.errors import StorageError
from ml_backend.exports.index import Batch, bits_of
from ml_backend.exports.shared_index import SharedExportIndex
from ml_backend.storage import Bucket, open_bucket

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
