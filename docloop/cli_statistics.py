"""Commands about what the corrections say: stats counts them, forecast tells what more documents would bring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from docloop.cli_loop import JsonOption, opened
from docloop.terminal import ProjectOption, app, err, out
from ml_backend.ground_truth.statistics import Statistics
from ml_backend.settings import Settings, load_settings
from ml_backend.store.store import Store


@app.command()
def stats(
    project: ProjectOption,
    as_json: JsonOption = False,
    plot: Annotated[Path | None, typer.Option(help="Also draw them: a .png or .svg file (needs matplotlib).")] = None,
    top: Annotated[int, typer.Option(min=1, max=1000, help="How many of what is most frequent.")] = 10,
) -> None:
    """What annotators left untouched, what they corrected and why, how long it took, and what to do next.

    Example: [bold]docloop stats --project 7 --plot stats.svg[/bold]
    """
    from docloop import plot_statistics, show_statistics

    settings = load_settings()
    if plot is not None:
        plot_statistics.check(plot)
    with opened(settings) as store:
        found = statistics_of(store, settings, project, top).all()
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        out.print(show_statistics.statistics(found))
    if plot is not None:
        plot_statistics.draw(found, plot)
        err.print(f"[dim]drawn: {escape(str(plot))}[/dim]")


@app.command()
def forecast(project: ProjectOption, as_json: JsonOption = False) -> None:
    """What more documents would bring, with how sure that is, and which layouts need them most."""
    from docloop import show_statistics

    settings = load_settings()
    with opened(settings) as store:
        found = statistics_of(store, settings, project).forecast()
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    out.print(show_statistics.forecast(found))


def statistics_of(store: Store, settings: Settings, project: int, top: int = 10) -> Statistics:
    """The statistics of a project by Label Studio's number. Raises DocloopError: it is not followed."""
    from ml_backend.services import model_registry, read_interface
    from ml_backend.status import followed_project

    record = followed_project(store, project)
    specs = read_interface(record.label_config).specs
    registry = model_registry(settings)
    return Statistics(store, registry, record, specs, settings.min_training_samples, top)
