"""Statistics as a picture: what annotators left untouched by version and by field, and why they corrected the rest."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_backend.errors import SetupError

SUFFIXES = (".png", ".svg")
_BARS = 15
_LONGEST = 24  # characters of a name at a bar
_GREEN, _BLUE, _GREY = "#2f6f4f", "#1f4e9c", "#999999"


def check(path: Path) -> None:
    """Raise SetupError if nothing can be drawn there: another kind of file, or matplotlib is not installed."""
    if path.suffix.lower() not in SUFFIXES:
        raise SetupError("plot_kind", f"A plot is a {' or '.join(SUFFIXES)} file, but it was: {path.name[:60]!r}.")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise SetupError(
            "matplotlib_missing", "Drawing needs matplotlib.", "Install it: pip install 'docloop[demo]'"
        ) from None


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Draw ``docloop stats`` into ``path``, in place of a file that is there."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), dpi=110, layout="constrained")
    by_version, by_field, causes, times = figure.subplots(2, 2).ravel()
    versions = [row for row in found["by_version"] if row["rate"] is not None]
    _line(by_version, versions, "rate", "Fields left untouched, by version")
    by_version.set_ylim(0, 1.05)
    fields = [row for row in found["by_field"] if row["rate"] is not None][:_BARS]
    _bars(by_field, [(row["field"], row["rate"]) for row in fields], "Fields left untouched, by field")
    by_field.set_xlim(0, 1.05)
    shares = [(row["cause"] or "not known", row["count"]) for row in found["causes"]]
    _bars(causes, shares, "Corrections, by cause")
    timed = [row for row in found["by_version"] if row["median_seconds"] is not None]
    _line(times, timed, "median_seconds", "Seconds a document (median), by version")
    times.set_ylim(bottom=0)
    figure.suptitle(f"Project {found['project']}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a label in a script that the font lacks: a box is drawn
        figure.savefig(path, format=path.suffix.lower()[1:])


def _line(axes: Any, rows: list[Mapping[str, Any]], name: str, title: str) -> None:
    """One dot a version, in the order in which annotators met them."""
    axes.set_title(title)
    axes.plot(range(len(rows)), [row[name] for row in rows], "o-", color=_BLUE)
    axes.set_xticks(range(len(rows)), [_plain(row["version"]) for row in rows], rotation=30, ha="right")
    axes.grid(alpha=0.3)
    _or_nothing(axes, rows)


def _bars(axes: Any, rows: list[tuple[str, float]], title: str) -> None:
    """One bar a name, the first at the top."""
    axes.set_title(title)
    axes.barh(range(len(rows)), [value for _, value in rows], color=_GREEN)
    axes.set_yticks(range(len(rows)), [_plain(name) for name, _ in rows])
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")
    _or_nothing(axes, rows)


def _or_nothing(axes: Any, rows: list[Any]) -> None:
    if not rows:
        axes.text(0.5, 0.5, "nothing yet", transform=axes.transAxes, ha="center", color=_GREY)


def _plain(name: str) -> str:
    """A name that somebody else wrote: not too long, no formula, nothing that a font has no shape for."""
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name)
    return (shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…").replace("$", r"\$")
