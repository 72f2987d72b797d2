"""Commands about the OCR engine's reading: train-ocr teaches it, readers shows what came of it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from docloop.terminal import app, err, out
from ml_backend.settings import load_settings

WHEEL = "the recogniser of the wheel"
_STAGES = {
    "read": "Reading the lines",
    "general": "Looking at general lines",
    "fit": "Learning",
    "judge": "Judging",
}


@app.command(name="train-ocr")
def train_ocr(
    lines: Annotated[
        Path,
        typer.Option(
            "--lines",
            help="Folder of line images with a rec_gt.txt: path, tab, text (PaddleOCR's format).",
            exists=True,
            file_okay=False,
        ),
    ],
    seed: Annotated[int, typer.Option(min=0, help="The same lines and seed give the same version.")] = 0,
) -> None:
    """Teach the OCR engine to read your print: its recogniser is trained on transcribed lines, also of a script it never had.

    The new version serves only if it misreads less on lines it has not seen, and has not forgotten how to read other print.

    Example: [bold]docloop train-ocr --lines crops/[/bold]
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from ml_backend.readers import readers_in
    from training.reading.fitting import Options
    from training.reading.line_files import LineFolder
    from training.reading.publishing import train_reader

    settings = load_settings()
    folder = LineFolder.open(lines)
    registry = readers_in(settings.data_dir)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=1.0)

        def progress(stage: str, share: float) -> None:
            bar.update(task, description=_STAGES.get(stage, stage), completed=share)

        manifest = train_reader(
            registry,
            folder.lines(lambda share: progress("read", share)),
            lambda: datetime.now(UTC),
            options=Options(seed=seed),
            progress=progress,
        )
    if folder.failed:
        counted = ", ".join(f"{code} {count}" for code, count in sorted(Counter(folder.failed.values()).items()))
        err.print(
            f"[yellow]{len(folder.failed)} of {len(folder.rows)} images cannot be read: {escape(counted)}.[/yellow]"
        )
    learned = f"{manifest.version} has learned from {manifest.settings['lines']:,} lines"
    if new := manifest.settings["new_characters"]:
        learned += f" and has {len(new)} new characters"
    if manifest.settings["case"] == "ignored":
        learned += "; the lines are written in capitals throughout, so it has learned nothing of small letters"
    out.print(escape(f"{learned}."), highlight=False)
    out.print(escape(manifest.verdict), highlight=False)


@app.command()
def readers(
    rollback: Annotated[bool, typer.Option("--rollback", help="Let the reader before serve again.")] = False,
) -> None:
    """The readers that train-ocr has made, with the gate's verdicts; the one that serves is marked."""
    from ml_backend.readers import EVERY_PROJECT, readers_in

    registry = readers_in(load_settings().data_dir)
    if rollback:
        now = registry.rollback(EVERY_PROJECT) or WHEEL
        out.print(f"From their next start, docloop's processes read with {now}.")
        return
    active = registry.active(EVERY_PROJECT)
    table = Table("", "reader", "made", "documents", "verdict", box=None, pad_edge=False)
    table.add_row("" if active else "●", WHEEL, "", "", "what every installation begins with")
    for each in registry.versions(EVERY_PROJECT):
        mark = "●" if each.version == active else ""
        made = each.created_at[:16].replace("T", " ")
        table.add_row(mark, *map(escape, (each.version, made, str(each.samples), each.verdict)))
    out.print(table)
