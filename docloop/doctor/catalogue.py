"""All faults that the doctor knows, from the modules that look for them; docs/doctor.md is made of it."""

from __future__ import annotations

from collections.abc import Mapping

from docloop.doctor import connection, documents, here, label_studio, machine, own_project, project, state
from docloop.doctor.findings import Check, Known, Level

_OF_ANY_CHECK = {
    "check_refused": Known(
        Level.FAULT,
        "a check was refused in a way that is not known",
        "What it would have shown is not known.",
        "Read what was measured; the code there is {code}.",
    ),
    "check_broke": Known(
        Level.FAULT,
        "a check itself is broken",
        "What it would have shown is not known.",
        "This is a fault of docloop: please report the line with what was measured.",
    ),
    "check_too_slow": Known(
        Level.FAULT,
        "a check took longer than its time limit",
        "What hangs for the doctor hangs for docloop, too.",
        "Look at what the check asks (Label Studio, database, disk): is it overloaded, or cut off by a firewall?",
    ),
}

GROUPS: Mapping[str, tuple[Mapping[str, Known], tuple[Check, ...]]] = {
    "docloop's own house": (here.KNOWN, here.CHECKS),
    "State: database, jobs, files": (state.KNOWN, state.CHECKS),
    "The machine": (machine.KNOWN, machine.CHECKS),
    "Label Studio": (label_studio.KNOWN, label_studio.CHECKS),
    "The way from Label Studio to docloop": (own_project.KNOWN, own_project.CHECKS),
    "A project": (project.KNOWN, project.CHECKS),
    "A project's connection": (connection.KNOWN, connection.CHECKS),
    "A project's documents": (documents.KNOWN, documents.CHECKS),
    "Any check": (_OF_ANY_CHECK, ()),
}
CATALOGUE: Mapping[str, Known] = {code: known for faults, _ in GROUPS.values() for code, known in faults.items()}
CHECKS: tuple[Check, ...] = tuple(check for _, checks in GROUPS.values() for check in checks)
