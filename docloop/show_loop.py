"""Learning, for people: rounds, corrections, the ranking and model versions as tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ml_backend.document.version_names import UNTRAINED
from ml_backend.models.manifest import RELEASE_ASKED, Manifest
from ml_backend.store.records import CorrectionRecord, VersionUse
from ml_backend.store.release_records import SHORT

_COLOURS = {"high": "red", "medium": "yellow"}  # low is not shown: it would read as if the document mattered little
_APART = "Each F1 was measured on the documents of its day: compare it with the F1 before it, not with other versions'."
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def shown_text(text: str) -> str:
    """A text that somebody else wrote: control characters would steer the terminal, brackets the markup."""
    return escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))


def table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left")
    for name in columns:
        made.add_column(name, overflow="fold")
    return made


def share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def f1(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".removeprefix("0")


def when(seconds: float | None) -> str:
    """A time in UTC; empty for none."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M") if seconds else ""


def status(found: Mapping[str, Any]) -> RenderableType:
    """How it stands with a project, with a row for each training."""
    corrected = {kind: count for kind, count in found["corrections"].items() if kind != "confirmed"}
    base = f" ({shown_text(found['champion_base'])})" if found["champion_base"] else ""
    champion = f"champion: [bold]{shown_text(found['champion'])}[/]{base}"
    lines = [
        f"[bold]Project {found['project']} “{shown_text(found['title'])}”[/bold], {champion}",
        f"{found['documents']} documents, {found['samples']} confirmed ones to learn from, {sum(corrected.values())} corrections",
        shown_text(found["training"]["answer"]) or "Not looked at yet.",
    ]
    refusal = found["training"]["refusal"]
    lines += [f"[yellow]{shown_text(refusal)}[/yellow]"] if refusal and refusal != found["training"]["answer"] else []
    running = any(run["state"] in ("requested", "running") for run in found["training"]["runs"])
    waits = "it begins when the running training ends" if running else "the worker has not looked yet"
    lines += [f"[yellow]{shown_text(by)} asked to train; {waits}.[/yellow]" for by in found["training"]["requested"]]
    if found["paused"]:
        lines.append(f"[yellow]The project rests: docloop resume --project {found['project']} ends that.[/yellow]")
    if not found["workers"]:
        lines.append("[yellow]No worker is running: start docloop serve (or docloop worker).[/yellow]")
    if found["champion_fault"]:
        lines.append(f"[red]{shown_text(found['champion_fault'])}[/red]")
    for version, deleted in found["tainted_versions"].items():
        lines.append(f"{shown_text(version)} is {taint(deleted)}")
    if found["label_studio"]["fault"]:
        since = when(found["label_studio"]["fault_since"])
        lines.append(f"[red]Since {since} UTC: {shown_text(found['label_studio']['fault'])}[/red]")
    if found["storage"]["fault"]:
        since = when(found["storage"]["fault_since"])
        lines.append(f"[red]Since {since} UTC: {shown_text(found['storage']['fault'])}[/red]")
    tables = [rounds(found["training"]["runs"])] if found["training"]["runs"] else []
    tables += [_uses(found["versions"])] if found["versions"] else []
    return Group(Text.from_markup("\n".join(lines)), *tables)


def projects(found: Sequence[Mapping[str, Any]]) -> RenderableType:
    """A row a project."""
    if not found:
        return (
            "No project is followed yet: docloop connect --project N, with the number that Label Studio's address has."
        )
    made = table("Projects", "project", "title", "open", "done", "champion", "fault")
    for row in found:
        fault = f"[red]{shown_text(row['fault'])}[/red]" if row["fault"] else "" if row["followed"] else "not followed"
        numbers = (f"{row['open']:,}", f"{row['done']:,}")
        made.add_row(str(row["project"]), shown_text(row["title"]), *numbers, shown_text(row["champion"]), fault)
    return made


def progress(stage: str, share: float, seconds_left: float | None) -> str:
    """How far a training is: "fit 45 %, about 2 min left"."""
    said = f"{stage} {share:.0%}"
    if seconds_left is None:
        return said
    left = f"{seconds_left / 60:.0f} min" if seconds_left >= 90 else f"{seconds_left:.0f} s"
    return f"{said}, about {left} left"


