"""Commands for backups: take one, look at one, restore one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from docloop.terminal import app, err, out
from ml_backend.settings import load_settings


@app.command()
def backup(
    path: Annotated[Path, typer.Argument(help="File to write, such as docloop-2026-11-20.tar.gz.")],
    pages: Annotated[
        bool, typer.Option(help="With the page files of confirmed documents, which are most of it.")
    ] = True,
) -> None:
    """Write everything docloop has into one file: database, models, pages, secrets. docloop may run meanwhile.

    The file holds secrets and what documents say; only you can read it. Label Studio has data of its own: back that up, too.

    Example: [bold]docloop backup docloop-monday.tar.gz[/bold]
    """
    from docloop.backups import back_up

    with err.status("Writing ..."):
        made = back_up(load_settings(), path, pages)
    size = path.stat().st_size
    out.print(
        escape(f"{path}: {made.files:,} files and tables, {size / 1e6:,.1f} MB."), highlight=False, soft_wrap=True
    )


@app.command()
def restore(
    path: Annotated[Path, typer.Argument(help="A file that docloop backup has written.", exists=True, dir_okay=False)],
    check: Annotated[bool, typer.Option("--check", help="Only compare every byte with its hash.")] = False,
) -> None:
    """Fill an empty installation from a backup; SQLite or PostgreSQL, whichever it was taken from.

    So an installation also moves: take a backup, set DOCLOOP_STORE_URL to the new database, restore. docloop must be stopped.

    Example: [bold]DOCLOOP_DATA_DIR=~/new docloop restore docloop-monday.tar.gz[/bold]
    """
    from docloop import backups

    settings = load_settings()
    with err.status("Checking ..." if check else "Restoring ..."):
        found = backups.check(path) if check else backups.restore(settings, path)
    at = datetime.fromtimestamp(found.at, UTC)
    done = "is whole" if check else "is restored"
    said = f"{path} {done}: of {at:%Y-%m-%d %H:%M} UTC, {found.files:,} files and tables."
    out.print(escape(said), highlight=False, soft_wrap=True)
