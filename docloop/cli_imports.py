"""The command about ground truth that others made: import-truth takes it in."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from docloop.cli_loop import JsonOption
from docloop.show_loop import shown_text
from docloop.terminal import ProjectOption, app, err, out, progress
from ml_backend.imports.base import refused
from ml_backend.imports.formats import AUTO, find, readers
from ml_backend.settings import load_settings

_FORMATS = "\n\n".join(f"[bold]{name}[/bold]: {reader.about}" for name, reader in readers().items())


@app.command(epilog=f"Formats:\n\n{_FORMATS}")
def import_truth(
    path: Annotated[Path, typer.Argument(help="A file, or a folder of them.")],
    project: ProjectOption,
    format: Annotated[str, typer.Option("--format", "-f", help="auto, or one of those below.")] = AUTO,
    images: Annotated[Path | None, typer.Option(help="Folder with the documents' files.", file_okay=False)] = None,
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map", help="old=new: what a label is called in the interface; old= leaves its fields out; repeatable."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make annotated tasks of ground truth from elsewhere, each document once; the loop learns from them.

    Documents that the project has already get the annotation, unless somebody has annotated them. Rows that cannot be taken are
    listed with the reason; the exit status is then 1. A project with the interface of another one: docloop create TITLE --like N.

    Example: [bold]docloop import-truth funsd/training_data --project 7 --map question=caption[/bold]
    """
    from docloop.import_files import Import
    from docloop.import_truth import TruthImport, TruthReport
    from ml_backend.imports.folder import TruthFolder
    from ml_backend.services import build_services

    labels = dict(_pair(one) for one in mapped or ())
    reader, folder, files = find(path, format)
    services = build_services(load_settings())
    report = TruthReport()
    try:
        label_studio = services.access.client()
        there = label_studio.project(project)
        into = Import(
            label_studio,
            services.loader,
            lambda url: services.predictor.fetch(url, 0),
            project,
            services.interface(there.label_config),
        )
        contents = {one.content: one.task_id for one in services.store.documents.each(there.uid) if one.content}
        job = TruthImport(into, reader, TruthFolder(images) if images else folder, labels, contents)
        with progress() as bar:
            moving = bar.add_task("Importing", total=None)
            rows = chain.from_iterable(reader.rows(folder, name) for name in files)
            job.run(rows, report, lambda: bar.advance(moving))
    finally:
        services.close()
    if as_json:
        failed = [{"row": row, "code": error.code, "reason": str(error)} for row, error in report.failed.items()]
        counts = {"imported": report.imported, "annotated": report.annotated, "skipped": report.skipped}
        typer.echo(json.dumps({**counts, "failed": failed}, ensure_ascii=False))
    else:
        for where, error in report.reasons():
            err.print(f"[red]{shown_text(where)}: {shown_text(str(error))}[/red] [dim]({error.code})[/dim]")
        out.print(
            f"{report.imported} imported, {report.annotated} annotated, {report.skipped} there already, "
            f"{len(report.failed)} failed."
        )
    if report.failed:
        raise typer.Exit(1)


def _pair(said: str) -> tuple[str, str]:
    old, equals, new = said.partition("=")
    if not equals:
        raise refused("bad_map", f"{said!r} does not say old=new.", "Write --map question=caption.")
    return old.strip(), new.strip()
