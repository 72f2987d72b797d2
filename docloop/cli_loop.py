"""Commands about learning: status, train, cancel, pause, resume, corrections, next, versions, report, promote, rollback."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.live import Live
from rich.markup import escape

from docloop.terminal import ProjectOption, app, err, out
from ml_backend.errors import DocloopError
from ml_backend.settings import Settings, load_settings
from ml_backend.store.records import RunRecord
from ml_backend.store.store import Store

if TYPE_CHECKING:
    from ml_backend.serving import Served

JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]
_FILLED = "they come from what annotators change and submit in Label Studio, a minute later at most."
_LOOK = 2.0  # seconds between looks of --watch
_WAIT = 0.5  # and between those of train --wait


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The store of this installation, closed at the end."""
    from ml_backend.services import store_url
    from ml_backend.store.store import open_store

    store = open_store(store_url(settings))
    try:
        yield store
    finally:
        store.close()


@app.command()
def status(
    project: Annotated[
        int | None,
        typer.Option("--project", "-p", help="Number of the project in Label Studio; left out: all, or the only one."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """What is learned, what runs, and why training did or did not start."""
    from docloop import show_loop
    from ml_backend.services import model_registry, reader_mark
    from ml_backend.status import project_rows, project_status

    settings = load_settings()
    with opened(settings) as store:
        number = project if project is not None else _only_project(store)

        def look() -> Any:
            registry = model_registry(settings)
            if number is None:
                return project_rows(store, registry)
            return project_status(store, registry, number, time.time(), partial(reader_mark, settings))

        show: Callable[[Any], RenderableType] = show_loop.projects if number is None else show_loop.status
        found = look()
        if as_json:
            typer.echo(json.dumps(found, ensure_ascii=False))
            return
        if not watch:
            out.print(show(found))
            return
        with Live(show(found), console=out, auto_refresh=False) as live:
            try:
                while True:
                    time.sleep(_LOOK)
                    live.update(show(look()), refresh=True)
            except KeyboardInterrupt:
                return


def _only_project(store: Store) -> int | None:
    """The project that is meant where none is named: the only one that is followed."""
    known = store.projects.all()
    meant = [record for record in known if record.followed] or known
    return meant[0].project_id if len(meant) == 1 else None


class ScratchSize(StrEnum):
    """How large a network with random weights is."""

    small = "small"
    base = "base"


@app.command()
def train(
    project: ProjectOption,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the verdict.")] = False,
    layout: Annotated[
        bool | None,
        typer.Option(
            "--layout/--no-layout",
            help="Whether this training also makes a layout model; DOCLOOP_LAYOUT_MODEL if not said.",
        ),
    ] = None,
    from_scratch: Annotated[
        ScratchSize | None,
        typer.Option(help="With a layout model of this size and random weights: no base model, many documents."),
    ] = None,
    release: Annotated[
        str, typer.Option(help="On this dataset release instead of today's documents; docloop releases lists them.")
    ] = "",
) -> None:
    """Ask for a training now, also below the threshold. The running worker does it; the request is kept until it does."""
    from docloop import show_loop
    from ml_backend.pausing import paused
    from ml_backend.services import make_hints, model_registry
    from ml_backend.status import followed_project
    from ml_backend.train_requests import request_training, training_options

    settings = load_settings()
    options = training_options(layout, from_scratch.value if from_scratch else None, release)
    with opened(settings) as store:
        record = followed_project(store, project)
        last = max((run.number for run in store.runs.latest(record.uid, 1)), default=0)
        hints = make_hints(settings)
        options = request_training(store, hints, record, "docloop train", time.time(), options)
        out.print(f"The request to train project {project} is kept; docloop serve (or docloop worker) does it.")
        if options.get("layout", settings.layout_model) and not options.get("from_scratch", settings.from_scratch):
            out.print(escape(_licence(settings.base_model)))
        if paused(store, record.uid, time.time()):
            out.print(f"The project rests, so it begins after docloop resume --project {project}.")
        if not wait:
            return
        run = _ended_run(store, record.uid, project, last)
        out.print(escape(run.verdict or f"The run {run.state}: {run.reason}"))
        if run.state != "succeeded":
            raise typer.Exit(1)
        made = model_registry(settings).get(record.uid, run.version)[0]
        for said in filter(None, (show_loop.lacks(made), show_loop.base_of(made))):
            out.print(said)


def _licence(base_model: str) -> str:
    """Under which licence the weights come that a layout model begins with: to be known before hours are spent."""
    from training.trainers.layout_model.licences import licence_of

    known = licence_of(base_model, "", Path(base_model).expanduser())
    return f"It begins with {base_model}, licence of the weights: {known or 'shown by docloop status when they are opened'}."


def _ended_run(store: Store, uid: str, project: int, last: int) -> RunRecord:
    """The run that the request is followed by, at its end."""
    from docloop import show_loop
    from ml_backend.status import WORKER

    asked_at = time.time()
    with err.status("Waiting for the worker ...") as shown:
        while True:
            if not store.leases.held(WORKER, time.time()):
                shown.update("No worker is running: start docloop serve (or docloop worker) ...")
            run = next(iter(store.runs.latest(uid, 1)), None)
            if run is not None and run.number > last:
                if run.state not in ("requested", "running"):
                    return run
                left = run.seconds_left(time.time())
                shown.update(f"Run {run.number}: {show_loop.progress(run.stage or run.state, run.progress, left)}")
            elif not any(request.project_id == project for request in store.runs.requests()):
                record = store.projects.get(uid)
                if record is not None and record.answered_at >= asked_at:
                    out.print(escape(record.refusal or record.answer))
                    raise typer.Exit(1)
            time.sleep(_WAIT)


@app.command()
def cancel(project: ProjectOption) -> None:
    """Stop the training that runs or waits, and take requests back."""
    from ml_backend.services import make_hints
    from ml_backend.status import followed_project
    from ml_backend.train_requests import cancel_training

    settings = load_settings()
    with opened(settings) as store:
        out.print(cancel_training(store, make_hints(settings), followed_project(store, project)))


@app.command()
def pause(project: ProjectOption) -> None:
    """Let a project rest: nothing is predicted in advance and no training begins until docloop resume.

    What annotators do is still collected. A training that runs goes on: docloop cancel stops it.
    """
    from ml_backend.pausing import pause as let_rest
    from ml_backend.status import followed_project

    with opened(load_settings()) as store:
        let_rest(store, followed_project(store, project), time.time())
    out.print(
        f"Project {project} rests until docloop resume --project {project}. What annotators do is still collected."
    )


@app.command()
def resume(project: ProjectOption) -> None:
    """Let docloop work on a project again that docloop pause, the admin page or REST has let rest."""
    from ml_backend.pausing import resume as work_again
    from ml_backend.services import make_hints
    from ml_backend.status import followed_project

    settings = load_settings()
    with opened(settings) as store:
        work_again(store, make_hints(settings), followed_project(store, project))
    out.print(f"docloop works on project {project} again; a running worker looks at it within seconds.")


@app.command()
def corrections(
    project: ProjectOption,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="Also fields that were confirmed as they were.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Every difference between what was predicted and what was submitted, with its cause; --json has the confirmed ones, too."""
    from docloop import show_loop
    from ml_backend.status import followed_project

    with opened(load_settings()) as store:
        uid = followed_project(store, project).uid
        if as_json:
            for correction in store.ledger.corrections(uid, limit):
                typer.echo(json.dumps(asdict(correction), ensure_ascii=False))
            return
        found = (each for each in store.ledger.corrections(uid) if everything or each.kind != "confirmed")
        rows, uses = list(islice(found, limit)), store.statistics.uses(uid)
        out.print(show_loop.corrections(rows) if rows else f"No corrections yet: {_FILLED}")
        if uses:
            out.print(show_loop.uses(uses))


@app.command(name="next")
def next_command(
    project: ProjectOption,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """The open documents, the one most worth annotating first, with the reasons."""
    from docloop import show_loop
    from ml_backend.document.version_names import version_name
    from ml_backend.services import champions_in, model_registry, models_folder, reader_mark
    from ml_backend.status import followed_project, recommendations

    settings = load_settings()
    with opened(settings) as store:
        record = followed_project(store, project)
        model = champions_in(models_folder(settings), settings.country, model_registry(settings)).version_of(record.uid)
        version = version_name(model, record.fingerprint, reader_mark(settings, record.uid))
        link = settings.task_link(project)
        found = recommendations(store, project, version, link, limit)
        if as_json:
            typer.echo(json.dumps(found, ensure_ascii=False))
            return
        if found:
            out.print(show_loop.recommendations(found))
        elif waiting := store.documents.count(record.uid, open_only=True):
            said = f"{waiting:,} open, none with a prediction of {escape(version)} yet"
            out.print(f"{said}: docloop serve predicts them, or docloop push --project {project}.")
        else:
            out.print(f"Nothing is open. More documents: docloop import FILES --project {project}")


@app.command()
def versions(project: ProjectOption, as_json: JsonOption = False) -> None:
    """The model versions of a project, with the gate's verdicts; the champion is marked."""
    from docloop import show_loop
    from ml_backend.services import model_registry
    from ml_backend.status import followed_project, tainted_versions

    settings = load_settings()
    registry = model_registry(settings)
    with opened(settings) as store:
        uid = followed_project(store, project).uid
        tainted = tainted_versions(store, registry, uid)
    found, active = registry.versions(uid), registry.active(uid)
    if as_json:
        more = [{"champion": each.version == active, "deleted": tainted.get(each.version, 0)} for each in found]
        typer.echo(json.dumps([{**asdict(each), **said} for each, said in zip(found, more, strict=True)]))
        return
    out.print(show_loop.versions(found, active, tainted))


@app.command()
def report(
    project: ProjectOption,
    version: Annotated[str, typer.Argument(help="Such as fields-3; the newest one when left out.")] = "",
    browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """The page that shows what a version learned: fields, confusions, reliability, worst documents. It quotes documents."""
    from ml_backend.services import model_registry
    from ml_backend.status import followed_project
    from training.report.page import FILE

    settings = load_settings()
    with opened(settings) as store:
        uid = followed_project(store, project).uid
    registry = model_registry(settings)
    newest = next((each.version for each in reversed(registry.versions(uid))), "")
    if not (version or newest):
        raise DocloopError("no_version", f"Project {project} has no model version yet.", "Train one: docloop train.")
    manifest, folder = registry.get(uid, version or newest)
    if FILE not in manifest.files:
        raise DocloopError("no_report", f"{manifest.version} was made without a report.", "Newer versions have one.")
    typer.echo(folder / FILE)
    if browser:
        typer.launch(str(folder / FILE))


@app.command()
def rollback(project: ProjectOption) -> None:
    """Let the version before serve again; open tasks get its predictions back."""
    from ml_backend.services import make_hints, model_registry
    from ml_backend.serving import roll_back
    from ml_backend.status import followed_project

    settings = load_settings()
    with opened(settings) as store:
        record = followed_project(store, project)
    _said(project, roll_back(model_registry(settings), make_hints(settings), record))


@app.command()
def promote(
    project: ProjectOption,
    version: Annotated[str, typer.Argument(help="Such as fields-3; docloop versions lists them.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, though the gate kept it back.")] = False,
) -> None:
    """Let a version serve although the gate kept it back, or again. What the gate said comes first; in a terminal it asks."""
    from ml_backend.services import make_hints, model_registry
    from ml_backend.serving import promote as promote_version
    from ml_backend.status import followed_project

    settings = load_settings()
    with opened(settings) as store:
        record = followed_project(store, project)
    registry = model_registry(settings)
    manifest, _ = registry.get(record.uid, version)
    if registry.active(record.uid) != version:
        if manifest.verdict:
            kept = "" if manifest.promoted else f"The gate had kept {version} back. "
            out.print(f"{kept}It said then: {escape(manifest.verdict)}")
        if not (manifest.promoted or yes) and _at_a_terminal():
            typer.confirm(f"Let {version} serve all the same?", abort=True)
    _said(project, promote_version(registry, make_hints(settings), record, version))


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _said(project: int, served: Served) -> None:
    if not served.changed:
        out.print(f"Project {project} is served by {served.name} already.")
        return
    out.print(f"Project {project} is served by {served.name}; the worker pushes its predictions for the open tasks.")
