"""docs/doctor.md, made of the catalogue: ``python -m docloop.doctor.page > docs/doctor.md``. A test compares the two."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from docloop.doctor.catalogue import GROUPS
from docloop.doctor.findings import Known

_HEAD = """# docloop doctor

    docloop doctor                  # everything, for all projects that docloop follows
    docloop doctor --project 7      # for one project; --quick leaves out what takes long, --json is for programs

It goes once around the circle, Label Studio to docloop and back, and says for each fault what was measured, why it matters, and
what mends it. The exit status is 1 when there is a fault, 0 when there are warnings only. `docloop connect` ends with it (with
the quick part where `--poll-only` says that Label Studio does not reach docloop). Run it where docloop runs, with the same
`DOCLOOP_` settings. `--url` says how Label Studio reaches docloop, where no project is connected yet.

What it does in Label Studio: it makes a project “docloop doctor ...”, in which it tries a webhook, a backend, Start Training and
a prediction, and deletes it at the end; it writes each project's title again as it is, to set a real webhook off; and it asks for
the next task, which reserves that one for the token's user for a day. It says so at the end. It trains nothing, prints no secret,
and quotes no document. A misspelt setting is an error before any check.

A check that needs an earlier one is skipped when that one found a fault. Each has a time limit. What stands in braces below is
filled in; `N` is the number of a project.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_groups()]).rstrip() + "\n"


def _groups() -> Iterator[str]:
    for title, (faults, checks) in GROUPS.items():
        yield f"## {title[0].upper()}{title[1:]}\n"
        if checks:
            yield "Checks: " + ", ".join(f"`{one.name}`{' (quick)' if one.quick else ''}" for one in checks) + ".\n"
        yield "| code | level | what it is | why it matters | what mends it |\n|---|---|---|---|---|"
        for code, known in sorted(faults.items()):
            yield _row(code, known)
        yield ""


def _row(code: str, known: Known) -> str:
    cells = (f"`{code}`", str(known.level), known.cause, known.why, known.fix)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(page())
