"""The command that deletes what docloop has of a project."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from docloop.terminal import ProjectOption, app, out
from ml_backend.settings import load_settings


@app.command()
def forget(
    project: ProjectOption,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete everything that docloop has of a project: documents, corrections, samples, pages, models, what was read.

    Of a project that is deleted in Label Studio this happens by itself; here it is done by hand, where docloop cannot be sure of
    that, or before a project is let go. Label Studio is not asked and not changed: a project that is still connected there is
    followed from the beginning again at the next look. Exports that were written elsewhere are not reached.

    Example: [bold]docloop forget --project 7[/bold]
    """
    from ml_backend.services import build_services
    from ml_backend.status import followed_project
    from training.forgetting import forget_project

    services = build_services(load_settings())
    try:
        record = followed_project(services.store, project)
        count = services.store.documents.count(record.uid)
        if not yes:
            typer.confirm(f"Delete all of project {project}: {count:,} documents and its model versions?", abort=True)
        forget_project(services, record, time.time())
    finally:
        services.close()
    out.print(f"docloop has nothing of project {project} any more.")
