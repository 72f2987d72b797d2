"""The log says what happened, and never what a document says or what a secret is."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading

import pytest

from ml_backend import logs

_SCRIPT = """
import logging, sys, threading, warnings
from ml_backend import logs
from ml_backend.errors import StoreError
logs.configure("web", sys.argv[1], "debug", ["hush-hush", 'quo"ted-secret'])
log = logging.getLogger("ml_backend.anything")
log.debug("a debug line of hush-hush and %s", 'quo"ted-secret')
try:
    try:
        float("TOTAL 12,30")
    except ValueError:
        raise KeyError("TOTAL 12,30")
except KeyError:
    log.exception("task 7 failed")
log.error("away", exc_info=StoreError("store_away", "The store is away."))
logging.getLogger("httpx").error("GET /data/upload/TOTAL 12,30.png")
logging.getLogger("PIL.PngImagePlugin").debug("TOTAL 12,30")
def end():
    raise RuntimeError("TOTAL 12,30")
class Broken:
    def __del__(self):
        raise RuntimeError("TOTAL 12,30")
Broken()
thread = threading.Thread(target=end, name="reader")
thread.start()
thread.join()
raise RuntimeError("TOTAL 12,30")
"""


def _logged(format: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, format], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("format", ["text", "json"])
def test_no_form_of_the_log_quotes_documents_or_secrets(format: str) -> None:
    logged = _logged(format)
    for canary in ("12,30", "hush-hush", "ted-secret", "upload"):
        assert canary not in logged
    for said in (
        "a debug line of ***",
        "task 7 failed",
        "KeyError",
        "ValueError",
        "The store is away.",
        "reader ended",
        "the cleaning up of an object ended",
    ):
        assert said in logged


def test_a_line_of_json_has_time_level_logger_and_process() -> None:
    lines = [json.loads(line) for line in _logged("json").splitlines()]
    first = lines[0]
    assert first["message"] == "a debug line of *** and ***"
    assert (first["level"], first["logger"], first["role"]) == ("DEBUG", "ml_backend.anything", "web")
    assert first["timestamp"].endswith("+00:00")
    assert isinstance(first["process"], int)


_FORGED = """
import logging, sys
from ml_backend import logs
from ml_backend.errors import StoreError
logs.configure("web", sys.argv[1])
log = logging.getLogger("ml_backend.anything")
name = "a\\n\\r\\x1b[2J\\x85\\u2028\\u20292026-07-31 10:00:00,000 CRITICAL ml_backend.web.auth: forged"
log.warning("the label %s", name)
log.warning("away", exc_info=StoreError("store_away", name))
"""


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_name_with_line_ends_in_it_makes_no_second_line_of_the_log(format: str) -> None:
    done = subprocess.run([sys.executable, "-c", _FORGED, format], capture_output=True, timeout=60, check=True)
    lines = done.stderr.decode().splitlines()
    assert not [line for line in lines if line.startswith("2026-07-31") or "\x1b" in line]
    assert "forged" in lines[0]
    assert len(lines) == (3 if format == "text" else 2)  # a line, and one with what was thrown


def test_a_traceback_stays_many_lines_in_a_log_of_text() -> None:
    lines = _logged("text").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.endswith("task 7 failed"))
    assert lines[begin + 1].startswith('  File "<string>", line ')
    assert "ValueError, which became:" in lines[begin : begin + 6]


def test_a_child_is_told_the_form_and_handlers_of_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    logs.configure("web", "json", "error")
    logs.configure("web", "text", "debug")
    assert set(before) < set(root.handlers)
    assert len(root.handlers) == len(before) + 1
    assert logs.inherited() == {"format": "text", "level": "debug"}
