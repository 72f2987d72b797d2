"""The findings as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from docloop.doctor.findings import Finding, Level
from docloop.doctor.runner import Report
from docloop.show_loop import shown_text

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.FAULT: "bold red", Level.SKIPPED: "dim"}


def as_json(report: Report) -> dict[str, Any]:
    """All findings, the counts, and what was touched."""
    return {
        "ok": not report.faults,
        "faults": len(report.faults),
        "warnings": len(report.warnings),
        "findings": [asdict(one) for one in report.findings],
        "touched": report.touched,
    }


def tables(report: Report) -> Iterator[RenderableType]:
    """A row for each finding; below, what each fault and warning means and what mends it; at the end the sum."""
    table = Table(title="docloop doctor", title_justify="left")
    for name in ("", "check", "measured"):
        table.add_column(name, overflow="fold")
    for one in report.findings:
        colour = _COLOURS[one.level]
        table.add_row(f"[{colour}]{one.level}[/]", _name(one), shown_text(one.measured))
    yield table
    for one in (*report.faults, *report.warnings):
        yield Text.from_markup(
            f"[{_COLOURS[one.level]}]{one.level}[/] [bold]{one.code}[/] ({_name(one)}): {shown_text(one.measured)}\n"
            f"  why it matters: {shown_text(one.why)}\n"
            f"  what mends it:  {shown_text(one.fix)}"
        )
    for sentence in report.touched:
        yield Text.from_markup(f"[dim]{shown_text(sentence)}[/]")
    well = sum(one.level is Level.OK for one in report.findings)
    yield Text(f"{well} ok, {_count(report.warnings, 'warning')}, {_count(report.faults, 'fault')}.")


def _count(findings: Sequence[Finding], word: str) -> str:
    return f"{len(findings)} {word}{'' if len(findings) == 1 else 's'}"


def _name(one: Finding) -> str:
    return one.check + (f" \\[{one.project}]" if one.project else "")
