"""What docloop's processes write to their logs: a line an event, as text or JSON, without secrets and without what documents say.

Our own code logs codes, numbers and sentences of ours. That leaves four ways for other words to get in, each closed here: an
exception that is not ours (its words may quote what it broke on: type and places are written, the words are not), other packages
(httpx logs URLs, Pillow what is in a picture: a few are let through), what ends a thread, the process or the cleaning up of an
object (as exceptions), and our secrets, wherever they turn up (they are replaced).
"""

from __future__ import annotations

import copy
import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Collection
from types import TracebackType
from typing import Any, Literal

from ml_backend.errors import DocloopError

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_OURS = ("ml_backend", "active_learning", "training", "docloop")
_LET_THROUGH = ("gunicorn.error",)  # other packages whose warnings are about the server and quote no request
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HIDDEN = "***"
_SHORTEST = 6  # characters of a secret that is looked for: a shorter one would blot out words

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def configure(role: str, format: Format = "text", level: Level = "info", secrets: Collection[str] = ()) -> None:
    """Write the log to standard error in this form from now on, also what ends a thread, the process or a clean-up.

    ``role`` says in JSON which of docloop's processes this is; ``secrets`` are never written, whoever logs them. May be called
    again.
    """
    handler = _Handler(role, format, level, secrets)
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old, _Handler) or type(old) is logging.StreamHandler:
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())
    sys.excepthook = lambda kind, error, place: _ended("the process", error)
    threading.excepthook = lambda ended: _ended(
        f"the thread {ended.thread.name if ended.thread else ''}", ended.exc_value
    )
    sys.unraisablehook = lambda ended: _ended("the cleaning up of an object", ended.exc_value)


def inherited() -> dict[str, str]:
    """The form and level of this process's log, for ``configure`` in a child that has none of our settings."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Handler):
            return {"format": handler.format_name, "level": handler.level_name}
    return {}


def _where(error: BaseException) -> str:
    """The traceback of an error and of those that it came from, by their types only: words may quote a document."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    earlier = f"{_where(cause)}{type(cause).__name__}, which became:\n" if cause else ""
    return earlier + "".join(traceback.format_tb(error.__traceback__))


class _Handler(logging.StreamHandler[Any]):
    def __init__(self, role: str, format: Format, level: Level, secrets: Collection[str]) -> None:
        super().__init__()
        self.format_name, self.level_name = format, level
        written = {
            form for secret in secrets if len(secret) >= _SHORTEST for form in (secret, json.dumps(secret)[1:-1])
        }
        # The longest first: one that is part of another must not leave the rest of it behind.
        self._secrets = sorted(written, key=len, reverse=True)
        self.setFormatter(_json(role) if format == "json" else _text())
        self.addFilter(_is_let_through)

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(_without_quotes(record))
        for secret in self._secrets:
            line = line.replace(secret, _HIDDEN)
        return line


def _without_quotes(record: logging.LogRecord) -> logging.LogRecord:
    """The record, in which our errors say nothing that another program has said."""
    given = record.args
    if not isinstance(given, tuple) or not any(isinstance(each, DocloopError) and each.quoted for each in given):
        return record
    changed = copy.copy(record)
    changed.args = tuple(each.for_log if isinstance(each, DocloopError) else each for each in given)
    return changed


def _is_let_through(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in _OURS or record.name in _LET_THROUGH


def _exception(info: ExceptionInfo) -> str:
    error = info[1]
    if error is None:
        return ""
    said = f": {_one_line(error.for_log)}" if isinstance(error, DocloopError) else ""
    return f"{_where(error)}{type(error).__name__}{said}"


def _one_line(text: str) -> str:
    """A text in which signs that end a line or steer a terminal are written out: a name with them in it would forge an event."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _text() -> logging.Formatter:
    class Text(logging.Formatter):
        def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
            return _one_line(super().formatMessage(record))

        def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802 - logging's name
            return _exception(ei)

    return Text(_TEXT)


def _json(role: str) -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    class Json(JsonFormatter):
        def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802 - logging's name
            return _exception(ei)

    names = {"levelname": "level", "name": "logger", "threadName": "thread", "exc_info": "exception"}
    fields = "%(levelname)s %(name)s %(message)s %(process)s %(threadName)s"
    return Json(fields, rename_fields=names, static_fields={"role": role}, timestamp=True)


def _ended(what: str, error: BaseException | None) -> None:
    if error is None or isinstance(error, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("docloop").critical("%s ended", what, exc_info=(type(error), error, error.__traceback__))
