"""The OCR cache with a bucket behind it: what one machine has read, others need not; and a bucket that is slow costs little."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import until

from ml_backend.counters import SHARED_CACHE
from ml_backend.document.elements import Page
from ml_backend.errors import StorageError
from ml_backend.ocr.cache import PageKey
from ml_backend.ocr.shared_cache import PAUSE, SharedPageCache
from ml_backend.storage import Bucket, open_bucket

KEY, OTHER = PageKey("0a1b", "rapidocr", "3.10"), PageKey("0a1c", "rapidocr", "3.10")
PAGE = Page(600, 900, (), "rapidocr", "")


@pytest.fixture
def bucket() -> Bucket:
    return open_bucket(f"memory://{uuid.uuid4().hex}")


@pytest.fixture
def machine(tmp_path: Path, bucket: Bucket) -> Iterator[Callable[..., SharedPageCache]]:
    made: list[SharedPageCache] = []

    def machine(name: str, **more: float) -> SharedPageCache:
        made.append(SharedPageCache(tmp_path / name, 10**6, bucket, **more))  # type: ignore[arg-type]
        return made[-1]

    yield machine
    for each in made:
        each.close()


def counted(answer: str) -> float:
    return SHARED_CACHE.labels(answer)._value.get()


def test_what_one_machine_has_read_others_need_not(
    machine: Callable[..., SharedPageCache], bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine("one").put(KEY, PAGE)
    until(lambda: bucket.exists(f"pages/{KEY.name}"))
    other = machine("two")
    assert (other.get(KEY), other.get(OTHER)) == (PAGE, None)
    monkeypatch.setattr(Bucket, "get", lambda *_: pytest.fail("the second question is answered by the folder"))
    assert other.get(KEY) == PAGE


def test_what_is_forgotten_is_forgotten_in_the_bucket_too(
    machine: Callable[..., SharedPageCache], bucket: Bucket
) -> None:
    one, two = machine("one"), machine("two")
    for key in (KEY, OTHER):
        one.put(key, PAGE)
        until(lambda key=key: bucket.exists(f"pages/{key.name}"))  # type: ignore[misc]
    assert two.get(KEY) == PAGE
    assert one.keep_only({"0a1c"}) == 2
    assert [each.key for each in bucket.list("pages")] == [f"pages/{OTHER.name}"]
    assert two.keep_only_here({"0a1c"}) == 1
    assert (one.get(KEY), two.get(KEY), two.get(OTHER)) == (None, None, PAGE)


def test_a_bucket_that_is_slow_is_left_alone_for_a_while_and_counted(
    machine: Callable[..., SharedPageCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, go_on, calls = [0.0], threading.Event(), []

    def slow(*_: object) -> None:
        calls.append(1)
        go_on.wait(10)

    monkeypatch.setattr(Bucket, "get", slow)
    cache = machine("one", patience=0.05, clock=lambda: now[0])
    before = counted("slow"), counted("skipped")
    began = time.monotonic()
    assert [cache.get(KEY) for _ in range(5)] == [None] * 5
    assert time.monotonic() - began < 0.5
    assert (len(calls), counted("slow") - before[0], counted("skipped") - before[1]) == (1, 1, 4)
    go_on.set()
    now[0] = PAUSE + 1
    assert cache.get(KEY) is None
    assert len(calls) == 2


def test_a_bucket_that_is_away_breaks_nothing(
    machine: Callable[..., SharedPageCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StorageError("storage_away", "The storage does not answer.")

    for name in ("get", "put"):
        monkeypatch.setattr(Bucket, name, away)
    cache, before = machine("one"), counted("not sent")
    cache.put(KEY, PAGE)
    assert cache.get(KEY) == PAGE
    assert cache.get(OTHER) is None
    until(lambda: counted("not sent") > before)


@pytest.mark.parametrize("harm", [b"", b"\xff", b"[]", b"{}", b"x" * 20_000_001])
def test_what_is_no_page_in_the_bucket_is_a_miss(
    machine: Callable[..., SharedPageCache], bucket: Bucket, harm: bytes
) -> None:
    bucket.put(f"pages/{KEY.name}", harm)
    assert machine("one").get(KEY) is None
