"""Commands that run: serve (web and worker), web, worker; and connect, which tells Label Studio where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from docloop import cli_doctor
from docloop.terminal import ProjectOption, app, err, out
from ml_backend import logs
from ml_backend.errors import SetupError
from ml_backend.file_names import is_url
from ml_backend.settings import Settings, load_settings

if TYPE_CHECKING:
    from ml_backend.label_studio.client import LabelStudio

HostOption = Annotated[str | None, typer.Option(help="Address to listen on.")]
PortOption = Annotated[int | None, typer.Option(help="Port to listen on.")]


@app.command()
def serve(host: HostOption = None, port: PortOption = None) -> None:
    """Run docloop: answer Label Studio, predict in advance, learn. It is docloop web and docloop worker in one."""
    from docloop.processes import own
    from docloop.processes import serve as run

    settings = _checked(load_settings(host=host, port=port))
    for role in ("web", "worker"):
        with own(settings.data_dir, role):
            pass  # said here, where it is read; each process holds its own
    arguments = [text for name, value in (("--host", host), ("--port", port)) if value for text in (name, str(value))]
    raise typer.Exit(run(arguments))


@app.command()
def web(host: HostOption = None, port: PortOption = None) -> None:
    """Answer Label Studio only; docloop worker, with the same data folder, does the rest."""
    from docloop.processes import own
    from docloop.server import Server
    from ml_backend.credentials import load_credentials
    from ml_backend.web.auth import warn_of_short_secrets

    settings = _checked(load_settings(host=host, port=port), quiet=False)
    _log_as("web", settings)
    warn_of_short_secrets(load_credentials(settings))
    with own(settings.data_dir, "web"):
        Server(settings).run()


@app.command()
def worker() -> None:
    """Follow the connected projects: keep the ledger, predict in advance, train, promote."""
    from docloop.processes import own
    from training.worker import run_worker

    settings = load_settings()
    if not settings.label_studio_token.get_secret_value():
        _warn_of_missing_token()
    if settings.metrics_port:
        _checked_address(settings, settings.metrics_port)
    _log_as("worker", settings)
    with own(settings.data_dir, "worker"):
        run_worker(settings)


def _log_as(role: str, settings: Settings) -> None:
    from ml_backend.credentials import all_secrets, load_credentials

    logs.configure(role, settings.log_format, settings.log_level, all_secrets(settings, load_credentials(settings)))


def _checked_address(settings: Settings, port: int) -> None:
    from docloop.server import check_port
    from ml_backend.credentials import load_credentials
    from ml_backend.web.auth import refuse_unsafe_bind

    refuse_unsafe_bind(settings.host, load_credentials(settings))
    check_port(settings.host, port)


def _checked(settings: Settings, quiet: bool = True) -> Settings:
    """What is better said now than in a child process: an unsafe address, a port, an engine or a package not to be had."""
    from docloop.server import address
    from ml_backend.services import make_engine

    _checked_address(settings, settings.port)
    make_engine(settings)
    _check_packages(settings)
    if not quiet:
        err.print(
            f"docloop listens on [bold]http://{address(settings)}[/bold]; data in {escape(str(settings.data_dir))}."
            " Ctrl-C stops it."
        )
    return settings


def _check_packages(settings: Settings) -> None:
    """Raise DocloopError if database, queue or storage is of an unknown kind, or its package is not installed.

    Nobody is asked: a server that is away now may come.
    """
    from ml_backend.jobs.redis_connection import client_of
    from ml_backend.storage import check_package
    from ml_backend.store.opening import connect

    store, queue = settings.store_url.get_secret_value(), settings.queue_url.get_secret_value()
    if store and not store.startswith("sqlite"):
        connect(store).engine.dispose()
    if queue:
        client_of(queue).close()
    if settings.storage_url:
        check_package(settings.storage_url)


def _warn_of_missing_token() -> None:
    err.print(
        "[yellow]DOCLOOP_LABEL_STUDIO_TOKEN is not set: uploaded images cannot be fetched from Label Studio, nothing is predicted"
        " in advance, and nothing is learned.[/yellow]"
    )


@app.command()
def connect(
    project: ProjectOption,
    url: Annotated[
        str | None,
        typer.Option(help="docloop's address as Label Studio sees it. Default: DOCLOOP_BACKEND_URL."),
    ] = None,
    poll_only: Annotated[
        bool, typer.Option("--poll-only", help="Make no backend and no webhook: Label Studio cannot reach docloop.")
    ] = False,
) -> None:
    """Connect a project of Label Studio to the running docloop: backend, webhook, order. Safe to repeat."""
    from ml_backend.connect import BackendAccess, follow
    from ml_backend.credentials import load_credentials
    from ml_backend.services import LabelStudioAccess, make_hints

    settings = load_settings()
    address = (url or settings.seen_from_label_studio).rstrip("/")
    if not is_url(address):
        raise SetupError("not_a_url", f"{address} is no http(s) URL.", f"Did you mean http://{address}?")
    label_studio, hints = LabelStudioAccess(settings).client(), make_hints(settings)
    access = None if poll_only else BackendAccess.of(address, load_credentials(settings))
    connected = follow(label_studio, project, access, hints)
    how = "followed by polling" if poll_only else f"connected to {address}"
    out.print(f"Project {connected.project.id} “{escape(connected.project.title)}” is {how}.")
    if connected.order:
        out.print(escape(connected.order))
    _wait_for_predictions(label_studio, project)
    # Where Label Studio cannot reach docloop, the way from there is not to be tried.
    cli_doctor.show(cli_doctor.run(settings, [project], None if poll_only else address, quick=poll_only))


def _wait_for_predictions(label_studio: LabelStudio, project: int) -> None:
    """The worker's first ones, so that the doctor can see which document Label Studio serves first."""
    from ml_backend.order import until_served

    with err.status("Waiting for the worker's first predictions ..."):
        served = until_served(label_studio, project)
    if not served:
        out.print(
            "No predictions yet: its tasks are predicted in the background (docloop push does it here, with a progress bar)."
            f" docloop doctor --project {project} looks at the order then."
        )
