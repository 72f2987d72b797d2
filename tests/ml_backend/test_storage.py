"""Objects below a URL: whole or not there, below their prefix, never more than was asked for."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from contracts.bucket_contract import BucketContract
from ml_backend.errors import SetupError, StorageError
from ml_backend.settings import load_settings
from ml_backend.storage import Bucket, open_bucket


class TestInMemory(BucketContract):
    @pytest.fixture
    def bucket(self) -> Bucket:
        return open_bucket(f"memory://{uuid.uuid4().hex}/some/prefix")


class TestInASharedFolder(BucketContract):
    @pytest.fixture
    def bucket(self, tmp_path: Path) -> Bucket:
        return open_bucket(f"file://{tmp_path}/shared")


def test_an_object_in_a_folder_is_written_aside_and_what_killed_writers_left_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = open_bucket(f"file://{tmp_path}/shared")
    bucket.put("a/b", b"before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError):
            bucket.put("a/b", b"after")
    assert bucket.get("a/b", 10) == b"before"
    left = tmp_path / "shared" / ".parts" / "left"
    left.write_bytes(b"half")
    assert [each.key for each in bucket.list("a")] == ["a/b"]
    bucket.tidy(left.stat().st_mtime + 1)
    assert not left.exists()


def test_a_link_in_a_shared_folder_is_no_way_out(tmp_path: Path) -> None:
    """Who may write there may plant anything; sizes and hashes are what readers go by."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "secret").write_bytes(b"secret" * 100)
    (tmp_path / "shared" / "a").symlink_to(tmp_path / "secret")
    with pytest.raises(StorageError, match="more than 10 bytes"):
        open_bucket(f"file://{tmp_path}/shared").get("a", 10)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("bucket/prefix", "not a URL"),
        ("s3://", "not a URL"),
        ("s3://key:secret-word@bucket/x", "holds credentials"),
        ("s3://bucket:9000/x", "holds credentials or a port"),
        ("s3://bucket/../x", ".. in it"),
        ("s3://bucket/x?endpoint=http://evil", "a query"),
        ("file://shared/folder", "file:///shared/folder"),
        ("file:///", "not a URL"),
        (
            "ftp://user:secret-word@x/y",
            "no storage of the kind ftp://; known are s3://bucket/prefix and file:///shared/folder",
        ),
        ("nothing-like-that://bucket", "no storage of the kind"),
    ],
)
def test_a_url_that_cannot_be_is_refused_without_quoting_it(url: str, why: str) -> None:
    with pytest.raises(SetupError, match=why) as caught:
        load_settings({"DOCLOOP_STORAGE_URL": url})
    assert "secret-word" not in str(caught.value)
