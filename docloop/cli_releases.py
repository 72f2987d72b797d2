"""Commands about dataset releases: release freezes one, release diff compares two, releases lists them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from docloop.cli_loop import JsonOption, opened
from docloop.terminal import ProjectOption, app, err, out
from ml_backend.errors import SetupError
from ml_backend.settings import load_settings

commands = typer.Typer(invoke_without_command=True)
app.add_typer(commands, name="release")


@commands.callback()
def release(
    context: typer.Context,
    project: Annotated[
        int | None, typer.Option("--project", "-p", help="Number of the project in Label Studio.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Under which licence the documents may be used, noted beside it.")] = "",
) -> None:
    """Freeze the confirmed documents of a project under an id that the same documents have on every machine.

    Words, fields, splits and labels are kept, so that docloop train --release ID can learn from them again, whatever is corrected
    later. The same documents a second time are the same release.

    Example: [bold]docloop release --project 7 --licence CC-BY-4.0[/bold], [bold]docloop release diff 3f2a 91cc[/bold]
    """
    if context.invoked_subcommand is not None:
        return
    from docloop import show_releases
    from ml_backend.services import read_interface
    from ml_backend.status import followed_project

    if project is None:
        raise SetupError("project_missing", "Which project shall be frozen?", "docloop release --project N")
    with opened(load_settings()) as store:
        record = followed_project(store, project)
        made = store.releases.freeze(record, read_interface(record.label_config).specs, time.time(), licence)
    typer.echo(made.id)  # alone on standard output, for scripts
    err.print(show_releases.counted(made))


@commands.command(name="diff")
def diff_command(
    before: Annotated[str, typer.Argument(help="Id of a release; 4 digits or more will do.")],
    after: Annotated[str, typer.Argument(help="Id of another one.")],
    as_json: JsonOption = False,
) -> None:
    """What came, went and changed from one release to another: documents, fields by label, splits."""
    from docloop import show_releases
    from ml_backend.store.release_diff import diff

    with opened(load_settings()) as store:
        one, other = store.releases.find(before), store.releases.find(after)
        found = diff(store.releases, one, other)
    if as_json:
        typer.echo(json.dumps({"before": one.id, "after": other.id, **asdict(found)}))
        return
    out.print(show_releases.compared(one, other, found))


@app.command()
def releases(project: ProjectOption, as_json: JsonOption = False) -> None:
    """The dataset releases of a project, the newest first, with the model versions that learned from them."""
    from docloop import show_releases
    from ml_backend.services import model_registry
    from ml_backend.status import followed_project

    settings = load_settings()
    with opened(settings) as store:
        uid = followed_project(store, project).uid
        found = store.releases.all(uid)
    made: dict[str, list[str]] = {}
    for version in model_registry(settings).versions(uid):
        made.setdefault(version.release, []).append(version.version)
    if as_json:
        rows = [{**asdict(one), "versions": made.get(one.id, [])} for one in found]
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    out.print(
        show_releases.listed(found, made)
        if found
        else "Nothing was frozen yet: docloop release, or a training, does it."
    )
