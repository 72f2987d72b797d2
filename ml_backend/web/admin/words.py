"""Figures and times in words, for the templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

FILTERS = ("percent", "f1", "size", "duration", "iso", "moment", "counted", "seconds", "stage")
_STAGES = {  # what trainers say of themselves (training/trainers)
    "bring": "fetching models and pages from the storage",
    "prepare": "preparing the documents",
    "fit": "learning",
    "folds": "being judged on what it has not seen",
    "choose": "choosing the best settings",
    "remember": "remembering layouts",
    "answer": "answering the documents",
    "combine": "weighing its models",
    "base model": "loading the base model",
    "train": "training the layout model",
    "export": "exporting the layout model",
    "int8": "making it small and fast",
    "compare": "comparing it with what was trained",
}
_UNITS = ("bytes", "KB", "MB", "GB", "TB")


def percent(value: float | None) -> str:
    """``87 %`` of 0.87; a dash of nothing."""
    return "–" if value is None else f"{value * 100:.0f} %"


def f1(value: Any) -> str:
    """``.871`` of 0.871; a dash of nothing, and of what a manifest may hold that is no number."""
    if not isinstance(value, int | float):
        return "–"
    return f"{value:.3f}".removeprefix("0")


def size(value: float | None) -> str:
    """Bytes as people say them."""
    if value is None:
        return "–"
    for unit in _UNITS[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {_UNITS[-1]}"


def duration(value: float | None) -> str:
    """How long something takes: ``40 s``, ``4 min``, ``2 h``."""
    if value is None:
        return ""
    if value < 90:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.1f} h"


def seconds(value: float | None) -> str:
    """A median of seconds; a dash of nothing."""
    return "–" if value is None else f"{value:.1f} s"


def iso(value: float | str | None) -> str:
    """A time for ``<time datetime>``: of seconds since 1970, or as it is."""
    if isinstance(value, str):
        return value
    return "" if value is None else datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(value: float | str | None) -> str:
    """A time for people who have no script running, in UTC."""
    text = iso(value)
    return f"{text[:16].replace('T', ' ')} UTC" if text else ""


def counted(number: int, noun: str, several: str = "") -> str:
    """``1 document``, ``1,204 documents``."""
    return f"{number:,} {noun if number == 1 else several or noun + 's'}"


def stage(word: str) -> str:
    """What a training is at, for people; a word that is not known stays as it is."""
    return _STAGES.get(word, word)
