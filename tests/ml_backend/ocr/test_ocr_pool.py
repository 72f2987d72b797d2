import logging
import os
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from ml_backend.document.elements import Page, Word
from ml_backend.document.geometry import Quad
from ml_backend.errors import EngineFailed
from ml_backend.ocr.cache import PageCache
from ml_backend.ocr.fake import FakeEngine
from ml_backend.ocr.pool import OCRPool

IMAGE = Image.new("RGB", (60, 90))
WORD = Word("12.50", Quad.clipped([(0, 0), (1, 0), (1, 1), (0, 1)]), 0.9)
PAGE = Page(60, 90, (WORD,), "fake")
PATIENCE = 10  # seconds, for what should happen at once


class Gate:
    """An answer that waits until it is opened, and counts who is waiting."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, image: Image.Image) -> Iterable[Word]:
        self.entered.release()
        assert self.opened.wait(PATIENCE)
        return [WORD]


def test_a_page_is_read_once_and_then_comes_from_the_cache(tmp_path: Path) -> None:
    engine = FakeEngine([WORD])
    with OCRPool(engine, 2, PageCache(tmp_path, 10**6)) as pool:
        assert [pool.read(IMAGE, "a"), pool.read(IMAGE, "a")] == [PAGE, PAGE]
        assert engine.calls == 1
        pool.read(IMAGE, "b")
        pool.read(IMAGE, "a", page=1)
        assert engine.calls == 3


def test_other_settings_of_the_engine_read_the_page_again(tmp_path: Path) -> None:
    for settings in ("text model 1", "text model 2"):
        engine = FakeEngine([WORD])
        engine.settings = settings
        with OCRPool(engine, 1, PageCache(tmp_path, 10**6)) as pool:
            pool.read(IMAGE, "a")
        assert engine.calls == 1


def test_several_threads_that_ask_for_one_page_at_once_share_one_reading(tmp_path: Path) -> None:
    gate = Gate()
    engine = FakeEngine(answer=gate)
    cache = PageCache(tmp_path, 10**6)  # for a caller that comes after the end
    with OCRPool(engine, 4, cache) as pool, ThreadPoolExecutor(4) as callers:
        asked = [callers.submit(pool.read, IMAGE, "a") for _ in range(4)]
        assert gate.entered.acquire(timeout=PATIENCE)
        gate.opened.set()
        assert [future.result() for future in asked] == [PAGE] * 4
    assert engine.calls == 1


def test_no_more_pages_are_read_at_a_time_than_allowed() -> None:
    gate = Gate()
    with OCRPool(FakeEngine(answer=gate), 2) as pool, ThreadPoolExecutor(5) as callers:
        asked = [callers.submit(pool.read, IMAGE, str(n)) for n in range(5)]
        assert gate.entered.acquire(timeout=PATIENCE)
        assert gate.entered.acquire(timeout=PATIENCE)
        assert not gate.entered.acquire(timeout=0.05)
        gate.opened.set()
        assert [future.result() for future in asked] == [PAGE] * 5


def test_a_failed_page_fails_for_the_caller_and_is_tried_again_the_next_time(tmp_path: Path) -> None:
    engine = FakeEngine([WORD], fails=True)
    with OCRPool(engine, 1, PageCache(tmp_path, 10**6)) as pool:
        for _ in range(2):
            with pytest.raises(EngineFailed):
                pool.read(IMAGE, "a")
    assert engine.calls == 2


def test_a_cache_that_cannot_be_written_costs_a_warning_and_not_the_page(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with OCRPool(FakeEngine([WORD]), 1, PageCache(tmp_path / "file", 10**6)) as pool, caplog.at_level(logging.WARNING):
        assert pool.read(IMAGE, "a") == PAGE
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_closed_pool_finishes_what_it_reads_and_refuses_the_rest() -> None:
    gate = Gate()
    pool = OCRPool(FakeEngine(answer=gate), 1)
    with ThreadPoolExecutor(3) as callers:
        running = callers.submit(pool.read, IMAGE, "a")
        assert gate.entered.acquire(timeout=PATIENCE)
        waiting = callers.submit(pool.read, IMAGE, "b")
        while len(pool._running) < 2:
            threading.Event().wait(0.001)
        closing = callers.submit(pool.close)
        with pytest.raises(EngineFailed, match="was closed before"):
            waiting.result(PATIENCE)
        gate.opened.set()
        assert running.result(PATIENCE) == PAGE
        closing.result(PATIENCE)
    with pytest.raises(EngineFailed, match="is closed"):
        pool.read(IMAGE, "c")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_pages_are_read_at_a_lower_priority_than_the_thread_that_asks() -> None:
    seen: list[int] = []

    def answer(image: Image.Image) -> list[Word]:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return []

    with OCRPool(FakeEngine(answer=answer), 1) as pool:
        pool.read(IMAGE, "a")
    assert seen[0] > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
