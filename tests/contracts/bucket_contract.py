"""What every storage does, in memory, in a shared folder, on S3. ``bucket`` is an empty one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_backend.errors import StorageError
from ml_backend.storage import Bucket


class BucketContract:
    def test_bytes_come_back_as_they_were(self, bucket: Bucket) -> None:
        assert (bucket.get("a/b.json", 10), bucket.exists("a/b.json")) == (None, False)
        bucket.put("a/b.json", b"hello")
        bucket.put("a/empty", b"")
        assert (bucket.get("a/b.json", 5), bucket.get("a/empty", 5)) == (b"hello", b"")
        assert bucket.exists("a/b.json")

    def test_files_come_back_as_they_were(self, bucket: Bucket, tmp_path: Path) -> None:
        for name, data in (("large", bytes(range(256)) * 70_000), ("empty", b"")):
            (tmp_path / name).write_bytes(data)
            bucket.put_file(tmp_path / name, f"files/{name}")
            assert bucket.get_file(f"files/{name}", tmp_path / f"{name}-back", 20_000_000) == len(data)
            assert (tmp_path / f"{name}-back").read_bytes() == data
        assert bucket.get_file("files/none", tmp_path / "none", 10) is None
        assert not (tmp_path / "none").exists()

    def test_what_is_larger_than_was_asked_for_is_not_read(self, bucket: Bucket, tmp_path: Path) -> None:
        bucket.put("a", b"x" * 11)
        with pytest.raises(StorageError, match="more than 10 bytes"):
            bucket.get("a", 10)
        with pytest.raises(StorageError, match="more than 10 bytes"):
            bucket.get_file("a", tmp_path / "a", 10)
        assert not (tmp_path / "a").exists()

    def test_a_listing_names_what_is_below_with_a_mark_that_changes(self, bucket: Bucket) -> None:
        assert bucket.list("a") == []
        for key in ("a/1", "a/b/2", "ab/3", "c"):
            bucket.put(key, b"1")
        before = bucket.list("a")
        assert [(each.key, each.size) for each in before] == [("a/1", 1), ("a/b/2", 1)]
        bucket.put("a/1", b"2")
        after = bucket.list("a")
        assert [one.mark == other.mark for one, other in zip(before, after, strict=True)] == [False, True]

    def test_what_is_deleted_is_gone_and_may_have_been_before(self, bucket: Bucket) -> None:
        for key in ("a/1", "a/2"):
            bucket.put(key, b"1")
        bucket.delete(["a/1", "a/none"])
        assert [each.key for each in bucket.list("a")] == ["a/2"]
        assert bucket.get("a/1", 1) is None

    def test_a_part_of_a_bucket_sees_nothing_else(self, bucket: Bucket) -> None:
        part = bucket.below("a").below("b")
        part.put("c", b"1")
        bucket.put("outside", b"2")
        assert [each.key for each in bucket.list("a")] == ["a/b/c"]
        assert part.get("outside", 9) is None
        part.put("d/e", b"1")
        assert [each.key for each in part.list("d")] == ["d/e"]

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "/a",
            "a/",
            "a//b",
            "..",
            "a/../b",
            "../a",
            "a\\b",
            ".hidden",
            "a/.parts/b",
            "a\0b",
            "a\nb",
            "a b",
            "ä",
            "a" * 300,
            "*",
        ],
    )
    def test_a_key_cannot_lead_out_of_the_prefix(self, bucket: Bucket, key: str, tmp_path: Path) -> None:
        calls = (
            lambda: bucket.get(key, 1),
            lambda: bucket.put(key, b""),
            lambda: bucket.list(key),
            lambda: bucket.delete([key]),
            lambda: bucket.exists(key),
            lambda: bucket.below(key),
            lambda: bucket.get_file(key, tmp_path / "x", 1),
            lambda: bucket.put_file(tmp_path, key),
        )
        for call in calls:
            with pytest.raises(ValueError, match="not the key of an object"):
                call()

    def test_the_check_leaves_nothing(self, bucket: Bucket) -> None:
        bucket.put("a", b"1")
        bucket.check()
        assert bucket.get("a", 1) == b"1"
