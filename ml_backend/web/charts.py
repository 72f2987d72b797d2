"""Charts of the admin page, as SVG pictures: how right versions are, and what annotators left untouched.

pygal draws them in a few milliseconds without numpy; matplotlib (``docloop stats --plot``) would take a web process 100 MB. It
writes a script into each picture, which is taken out here. The page shows the same figures as a table.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_backend.models.manifest import RELEASE_ASKED

LOOKS = ("light", "dark", "light-narrow", "dark-narrow")
_LONGEST = 18  # characters of a name below an axis
_INK = {
    "light": ("#1d2430", "#55606f", "#dde2e9", ("#2558c9", "#6b7684"), "#ffffff"),
    "dark": ("#e7eaf0", "#a3adbb", "#2b3440", ("#7ba7ff", "#9aa5b4"), "#0b1526"),
}
_SIZES = {"": (480, 250), "narrow": (330, 230)}


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """A version on the learning curve: F1 in ``[0, 1]`` of it, and of the one before it, on documents that neither had seen."""

    version: str
    documents: int
    f1: float
    champion_f1: float | None


@dataclass(frozen=True, slots=True)
class UntouchedBar:
    """The share of its fields, in ``[0, 1]``, that annotators left as a version had them."""

    version: str
    share: float


def learning_curve(points: Sequence[LearningPoint], look: str) -> bytes:
    """F1 by the number of documents that were learned from. Raises KeyError for a ``look`` that is not in ``LOOKS``."""
    pygal = _library()
    values = [each for point in points for each in (point.f1, point.champion_f1) if each is not None]
    low = max(0, int(min(values, default=0) * 10 - 0.5)) / 10
    marks = [each / 100 for each in range(int(low * 100), 101, 10 if low < 0.7 else 5)]
    config = {**_config(look), "range": (low, 1.0), "y_labels": marks, "formatter": _two_places, "show_x_guides": False}
    chart = pygal.XY(**config, x_title="documents learned from", x_value_formatter=lambda value: f"{value:.0f}")
    chart.x_labels = sorted({point.documents for point in points})
    chart.add("new version", [(point.documents, point.f1) for point in points])
    before = [(point.documents, point.champion_f1) for point in points if point.champion_f1 is not None]
    chart.add("the one before", before, stroke_style={"dasharray": "5, 5"})
    return _drawn(chart)


def untouched_bars(bars: Sequence[UntouchedBar], look: str) -> bytes:
    """A bar a version, in the order in which annotators met them. Raises KeyError for a ``look`` that is not in ``LOOKS``."""
    pygal = _library()
    config = {**_config(look), "range": (0, 1), "y_labels": [0, 0.25, 0.5, 0.75, 1], "formatter": _percent}
    chart = pygal.Bar(**config, show_legend=False, print_values=True, print_values_position="center")
    chart.x_labels = [_plain(each.version) for each in bars]
    chart.add("untouched", [each.share for each in bars])
    return _drawn(chart)


def _library() -> Any:
    import pygal

    # Its finder of plug-ins speaks a protocol that Python 3.12 has dropped, and warns at each import that fails until then.
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]
    return pygal


def _config(look: str) -> dict[str, Any]:
    from pygal.style import Style

    theme, _, size = look.partition("-")
    ink, soft, line, colours, on_bar = _INK[theme]
    width, height = _SIZES[size]
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground=soft,
        foreground_strong=ink,
        foreground_subtle=soft,
        font_family="system-ui, -apple-system, 'Segoe UI', sans-serif",
        label_font_size=12,
        major_label_font_size=12,
        value_font_size=12,
        legend_font_size=12,
        title_font_size=12,
        colors=colours,
        value_colors=(on_bar, on_bar),
        stroke_width="2.5",
        opacity="1",
        stroke_opacity="1",
        guide_stroke_color=line,
        major_guide_stroke_color=line,
        guide_stroke_dasharray="",
        major_guide_stroke_dasharray="",
    )
    return {
        "style": style,
        "js": (),  # its own script would be loaded from another site
        "width": width,
        "height": height,
        "no_prefix": True,
        "margin": 6,
        "dots_size": 4,
        "legend_at_bottom": True,
        "legend_box_size": 10,
        "truncate_legend": -1,
        "truncate_label": -1,
        "no_data_text": "nothing yet",
    }


def _drawn(chart: Any) -> bytes:
    chart.add_xml_filter(_without_scripts)
    drawn: bytes = chart.render()
    return drawn


def _without_scripts(root: Any) -> Any:
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] == "script":  # a comment, a script
                parent.remove(child)
    return root


def _plain(name: str) -> str:
    """A name that somebody else may have made up: not too long, nothing that XML cannot hold."""
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def _two_places(value: Any) -> str:
    """``.87`` of 0.87, and of a point ``(documents, F1)`` its F1."""
    number = value[1] if isinstance(value, tuple | list) else value
    return "" if number is None else f"{number:.2f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def learning_points(
    runs: Sequence[Mapping[str, Any]], versions: Sequence[Mapping[str, Any]] = ()
) -> list[LearningPoint]:
    """The judged runs of ``ml_backend.status.run_rows``, the first one first. Those whose version (``version_rows``) was asked to
    learn from an older release are no points: they say nothing of what more documents bring."""
    older = {version["version"] for version in versions if RELEASE_ASKED in version["settings"]}
    return [
        LearningPoint(
            run["version"], run["samples"], run["f1"], run["champion_f1"] if _is_rate(run["champion_f1"]) else None
        )
        for run in reversed(runs)
        if _is_rate(run["f1"]) and run["version"] not in older
    ]


def learning_points_of(status: Mapping[str, Any]) -> list[LearningPoint]:
    """The points of a ``project_status`` with ``model_versions``."""
    return learning_points(status["training"]["runs"], status["model_versions"])


def _is_rate(value: Any) -> bool:
    """Whether a figure that a training wrote is one: not None, not NaN."""
    return isinstance(value, int | float) and 0 <= value <= 1


def bars_of(versions: Sequence[Mapping[str, Any]]) -> list[UntouchedBar]:
    """Of ``ml_backend.status.use_row``: a bar for each version whose fields annotators met."""
    return [
        UntouchedBar(use["version"].partition(".")[0], use["acceptance"])
        for use in versions
        if use["fields"] and use["version"]
    ]


CHARTS: Mapping[str, Callable[[Mapping[str, Any], str], bytes]] = {
    "learning": lambda status, look: learning_curve(learning_points_of(status), look),
    "untouched": lambda status, look: untouched_bars(bars_of(status["versions"]), look),
}
"""The charts of a project by name, drawn of its ``project_status`` with ``model_versions``."""
