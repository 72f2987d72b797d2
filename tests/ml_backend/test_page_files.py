"""Page files: whole or not there, and pictures only of what was confirmed."""

from __future__ import annotations

import os
import uuid
import weakref
from collections.abc import Generator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from ml_backend.errors import ImageRejected, StorageError
from ml_backend.images.pages import PageImage, content_of
from ml_backend.page_files import PageFiles
from ml_backend.storage import Bucket, open_bucket


def png(shade: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (8, 6), (shade, shade, shade)).save(file, "PNG")
    return file.getvalue()


def load(data: bytes) -> Generator[PageImage, None, None]:
    if not data.startswith(b"\x89PNG"):
        raise ImageRejected("image_kind_unknown", "no picture")
    yield PageImage.of(Image.open(BytesIO(data)).convert("RGB"))


FILES = (png(10), png(20))
CONTENT = content_of([next(load(data)).digest for data in FILES])


def test_files_come_back_in_their_order_and_are_pictures(tmp_path: Path) -> None:
    kept = PageFiles(tmp_path)
    kept.put(CONTENT, FILES)
    kept.put(CONTENT, [b"what came later changes nothing"])
    assert kept.get(CONTENT) == FILES
    assert [page.image.getpixel((0, 0)) for page in kept.pictures(CONTENT, load)] == [(10,) * 3, (20,) * 3]
    assert kept.contents() == {CONTENT}


@pytest.mark.parametrize("harm", ["gone", "another", "torn"])
def test_pictures_of_something_else_are_none_at_all(tmp_path: Path, harm: str) -> None:
    kept = PageFiles(tmp_path)
    kept.put(CONTENT, FILES)
    second = tmp_path / CONTENT[:2] / CONTENT / "1"
    second.unlink() if harm == "gone" else second.write_bytes(png(30) if harm == "another" else b"GIF")
    assert list(kept.pictures(CONTENT, load)) == []


def test_a_long_document_needs_the_memory_of_some_pages_alone(tmp_path: Path) -> None:
    files = [png(shade) for shade in range(20)]
    content = content_of([next(load(data)).digest for data in files])
    kept, alive = PageFiles(tmp_path), list[weakref.ref[Image.Image]]()
    kept.put(content, files)

    def watched(data: bytes) -> Generator[PageImage, None, None]:
        for page in load(data):
            alive.append(weakref.ref(page.image))
            yield page

    seen, most = list[object](), 0
    for page in kept.pictures(content, watched):
        seen.append(page.image.getpixel((0, 0)))
        most = max(most, sum(one() is not None for one in alive))
    assert (seen, most) == ([(shade,) * 3 for shade in range(20)], 1)


def test_what_is_removed_is_gone(tmp_path: Path) -> None:
    kept = PageFiles(tmp_path)
    kept.put(CONTENT, FILES)
    kept.remove(CONTENT)
    kept.remove(CONTENT)
    assert (kept.get(CONTENT), kept.contents()) == ((), set())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_disk_that_refuses_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == "1":
            raise OSError(28, "No space left on device")
        return writes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        PageFiles(tmp_path).put(CONTENT, FILES)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_killed_writer_left_is_tidied_away_when_nobody_can_be_at_it_any_more(tmp_path: Path) -> None:
    kept = PageFiles(tmp_path)
    kept.put(CONTENT, FILES)
    left = tmp_path / CONTENT[:2] / ".part-x"
    left.mkdir()
    (left / "0").write_bytes(FILES[0])
    kept.tidy(left.stat().st_mtime - 1)
    assert left.exists()
    kept.tidy(left.stat().st_mtime + 1)
    assert not left.exists()
    assert kept.get(CONTENT) == FILES


@pytest.fixture
def bucket() -> Bucket:
    return open_bucket(f"memory://{uuid.uuid4().hex}")


def refuse(*_: object) -> None:
    raise StorageError("storage_away", "The storage does not answer.")


def test_with_a_bucket_another_machine_has_the_files_too_and_keeps_a_copy(tmp_path: Path, bucket: Bucket) -> None:
    PageFiles(tmp_path / "one", bucket).put(CONTENT, FILES)
    other = PageFiles(tmp_path / "two", bucket)
    assert (other.contents(), other.copies()) == ({CONTENT}, set())
    assert len(tuple(other.pictures(CONTENT, load))) == 2
    assert other.copies() == {CONTENT}
    other.remove(CONTENT)
    assert (other.contents(), other.copies(), bucket.list("files")) == (set(), set(), [])


def test_what_a_killed_writer_left_in_a_bucket_is_no_document_but_a_trace_that_can_be_removed(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, put = PageFiles(tmp_path, bucket), Bucket.put
    monkeypatch.setattr(Bucket, "put", lambda self, key, data: refuse() if key.endswith("/0") else put(self, key, data))
    with pytest.raises(StorageError):
        kept.put(CONTENT, FILES)
    monkeypatch.undo()
    kept.drop_copy(CONTENT)
    assert (kept.contents(), kept.get(CONTENT), kept.traces()) == (set(), (), {CONTENT})
    kept.put(CONTENT, FILES)
    assert kept.contents() == {CONTENT}
    kept.remove(CONTENT)
    assert kept.traces() == set()


def test_while_the_bucket_is_away_copies_are_shown_and_new_files_are_kept_here(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = PageFiles(tmp_path, bucket)
    for name in ("get", "put", "list", "exists"):
        monkeypatch.setattr(Bucket, name, refuse)
    assert kept.get(CONTENT) == ()
    with pytest.raises(StorageError):
        kept.put(CONTENT, FILES)
    assert kept.get(CONTENT) == FILES
    monkeypatch.undo()
    assert kept.contents() == set()
    kept.put(CONTENT, FILES)
    assert kept.contents() == {CONTENT}


@pytest.mark.parametrize("harm", [png(30), b"GIF", b""])
def test_pictures_of_something_else_in_the_bucket_are_none(tmp_path: Path, bucket: Bucket, harm: bytes) -> None:
    PageFiles(tmp_path / "one", bucket).put(CONTENT, FILES)
    bucket.put(f"files/{CONTENT[:2]}/{CONTENT}/1", harm)
    assert tuple(PageFiles(tmp_path / "two", bucket).pictures(CONTENT, load)) == ()


def test_copies_that_nobody_used_for_a_week_leave_the_machine_where_the_bucket_has_them(
    tmp_path: Path, bucket: Bucket
) -> None:
    kept, other = PageFiles(tmp_path, bucket), "f" * 64
    kept.put(CONTENT, FILES)
    kept._copy(other, FILES)  # as it is while the bucket is away
    for content in (CONTENT, other):
        os.utime(tmp_path / content[:2] / content, (1000, 1000))
    kept.tidy(0)
    assert kept.copies() == {other}
    assert kept.get(CONTENT) == FILES


@pytest.mark.parametrize("name", ["../../etc", "a" * 63, "A" * 64, ""])
def test_only_contents_name_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not the content"):
        PageFiles(tmp_path).get(name)
