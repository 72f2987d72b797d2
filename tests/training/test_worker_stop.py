"""A worker that is told to stop ends in time, whatever it still waits for."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from training import worker


def test_what_still_runs_is_cut_off_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, go_on, stop = threading.Event(), threading.Event(), threading.Event()
    batches = SimpleNamespace(close=lambda: go_on.wait(60))  # a page that hangs
    monkeypatch.setattr(worker, "_STOP_WITHIN", 0.05)
    monkeypatch.setattr(worker.os, "_exit", lambda status: ended.set())
    stop.set()
    threading.Thread(target=worker._stop_predicting, args=(SimpleNamespace(batches=batches), stop)).start()
    began = time.monotonic()
    assert ended.wait(10)
    assert time.monotonic() - began < 10
    go_on.set()
