"""Figures and times in words, for the templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

FILTERS = ("percent", "f1", "points", "size", "duration", "iso", "moment", "counted", "seconds")
_UNITS = ("bytes", "KB", "MB", "GB", "TB")


def percent(value: float | None) -> str:
    """``87 %`` of 0.87; a dash of nothing."""
    return "–" if value is None else f"{value * 100:.0f} %"


def f1(value: float | None) -> str:
    """``.871`` of 0.871; a dash of nothing."""
    if value is None:
        return "–"
    return f"{value:.3f}".removeprefix("0")


def points(value: float) -> str:
    """``+2.1`` of 0.021: a difference of two rates, in points."""
    return f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")


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


def version_parts(name: Any) -> tuple[str, str]:
    """``fields-3.4bf1`` as the model's name and what comes after it."""
    model, _, rest = str(name).partition(".")
    return model, rest
