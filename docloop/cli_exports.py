"""Commands about ground truth: export gives it out, exports shows what was given out."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from docloop.cli_loop import JsonOption, opened
from docloop.terminal import ProjectOption, app, err, out, progress
from ml_backend.exports.formats import formats
from ml_backend.settings import load_settings

_FORMATS = "\n\n".join(f"[bold]{name}[/bold]: {about}" for name, about in formats().items())


@app.command(epilog=f"Formats:\n\n{_FORMATS}")
def export(
    project: ProjectOption,
    target: Annotated[Path, typer.Option("--out", help="Where to: a new file for jsonl, else a new folder.")],
    format: Annotated[str, typer.Option("--format", "-f", help="jsonl, or one of those below.")] = "jsonl",
    where: Annotated[list[str] | None, typer.Option(help="A filter of the REST API, such as since=2026-01-31.")] = None,
    gzip: Annotated[bool, typer.Option("--gzip", help="Pack the lines of jsonl.")] = False,
) -> None:
    """Give the corrections out as ground truth, in a format that a trainer reads.

    Filters: approved_only, has_corrections (true, false), since, until (of the review, UTC), fields (labels with commas),
    model_version, annotator, limit.

    Example: [bold]docloop export --project 7 --out truth.jsonl --where has_corrections=true --where since=2026-01-31[/bold]
    """
    from ml_backend.errors import ExportRefused
    from ml_backend.exporting import Exporting
    from ml_backend.ground_truth import Filters
    from ml_backend.images.loader import PageLoader
    from ml_backend.services import export_index, page_files, read_interface
    from ml_backend.status import followed_project

    settings = load_settings()
    pairs = [one.partition("=") for one in where or ()]
    try:
        filters = Filters.of((name, value) for name, _, value in pairs)
    except ValueError as error:
        raise ExportRefused("bad_filter", str(error)) from None
    with opened(settings) as store, closing(PageLoader(children=1)) as loader, progress() as bar:
        record = followed_project(store, project)
        task = bar.add_task("Exporting", total=store.documents.count(record.uid))
        exporting = Exporting(
            store,
            record,
            read_interface(record.label_config),
            page_files(settings),
            loader.pages,
            export_index(settings),
            step=lambda: bar.advance(task),
        )
        batch = exporting.run(format, target, filters, gzip)
    counted = ", ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in batch.counts.items())
    out.print(escape(f"{batch.id}: {counted or 'no documents'}, in {batch.out}"), highlight=False)
    if left := batch.counts.get("without_pictures", 0):
        err.print(f"[yellow]{left} documents were left out: their pages are not kept (DOCLOOP_KEEP_PAGES).[/yellow]")


@app.command()
def exports(
    project: Annotated[int | None, typer.Option("--project", "-p", help="Only those of this project.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What was exported, when and where to; and which exports hold documents that were deleted since."""
    from dataclasses import asdict

    from ml_backend.services import export_index
    from ml_backend.status import followed_project

    settings = load_settings()
    uid = None
    if project is not None:
        with opened(settings) as store:
            uid = followed_project(store, project).uid
    found = export_index(settings).all(uid)
    if as_json:
        rows = [{name: value for name, value in asdict(batch).items() if name != "contents"} for batch in found]
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("export", "made", "documents", "where", "", box=None, pad_edge=False)
    for batch in found:
        tainted = f"[red]tainted: {batch.deleted} of its documents were deleted[/red]" if batch.deleted else ""
        made = batch.created_at[:16].replace("T", " ")
        table.add_row(escape(batch.id), made, str(batch.counts.get("documents", 0)), escape(batch.out), tainted)
    out.print(table if found else "Nothing was exported yet: docloop export --help")
