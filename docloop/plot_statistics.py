"""Statistics as a picture: what annotators left untouched by version and by field, and why they corrected the rest."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_backend.document.version_names import is_ours
from ml_backend.errors import SetupError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
_BARS, _LEAST_BARS = 15, 6
_NAMES = 8  # of versions below a line
_LONGEST = 24  # characters of a name at a bar
_OF = "of the fields shown or added"
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
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a label in a script that the font lacks: a box is drawn
        drawing(found).savefig(path, format=path.suffix.lower()[1:])


def drawing(found: Mapping[str, Any]) -> Figure:
    """``docloop stats`` as a figure of matplotlib."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = Figure(figsize=(11, 8.5), dpi=110, layout="constrained")
    by_version, by_field, times, causes = figure.subplots(2, 2).ravel()
    versions = [row for row in found["by_version"] if row["rate"] is not None]
    short = _short([row["version"] for row in found["by_version"]])
    _line(by_version, [(short[row["version"]], row["rate"]) for row in versions], "Fields left untouched, by version")
    by_version.set(ylim=(0, 1.05), ylabel=_OF)
    by_version.yaxis.set_major_formatter(PercentFormatter(1))
    fields = [row for row in found["by_field"] if row["rate"] is not None]
    few = f"the {_BARS} most frequent of {len(fields)} fields" if len(fields) > _BARS else _OF
    worst = sorted(fields[:_BARS], key=lambda row: row["rate"])  # first
    rates = [(row["field"], row["rate"], f"{row['rate']:.0%} of {row['fields']:,}") for row in worst]
    _bars(by_field, rates, "Fields left untouched, by field")
    by_field.set(xlim=(0, 1.3), xticks=[0, 0.2, 0.4, 0.6, 0.8, 1.0], xlabel=few)
    by_field.xaxis.set_major_formatter(PercentFormatter(1))
    timed = [row for row in found["by_version"] if row["median_seconds"] is not None]
    _line(times, [(short[row["version"]], row["median_seconds"]) for row in timed], "Time a document, by version")
    times.set(ylim=(0, 1.1 * max((row["median_seconds"] for row in timed), default=0) or 1), ylabel="seconds (median)")
    counted = [(row["cause"] or "not known", row["count"], f"{row['count']:,}") for row in found["causes"]]
    _bars(causes, counted, "Corrections, by cause")
    causes.set(xlim=(0, 1.2 * max((row["count"] for row in found["causes"]), default=0) or 1), xlabel="corrections")
    causes.xaxis.set_major_locator(MaxNLocator(integer=True))
    documents = found["documents"]
    figure.suptitle(
        f"Project {found['project']}: {documents['total']:,} documents, {documents['annotated']:,} annotated,"
        f" {documents['with_corrections']:,} with corrections"
    )
    return figure


def _short(versions: list[str]) -> dict[str, str]:
    """Each version's name, without the marks of interface and reader where it can be told from the others so."""
    models = {name: name.partition(".")[0] if is_ours(name) else name for name in versions}
    often = Counter(models.values())
    return {name: model if often[model] == 1 else name for name, model in models.items()}


def _line(axes: Any, rows: list[tuple[str, float]], title: str) -> None:
    """One dot a version, in the order in which annotators met them; as many names as there is room for, the newest among them."""
    axes.set_title(title)
    axes.plot(range(len(rows)), [value for _, value in rows], "o-", color=_BLUE)
    named = sorted(range(len(rows) - 1, -1, -(-(-len(rows) // _NAMES) or 1)))
    axes.set_xticks(named, [_plain(rows[at][0]) for at in named], rotation=30, ha="right", rotation_mode="anchor")
    axes.set_xlabel("model version, in the order in which annotators met them")
    axes.grid(alpha=0.3)
    _or_nothing(axes, rows)


def _bars(axes: Any, rows: list[tuple[str, float, str]], title: str) -> None:
    """One bar a name with what is to be written at its end, the first at the top; a few bars are as high as many."""
    axes.set_title(title)
    bars = axes.barh(range(len(rows)), [value for _, value, _ in rows], color=_GREEN)
    axes.bar_label(bars, [f" {said}" for _, _, said in rows], fontsize="small")
    axes.set_yticks(range(len(rows)), [_plain(name) for name, _, _ in rows])
    axes.set_ylim(max(len(rows), _LEAST_BARS) - 0.5, -0.5)
    axes.grid(alpha=0.3, axis="x")
    axes.set_axisbelow(True)
    _or_nothing(axes, rows)


def _or_nothing(axes: Any, rows: list[Any]) -> None:
    if not rows:
        axes.text(0.5, 0.5, "nothing yet", transform=axes.transAxes, ha="center", color=_GREY)
        axes.set_axis_off()


def _plain(name: str) -> str:
    """A name that somebody else wrote: shortened in the middle, no formula, nothing that no font has a shape for."""
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name)
    if len(shown) > _LONGEST:
        shown = f"{shown[: _LONGEST // 2]}…{shown[1 - _LONGEST // 2 :]}"
    return shown.replace("$", r"\$")
