"""Commands about the OCR engine's reading: train-ocr teaches it, readers shows what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from docloop.cli_loop import opened
from docloop.terminal import app, err, out
from ml_backend.errors import DocloopError
from ml_backend.settings import Settings, load_settings

if TYPE_CHECKING:
    from ml_backend.models.manifest import Manifest
    from training.reading.lines import TranscribedLine

WHEEL = "the recogniser of the wheel"
OF_ALL = " of all projects"
_ONE_OF = "Give one of the two: docloop train-ocr --lines DIR, or docloop train-ocr --project N."
_STAGES = {
    "read": "Reading the lines",
    "general": "Looking at general lines",
    "fit": "Learning",
    "whole": "Learning, the network before the last layer",
    "judge": "Judging",
}
_LINES = typer.Option(
    "--lines",
    help="Folder of line images with a rec_gt.txt: path, tab, text (PaddleOCR's format). For all projects.",
    exists=True,
    file_okay=False,
)
_PROJECT = typer.Option(
    "--project", "-p", help="From the confirmed documents of a project in Label Studio, and for that one."
)


@app.command(name="train-ocr")
def train_ocr(
    lines: Annotated[Path | None, _LINES] = None,
    project: Annotated[int | None, _PROJECT] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same lines and seed give the same version.")] = 0,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="Train all of the network that stands behind its convolutions, with torch, not the last layer alone.",
        ),
    ] = False,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="With --whole: take the best network after so many minutes.")
    ] = 10.0,
) -> None:
    """Teach the OCR engine to read your print: its recogniser is trained on transcribed lines, also of a script it never had.

    The new version serves only if it misreads less on lines it has not seen, and has not forgotten how to read other print.

    Example: [bold]docloop train-ocr --project 7[/bold], or [bold]docloop train-ocr --lines crops/[/bold]
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from ml_backend.services import reader_registry
    from training.reading.fitting import Options
    from training.reading.publishing import train_reader
    from training.reading.whole.options import WholeOptions

    settings = load_settings()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    with _material(settings, lines, project) as material, bar:
        task = bar.add_task("", total=1.0)

        def progress(stage: str, share: float) -> None:
            bar.update(task, description=_STAGES.get(stage, stage), completed=share)

        manifest = train_reader(
            reader_registry(settings),
            material.lines(lambda share: progress("read", share)),
            lambda: datetime.now(UTC),
            project_uid=material.uid,
            options=Options(seed=seed, whole=WholeOptions(minutes, seed=seed) if whole else None),
            progress=progress,
        )
    if left := material.left_out():
        err.print(f"[yellow]{escape(left)}[/yellow]")
    out.print(escape(_learned(manifest)), highlight=False)
    out.print(escape(manifest.verdict), highlight=False)
    if manifest.promoted:
        _say_who_reads(settings, project, material.uid)


def _learned(manifest: Manifest) -> str:
    learned = f"{manifest.version} has learned from {manifest.settings['lines']:,} lines"
    if new := manifest.settings["new_characters"]:
        learned += f" and has {len(new)} new characters"
    if manifest.settings["case"] == "ignored":
        learned += "; the lines are written in capitals throughout, so it has learned nothing of small letters"
    return f"{learned}."


@dataclass(frozen=True, slots=True)
class _Material:
    """What is learned from: for whom, the lines, ``what`` they are cut out of, and how much of that was passed over and why."""

    uid: str
    lines: Callable[[Callable[[float], None]], Iterator[TranscribedLine]]
    what: str
    passed: Callable[[], Counter[str]]

    def left_out(self) -> str:
        """A sentence, once the lines were asked for; empty where nothing was passed over."""
        passed = +self.passed()
        counted = ", ".join(f"{reason} {count}" for reason, count in sorted(passed.items()))
        return f"{passed.total()} of {self.what} cannot be read: {counted}." if passed else ""


@contextmanager
def _material(settings: Settings, folder: Path | None, project: int | None) -> Iterator[_Material]:
    """The folder's lines for all projects, or the project's for itself; exactly one of the two is asked for."""
    from ml_backend.ocr.recogniser.graph import Graph
    from ml_backend.ocr.recogniser.version import wheel_recogniser
    from ml_backend.readers import EVERY_PROJECT
    from ml_backend.services import page_files
    from ml_backend.status import followed_project
    from training.reading.line_files import LineFolder
    from training.reading.project_lines import ProjectLines

    if (folder is None) == (project is None):
        raise DocloopError("what_to_learn", "Lines come either from a folder or from a project.", _ONE_OF)
    if folder is not None:
        rows = LineFolder.open(folder)
        what = f"{len(rows.rows):,} images"
        yield _Material(EVERY_PROJECT, rows.lines, what, lambda: Counter(rows.failed.values()))
    if project is not None:
        with opened(settings) as store:
            mine = ProjectLines.of(store, page_files(settings), followed_project(store, project).uid)
            alphabet = Graph(wheel_recogniser()).head.alphabet
            what = f"{len(mine.contents):,} confirmed documents"
            yield _Material(mine.project_uid, partial(mine.lines, alphabet), what, lambda: mine.without)


@app.command()
def readers(
    project: Annotated[
        int | None,
        typer.Option("--project", "-p", help="The readers of one project in Label Studio, not those of all."),
    ] = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="Let the reader before serve again.")] = False,
) -> None:
    """The readers that train-ocr has made, with the gate's verdicts; the one that serves is marked."""
    from ml_backend.readers import EVERY_PROJECT, best_reader
    from ml_backend.services import reader_registry

    settings = load_settings()
    uid = _uid(settings, project) if project else EVERY_PROJECT
    registry = reader_registry(settings)
    if rollback:
        registry.rollback(uid)
        _say_who_reads(settings, project, uid)
        return
    best = best_reader(registry, uid)
    serving = (best.folder.parent.name if best.folder else "", best.version)
    table = Table("", "reader", "made", "documents", "verdict", box=None, pad_edge=False)
    table.add_row("" if best.version else "●", WHEEL, "", "", "what every installation begins with")
    for place in dict.fromkeys((EVERY_PROJECT, uid)):
        for each in registry.versions(place):
            name = each.version if place == uid else f"{each.version}{OF_ALL}"
            made = each.created_at[:16].replace("T", " ")
            mark = "●" if serving == (place, each.version) else ""
            table.add_row(mark, *map(escape, (name, made, str(each.samples), each.verdict)))
    out.print(table)
    if best.reason:
        err.print(f"[red]{escape(best.reason)}[/red]")


def _say_who_reads(settings: Settings, project: int | None, uid: str) -> None:
    """After a change. Running processes look who reads at every page; the worker does, when it pushes."""
    from ml_backend.readers import best_reader
    from ml_backend.services import learns_to_read, make_hints, reader_registry

    best = best_reader(reader_registry(settings), uid)
    own = best.folder is None or best.folder.parent.name == uid
    name = (best.version or WHEEL) if own else f"{best.version}{OF_ALL}"
    whose = f"Project {project}" if project else "Every project without a reader of its own"
    if not learns_to_read(settings):
        err.print(f"[yellow]{name} reads nothing: DOCLOOP_OCR_ENGINE is {escape(settings.ocr_engine)}.[/yellow]")
        return
    if project:
        make_hints(settings).leave(project)
    out.print(f"{whose} is read by {name} from the next page on; open tasks are read and predicted again.")


def _uid(settings: Settings, project: int) -> str:
    from ml_backend.status import followed_project

    with opened(settings) as store:
        return followed_project(store, project).uid
