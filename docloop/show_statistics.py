"""Statistics and the learning forecast, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from docloop.show_loop import f1, share, shown_text, table

_KINDS = ("text", "label", "box", "added", "deleted")
_STEPS = 3
_NOTHING = "nothing"  # no character
_BLANKS = {" ": "space", "\t": "tab", "\n": "new line"}


def statistics(found: Mapping[str, Any]) -> RenderableType:
    """How much was corrected, what and why, and what to do next."""
    documents, accuracy = found["documents"], found["accuracy"]
    lines = [
        f"[bold]Project {found['project']} “{shown_text(found['title'])}”[/bold]: {documents['total']:,} documents,"
        f" {documents['annotated']:,} annotated, {documents['approved']:,} approved, {documents['skipped']:,} skipped,"
        f" {documents['with_corrections']:,} with corrections",
        f"Fields left untouched: [bold]{_untouched(accuracy)}[/bold]; {_seconds(found)}",
        *_next(found["next_steps"]),
    ]
    tables = [
        _rates("By field", "field", found["by_field"]),
        _versions(found["by_version"]),
        _rates("By OCR engine", "engine", found["by_engine"]),
        _rates("By annotator", "annotator", found["by_annotator"]),
        _corrected(found["corrected_fields"]),
        _pairs("Confused fields", ("shown", "meant"), found["confused_fields"], str),
        _pairs(
            f"Confused characters, of the newest {found['characters_of']:,} misread texts",
            ("read", "meant"),
            found["confused_characters"],
            _character,
        ),
        _causes(found["causes"]),
    ]
    return Group(
        Text.from_markup("\n".join(lines)), *(one for one in tables if one.row_count), forecast(found["forecast"])
    )


def forecast(found: Mapping[str, Any]) -> RenderableType:
    """What more documents would bring, and for which layouts. Where the same is missing for all fields, it is said once."""
    rows = (found["overall"], *found["fields"])
    agree = len({(one["state"], one["missing"]) for one in rows}) == 1 and bool(found["overall"]["missing"])
    made = table(
        "Learning so far" if agree else "Learning forecast (in brackets the 80 % interval)",
        *("field", "documents", _f1_of(found)),
        *([] if agree else ["what more documents would bring"]),
    )
    for one in rows:
        colour = "green" if one["state"] == "forecast" else "default"
        promise = [] if agree else [f"[{colour}]{shown_text(one['sentence'])}[/{colour}]"]
        made.add_row(shown_text(one["label"]) or "all", str(one["documents"]), f1(one["f1"]), *promise)
    needed = table(
        "Layouts that need documents most", "such as task", "company", "corrections a document", "confirmed", "open"
    )
    for one in found["layouts"]:
        needed.add_row(
            str(one["example_task"]),
            shown_text(one["company"]),
            f"{one['corrections_a_document']:.1f}",
            str(one["confirmed"]),
            str(one["open"]),
        )
    said = Text.from_markup(f"Forecast: [bold]{shown_text(found['sentence'])}[/bold].")
    return Group(said, made, *([needed] if needed.row_count else []))


def _f1_of(found: Mapping[str, Any]) -> str:
    """Whose F1 it is: the newest version's, which the gate may have kept back."""
    if not found["version"]:
        return "F1"
    other = "" if found["version"] == found["serves"] else f" ({shown_text(found['serves'])} serves)"
    return f"F1 of {shown_text(found['version'])}{other}"


def _next(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{'Next' if not number else 'Or'}: [bold]{shown_text(step['step'])}[/bold]. {shown_text(step['reason'])}"
        f"\n      {shown_text(step['command'])}"
        for number, step in enumerate(steps[:_STEPS])
    ]


def _seconds(found: Mapping[str, Any]) -> str:
    median, without = found["median_seconds"], found["median_seconds_without_prediction"]
    said = "no times yet" if median is None else f"{median:.1f} s a document (median)"
    return said if without is None else f"{said}, {without:.1f} s where nothing was predicted"


def _untouched(row: Mapping[str, Any]) -> str:
    return f"{row['untouched']:,} of {row['fields']:,} ({share(row['rate'])})" if row["fields"] else "none seen yet"


def _rates(title: str, name: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    made = table(title, name, "fields untouched")
    for row in rows:
        value = "unknown" if row[name] in (None, "") else str(row[name])
        made.add_row(shown_text(value), _untouched(row))
    return made


def _versions(rows: Sequence[Mapping[str, Any]]) -> Table:
    made = table("By model version", "version", "documents", "fields untouched", "corrections", "seconds")
    for row in rows:
        seconds = "" if row["median_seconds"] is None else f"{row['median_seconds']:.1f}"
        made.add_row(shown_text(row["version"]), str(row["documents"]), _untouched(row), str(row["edits"]), seconds)
    return made


def _corrected(rows: Sequence[Mapping[str, Any]]) -> Table:
    made = table("Most corrected fields", "field", "corrections", *_KINDS)
    for row in rows:
        made.add_row(shown_text(row["field"]), str(row["corrections"]), *(str(row.get(kind, "")) for kind in _KINDS))
    return made


def _pairs(title: str, names: tuple[str, str], rows: Sequence[Mapping[str, Any]], words: Any) -> Table:
    made = table(title, *names, "times")
    for row in rows:
        made.add_row(*(shown_text(words(row[name])) for name in names), str(row["count"]))
    return made


def _causes(rows: Sequence[Mapping[str, Any]]) -> Table:
    made = table("Why", "cause", "corrections", "share")
    for row in rows:
        made.add_row(shown_text(row["cause"]) or "not known", str(row["count"]), share(row["share"]))
    return made


def _character(text: str) -> str:
    return _BLANKS.get(text, text) or _NOTHING
