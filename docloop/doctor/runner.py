"""Runs the checks, one after the other: each with its time limit, none taking another along."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from docloop.doctor.bench import Bench, Patient
from docloop.doctor.catalogue import CATALOGUE
from docloop.doctor.findings import Check, Finding, Found, Level, of_error
from ml_backend.errors import DocloopError

Progress = Callable[[str], None]


@dataclass
class Report:
    """All findings, in the order of the checks; ``touched`` are sentences on what was changed meanwhile."""

    findings: list[Finding] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[Finding]:
        return [one for one in self.findings if one.level is Level.FAULT]

    @property
    def warnings(self) -> list[Finding]:
        return [one for one in self.findings if one.level is Level.WARNING]


def examine(bench: Bench, checks: Sequence[Check], progress: Progress = lambda title: None) -> Report:
    """Run the checks; those for each project once for each of ``bench.patients``, which an earlier check may add to."""
    report = Report()
    try:
        for check in checks:
            if not check.each_project:
                report.findings += _one(bench, check, None, report.findings, progress)
        for patient in bench.patients:
            for check in checks:
                if check.each_project:
                    report.findings += _one(bench, check, patient, report.findings, progress)
    finally:
        bench.close()
    report.touched = list(bench.touched)
    return report


def _one(
    bench: Bench, check: Check, patient: Patient | None, before: Sequence[Finding], progress: Progress
) -> list[Finding]:
    number = patient.number if patient else None
    for needed in check.needs:
        if _failed(needed, number, before):
            return [Finding(check.name, Level.SKIPPED, f"skipped, because {needed} found a fault", project=number)]
    progress(check.title + (f" (project {number})" if number else ""))
    began = time.monotonic()
    arguments: tuple[Any, ...] = (bench,) if patient is None else (bench, patient)
    found = _within(check, arguments)
    seconds = round(time.monotonic() - began, 2)
    return [_finding(check, one, number, seconds) for one in found]


def _failed(needed: str, number: int | None, before: Sequence[Finding]) -> bool:
    mine = [one for one in before if one.check == needed and one.project in (None, number)]
    return any(one.level in (Level.FAULT, Level.SKIPPED) for one in mine)


def _within(check: Check, arguments: tuple[Any, ...]) -> list[Found]:
    """What the check finds within its time. It runs in a thread, since nothing else can be left behind when it hangs."""
    found: list[Found] = []

    def run() -> None:
        try:
            found.extend(check.run(*arguments))
        except DocloopError as error:
            found.append(of_error(error, CATALOGUE, "check_refused"))
        except Exception as fault:  # its text may quote anything
            found.append(Found(f"{check.name} broke with {type(fault).__name__}", "check_broke"))

    thread = threading.Thread(target=run, name=check.name, daemon=True)
    thread.start()
    thread.join(check.seconds)
    if thread.is_alive():
        return [Found(f"{check.name} took longer than {check.seconds:.0f} s", "check_too_slow")]
    return found


class _Names(dict[str, object]):
    """What the check filled in; a name that it did not know stays to be seen."""

    def __missing__(self, name: str) -> str:
        return f"<{name}>"


def _finding(check: Check, found: Found, number: int | None, seconds: float) -> Finding:
    if not found.code:
        return Finding(check.name, Level.OK, found.measured, project=number, seconds=seconds)
    known = CATALOGUE[found.code]
    fix = found.fix or known.fix.format_map(_Names({"project": number or "N", **found.values}))
    return Finding(check.name, known.level, found.measured, found.code, known.why, fix, number, seconds)
