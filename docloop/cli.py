"""The command line. Each command reads its settings, builds its parts, and leaves the work to them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from docloop import (
    cli_backups,
    cli_doctor,
    cli_exports,
    cli_forget,
    cli_imports,
    cli_loop,
    cli_ocr,
    cli_releases,
    cli_servers,
    cli_statistics,
    cli_tokens,
    draw,
    presets,
    show,
)
from docloop.reading import Reading, read_all
from docloop.sources import expand, url_list
from docloop.terminal import PRESETS, ProjectOption, app, err, out, progress
from ml_backend.errors import DocloopError, SetupError
from ml_backend.file_names import name_of
from ml_backend.images.pages import PageImage
from ml_backend.settings import load_settings

if TYPE_CHECKING:
    from ml_backend.services import Services

_WAIT = 1.0  # seconds between tries to be the one who pushes
__all__ = [
    "app",
    "cli_backups",
    "cli_doctor",
    "cli_exports",
    "cli_forget",
    "cli_imports",
    "cli_loop",
    "cli_ocr",
    "cli_releases",
    "cli_servers",
    "cli_statistics",
    "cli_tokens",
]  # their commands register themselves


def show_version(wanted: bool) -> None:
    if wanted:
        out.print(f"docloop {version('docloop')}", highlight=False)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """What all commands share."""


@app.command()
def predict(
    sources: Annotated[list[str], typer.Argument(help="Images, PDFs, folders of them, or http(s) URLs.")],
    interface: Annotated[
        str,
        typer.Option("--interface", "-i", help=f"Which fields: an XML file, or one of {PRESETS}."),
    ] = "receipt",
    as_json: Annotated[bool, typer.Option("--json", help="Words and fields as JSON, one document a line.")] = False,
    drawing: Annotated[
        Path | None,
        typer.Option("--draw", help="Folder for pictures of the pages with boxes and labels.", file_okay=False),
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Also the whole text, line by line.")] = False,
    engine: Annotated[str | None, typer.Option(help="OCR engine, or a chain such as rapidocr,tesseract.")] = None,
) -> None:
    """Read documents and show their fields. Needs no Label Studio.

    One file that fails does not stop the others; the exit status is then 1.

    Examples: [bold]docloop predict receipt.jpg[/bold], [bold]docloop predict scans/ --json > fields.jsonl[/bold]
    """
    from ml_backend.services import build_services

    services = build_services(load_settings(ocr_engine=engine), any_public_host=True)
    taken: set[Path] = set()
    failed = 0
    try:
        specs = services.interface(presets.load_interface_xml(interface)).specs
        names = list(expand(sources))
        with progress(out if out.is_terminal and not as_json else err) as bar:
            readings = bar.track(read_all(services, specs, names), len(names), description="Reading")
            for source, reading in readings:
                if not isinstance(reading, Reading):
                    failed += 1
                    _complain(source, reading, bar.console)
                    if as_json:
                        _line({"source": source, "error": {"code": reading.code, "detail": str(reading)}})
                    continue
                if as_json:
                    _line(show.as_json(source, reading.document, reading.prediction))
                else:
                    out.print(show.table(escape(source), reading.prediction))
                if text and not as_json:
                    out.print(show.text(reading.document))
                if drawing:
                    for path in _draw(drawing, name_of(source), services.loader.pages(reading.data), reading, taken):
                        bar.console.print(f"[dim]drawn: {escape(str(path))}[/dim]")
    finally:
        services.close()
    if failed:
        raise typer.Exit(1)


def _complain(source: str, error: DocloopError, console: Console = err) -> None:
    """What failed and why; while a progress bar is shown, above it."""
    (console if console.is_terminal else err).print(
        f"[red]{escape(source)}: {escape(str(error))}[/red] [dim]({error.code})[/dim]"
    )


def _line(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))


def _draw(folder: Path, name: str, images: Iterable[PageImage], reading: Reading, taken: set[Path]) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    pages = reading.document.pages
    for number, (image, page) in enumerate(zip(images, pages, strict=True)):
        path = draw.unused(folder, draw.drawing_name(name, number, len(pages)), taken)
        fields = [found for found in reading.prediction.fields if found.page == number]
        draw.draw_page(image.image, page, fields).save(path)
        yield path


@app.command()
def create(
    title: Annotated[str, typer.Argument(help="Title of the new project, at least 3 characters.")],
    interface: Annotated[
        str, typer.Option("--interface", "-i", help=f"An XML file, or one of {PRESETS}; receipt when left out.")
    ] = "",
    like: Annotated[int | None, typer.Option(help="Take the interface of this project instead.")] = None,
) -> None:
    """Create a project in Label Studio that serves the least certain document first."""
    from ml_backend.services import LabelStudioAccess, read_interface

    if interface and like is not None:
        raise SetupError("two_interfaces", "--interface and --like name an interface each.", "Leave one of them out.")
    settings = load_settings()
    client = LabelStudioAccess(settings).client
    xml = presets.load_interface_xml(interface or "receipt") if like is None else client().project(like).label_config
    read_interface(xml)
    made = client().create_project(title, xml)
    out.print(f"Project {made.id} “{escape(made.title)}”: {settings.data_link(made.id)}")


@app.command(name="import")
def import_command(
    project: ProjectOption,
    sources: Annotated[list[str] | None, typer.Argument(help="Images, PDFs, folders of them, or http(s) URLs.")] = None,
    urls: Annotated[Path | None, typer.Option(help="A text file with one URL a line.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Take what failed the last time.")] = False,
) -> None:
    """Upload documents to a project, each once: what has the same SHA-256 as one that is there is skipped.

    PDFs become page images: one task a document where the interface has valueList, one a page elsewhere. What fails is kept in a
    list; [bold]docloop import --project 7 --retry-failed[/bold] tries it again.
    """
    from docloop.import_files import FailedSources, Import, ImportReport
    from ml_backend.services import build_services, failed_imports

    settings = load_settings()
    services = build_services(settings, any_public_host=True)
    failures = FailedSources(failed_imports(settings, project))
    names = list(expand(sources or [])) + (url_list(urls) if urls else []) + (failures.read() if retry_failed else [])
    report = ImportReport()
    try:
        if not names:
            said = "Nothing failed the last time." if retry_failed else "There is nothing to import."
            raise SetupError(
                "nothing_to_import", said, "Name files, folders, http(s) URLs, or a list of URLs with --urls."
            )
        label_studio = services.access.client()
        target = services.interface(label_studio.project(project).label_config)
        with progress() as bar:
            moving = bar.add_task("Importing", total=len(names))
            job = Import(label_studio, services.loader, lambda url: services.predictor.fetch(url, 0), project, target)
            job.run(names, report, lambda: bar.advance(moving))
    finally:
        services.close()
        failures.update(report)
    for source, error in report.failed.items():
        _complain(source, error)
    out.print(f"{report.imported} imported, {report.skipped} there already, {len(report.failed)} failed.")
    if report.failed:
        err.print(f"Try those again: [bold]docloop import --project {project} --retry-failed[/bold]")
        raise typer.Exit(1)


@app.command()
def push(project: ProjectOption) -> None:
    """Predict all open tasks that have no current prediction, and store the predictions in Label Studio."""
    from training.push import PushReport
    from training.push_job import PUSH_RUNNING, Pusher, build_ranking_services

    services = build_ranking_services(load_settings())
    try:
        with progress() as bar:
            moving = bar.add_task("Predicting", total=None)

            def show_progress(report: PushReport) -> None:
                bar.update(moving, total=report.total, completed=report.done)

            _look(services, project)
            report = None
            while report is None:
                try:
                    report = Pusher(services).push(project, show_progress)
                except DocloopError as busy:
                    if busy.code != PUSH_RUNNING:
                        raise
                    bar.update(moving, description="Waiting for docloop serve, or another push")
                    time.sleep(_WAIT)
    finally:
        services.close()
    for task, error in report.failed.items():
        err.print(f"[red]task {task}: {escape(str(error))}[/red] [dim]({error.code})[/dim]")
    if report.refused:
        err.print(f"[red]Label Studio did not keep {report.refused} predictions; its log says why.[/red]")
    out.print(
        f"{report.pushed} pushed, {report.current} up to date, {len(report.failed)} failed;"
        f" {report.total} tasks, version {report.version}."
    )
    if report.failed or report.refused:
        raise typer.Exit(1)


def _look(services: Services, project: int) -> None:
    """Reconcile first; where the worker is at it, its look will do."""
    from ml_backend.store.holding import held
    from training.look import look
    from training.pauses import Pauses

    with held(services.store, f"look-{project}") as mine:
        if mine:
            look(services, project, Pauses(time.monotonic))


@app.command()
def credentials() -> None:
    """Show docloop's user, password and tokens, for Label Studio's Model settings and for scripts."""
    from ml_backend.credentials import load_credentials

    secrets = load_credentials(load_settings())
    out.print(f"user            {secrets.user}\npassword        {secrets.password}", highlight=False, markup=False)
    out.print(
        f"API token       {secrets.api_token}\nwebhook secret  {secrets.webhook_secret}", highlight=False, markup=False
    )


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path(".demo"),
    label_studio: Annotated[
        Path, typer.Option("--label-studio", help="Environment that Label Studio is installed in.")
    ] = Path(".label-studio"),
    port: Annotated[int, typer.Option(help="Port of Label Studio.")] = 8080,
    backend_port: Annotated[int, typer.Option(help="Port of docloop.")] = 9090,
    samples: Annotated[int, typer.Option(min=1, max=500, help="How many sample receipts.")] = 40,
    simulate: Annotated[int, typer.Option(min=0, max=480, help="Play an annotator of so many receipts.")] = 0,
) -> None:
    """Start Label Studio and docloop with sample receipts, ready to look at. Ctrl-C stops both."""
    from docloop.demo.run import SPARE, DemoPlan, run_demo

    needed = max(samples, simulate + SPARE) if simulate else samples
    run_demo(DemoPlan(folder.resolve(), label_studio.resolve(), port, backend_port, needed, simulate), err)
