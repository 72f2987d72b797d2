"""``docloop doctor``, which ``docloop connect`` ends with, too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from docloop.terminal import app, err, out
from ml_backend.errors import SetupError
from ml_backend.file_names import is_url
from ml_backend.settings import Settings, load_settings

if TYPE_CHECKING:
    from docloop.doctor.runner import Report


@app.command()
def doctor(
    project: Annotated[
        list[int] | None, typer.Option("--project", "-p", help="Number of a project; all that are followed otherwise.")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="docloop's address as Label Studio sees it. Default: that of the connected backend."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out what takes longer, such as a project of its own.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All findings as JSON.")] = False,
) -> None:
    """Go once around the whole circle with Label Studio; say of each fault why it matters and what mends it.

    The exit status is 1 when there is a fault. Nothing is changed for good.
    """
    from docloop.doctor.show import as_json as shown_as_json

    settings = load_settings()
    if url is not None and not is_url(url):
        raise SetupError("not_a_url", f"{url} is no http(s) URL.", f"Did you mean http://{url}?")
    report = run(settings, project or [], url, quick)
    if as_json:
        typer.echo(json.dumps(shown_as_json(report), ensure_ascii=False, indent=1))
    else:
        show(report)
    if report.faults:
        raise typer.Exit(1)


def run(settings: Settings, projects: list[int], url: str | None, quick: bool) -> Report:
    """Examine ``projects``, or all that are followed, with a line of progress."""
    from docloop.doctor.bench import Bench, Patient
    from docloop.doctor.catalogue import CHECKS
    from docloop.doctor.runner import examine

    bench = Bench(settings, (url or "").rstrip("/"), patients=[Patient(number) for number in dict.fromkeys(projects)])
    checks = [check for check in CHECKS if check.quick or not quick]
    with err.status("Looking ...") as status:
        return examine(bench, checks, lambda title: status.update(f"{title} ..."))


def show(report: Report) -> None:
    """Print the table, the fixes, the sum."""
    from docloop.doctor.show import tables

    for part in tables(report):
        out.print(part)