def rounds(runs: Sequence[Mapping[str, Any]]) -> RenderableType:
    """A row a training, the first at the top; below, what the gate said of each, which is too long for a column."""
    made = table("Rounds", "run", "documents", "version", "state", "F1", "before", "untouched")
    said: list[str] = []
    for run in reversed(runs):
        state = run["state"]
        if state == "running":
            state = progress(run["stage"], run["progress"], run["seconds_left"])
        made.add_row(
            str(run["number"]),
            str(run["samples"]),
            shown_text(run["version"]),
            shown_text(state),
            f1(run["f1"]),
            f1(run["champion_f1"]),
            share(run["acceptance"]),
        )
        words = run["verdict"] or (run["reason"] if run["state"] == "failed" else "")
        said += [f"Run {run['number']}: {shown_text(words)}"] if words else []
    return Group(made, *map(Text.from_markup, said))


def _uses(versions: Sequence[Mapping[str, Any]]) -> Table:
    made = table(
        "What annotators did with the predictions", "version", "documents", "fields untouched", "corrections", "seconds"
    )
    for use in versions:
        seconds = "" if use["median_seconds"] is None else f"{use['median_seconds']:.1f}"
        untouched = f"{use['untouched']} of {use['fields']} ({share(use['acceptance'])})"
        made.add_row(shown_text(use["version"]), str(use["documents"]), untouched, str(use["edits"]), seconds)
    return made


def uses(found: Sequence[VersionUse]) -> Table:
    """Acceptance, corrections and seconds a document, by model version."""
    from ml_backend.status import use_row

    return _uses([use_row(use) for use in found])


def corrections(found: Sequence[CorrectionRecord]) -> Table:
    """A row a correction."""
    made = table("Corrections", "task", "kind", "field", "predicted", "OCR", "final", "cause", "version", "by", "when")
    for each in found:
        label = each.label or each.predicted_label
        if each.predicted_label and each.label and each.label != each.predicted_label:
            label = f"{each.predicted_label} → {each.label}"
        made.add_row(
            str(each.task_id),
            shown_text(each.kind),
            *map(
                shown_text,
                (label, each.predicted_value, each.ocr_text, each.final_value, each.cause, each.model_version),
            ),
            "" if each.completed_by is None else str(each.completed_by),
            shown_text(each.at[:16].replace("T", " ")),
        )
    return made


def recommendations(found: Sequence[Mapping[str, Any]]) -> Table:
    """A row an open document, the one to ask first at the top."""
    made = table("Next", "task", "priority", "score", "nothing to correct", "reasons", "link")
    for each in found:
        colour = _COLOURS.get(each["priority"])
        made.add_row(
            str(each["task"]),
            f"[{colour}]{each['priority']}[/{colour}]" if colour else "",
            f"{each['score']:.3f}",
            share(each["probability"]),
            shown_text("; ".join(each["reasons"])),
            shown_text(each["link"]),
        )
    return made


def versions(found: Sequence[Manifest], active: str, tainted: Mapping[str, int]) -> RenderableType:
    """A row a version; the keywords are always there. ``tainted`` counts the deleted documents of a version."""
    made = table("Versions", "", "version", "made", "documents", "release", "verdict")
    made.add_row(
        "" if active else "●", UNTRAINED, "", "", "", "what every project begins with; its version is keywords-1"
    )
    for each in found:
        mark = "●" if each.version == active else ""
        before = "Served before." if each.promoted and not mark else ""
        made.add_row(
            mark,
            shown_text(each.version),
            shown_text(each.created_at[:16].replace("T", " ")),
            str(each.samples),
            shown_text(each.release[:SHORT]),
            " ".join(
                filter(
                    None,
                    [taint(tainted.get(each.version, 0)), lacks(each), before, shown_text(each.verdict), base_of(each)],
                )
            ),
        )
    return Group(made, _APART) if len(found) > 1 else made


def taint(deleted: int, first_at: float | None = None) -> str:
    """What is to be said of something that people have deleted documents of, the first ``first_at``; empty for nothing."""
    since = "since" if first_at is None else f"{'on' if deleted == 1 else 'since'} {when(first_at)}"
    return f"[red]tainted: {deleted} of its documents deleted {since}.[/red]" if deleted else ""


def lacks(version: Manifest) -> str:
    """What a version could not learn of the release that was asked for; empty if it learned all."""
    gone = version.settings.get("release_lacks")
    if RELEASE_ASKED not in version.settings or not isinstance(gone, int):
        return ""
    asked = shown_text(str(version.settings[RELEASE_ASKED])[:SHORT])
    were = "was" if gone == 1 else "were"
    return f"[yellow]Release {asked} was tainted: {gone} of its documents {were} deleted before; it had the others.[/yellow]"


def base_of(version: Manifest) -> str:
    """What a version's layout model began with, and under which licence; empty where there is none."""
    return f"Layout model: {shown_text(version.base)}." if version.base else ""
