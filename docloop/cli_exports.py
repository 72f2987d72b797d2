"""Commands about ground truth: export gives it out, exports shows what was given out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from docloop.cli_loop import JsonOption, opened
from docloop.show_loop import table, taint
from docloop.terminal import ProjectOption, app, err, out, progress
from ml_backend.document.splits import SPLITS
from ml_backend.exports.formats import JSONL, formats
from ml_backend.ground_truth.filters import NAMES
from ml_backend.settings import load_settings

_FORMATS, _FILTERS = (
    "\n\n".join(f"[bold]{name}[/bold]: {about}" for name, about in lines.items()) for lines in (formats(), NAMES)
)


@app.command(
    epilog=f"Formats:\n\n{_FORMATS}\n\nFilters (--where NAME=VALUE, as often as you like; all must hold):\n\n{_FILTERS}"
)
def export(
    project: ProjectOption,
    target: Annotated[Path, typer.Option("--out", help="Where to: a new file for jsonl, else a new folder.")],
    format: Annotated[str, typer.Option("--format", "-f", help="jsonl, or one of those below.")] = "jsonl",
    where: Annotated[list[str] | None, typer.Option(help="A filter, such as since=2026-01-31; see below.")] = None,
    gzip: Annotated[
        bool, typer.Option("--gzip", help="Pack the lines of jsonl, into a file that ends in .gz.")
    ] = False,
) -> None:
    """Give the corrections out as ground truth, in a format that a trainer reads.

    Example: [bold]docloop export --project 7 --out truth.jsonl --where has_corrections=true --where since=2026-01-31[/bold]
    """
    from ml_backend.errors import ExportRefused
    from ml_backend.exporting import Exporting
    from ml_backend.ground_truth import Filters
    from ml_backend.ground_truth.known import refuse_unknown
    from ml_backend.images.loader import PageLoader
    from ml_backend.services import export_index, page_files, read_interface
    from ml_backend.status import followed_project

    settings = load_settings()
    pairs = [one.partition("=") for one in where or ()]
    with opened(settings) as store, closing(PageLoader(children=1)) as loader, progress() as bar:
        record = followed_project(store, project)
        interface = read_interface(record.label_config)
        try:
            filters = Filters.of((name, value) for name, _, value in pairs)
            refuse_unknown(filters, store, record.uid, [spec.label for spec in interface.specs])
        except ValueError as error:
            raise ExportRefused("bad_filter", str(error)) from None
        task = bar.add_task("Exporting", total=store.documents.count(record.uid))
        exporting = Exporting(
            store,
            record,
            interface,
            page_files(settings),
            loader.pages,
            export_index(settings),
            step=lambda: bar.advance(task),
        )
        batch = exporting.run(format, target, filters, gzip)
    out.print(escape(f"{batch.id}: {_counted(batch.counts)}, in {batch.out}"), highlight=False, soft_wrap=True)
    if format != JSONL and not filters.approved_only:
        err.print(f"[yellow]approved_only=false changes nothing here: {format} has approved documents alone.[/yellow]")
    if not batch.counts["documents"]:
        err.print("[yellow]No document passes the filters.[/yellow]")
    if left := batch.counts.get("without_pictures", 0):
        err.print(f"[yellow]{left} documents were left out: their pages are not kept (DOCLOOP_KEEP_PAGES).[/yellow]")
    if unsure := batch.counts.get("fields_unsure", 0):
        err.print(
            f"[yellow]{unsure} fields have words that do not say what was confirmed (see docs/exports.md).[/yellow]"
        )


def _counted(counts: Mapping[str, int]) -> str:
    """``12 documents (train 11, val 1), fields 24``."""
    splits = {f"documents_{split}": split for split in SPLITS}
    parts = ", ".join(f"{splits[name]} {counts[name]:,}" for name in splits if name in counts)
    others = [f"{name.replace('_', ' ')} {counts[name]:,}" for name in counts if name not in ("documents", *splits)]
    number = counts.get("documents", 0)
    whole = f"{number:,} document{'' if number == 1 else 's'}" + (f" ({parts})" if parts else "")
    return ", ".join([whole, *others])


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
        batches = [{name: value for name, value in asdict(batch).items() if name != "held"} for batch in found]
        typer.echo(json.dumps(batches, ensure_ascii=False))
        return
    rows = table("Exports", "made", "export", "documents", "where", "tainted")
    for batch in found:
        made = batch.created_at[:16].replace("T", " ")
        documents = f"{batch.counts.get('documents', 0):,}"
        rows.add_row(made, escape(batch.id), documents, escape(batch.out), taint(batch.deleted))
    out.print(rows if found else "Nothing was exported yet: docloop export --help")
