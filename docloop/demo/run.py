"""``docloop demo``: a Label Studio with sample receipts that are pre-annotated, and docloop behind it.

It runs the very commands that a user would, and shows them. Everything lies in one folder; what is there already is kept, so an
interrupted demo goes on where it stopped.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from docloop.child_process import ChildProcess
from docloop.demo.samples import render_samples
from docloop.label_studio_login import Login, personal_access_token, stored_login
from docloop.label_studio_server import LabelStudioServer
from docloop.presets import load_interface_xml
from docloop.server import check_port
from ml_backend.credentials import load_credentials
from ml_backend.errors import SetupError
from ml_backend.label_studio.client import LabelStudio
from ml_backend.services import read_interface
from ml_backend.settings import load_settings

TITLE = "Receipts (demo)"
SPARE = 20  # receipts that a simulation leaves open, to see what was learned
_SEED = 2026
_START_WITHIN = 60.0  # seconds for docloop to answer


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Where the demo lives: its data, the environment that holds Label Studio, the two ports."""

    folder: Path
    label_studio: Path
    label_studio_port: int = 8080
    docloop_port: int = 9090
    samples: int = 40
    simulate: int = 0


def run_demo(plan: DemoPlan, console: Console) -> None:
    """Set everything up and keep it running until Ctrl-C (or SIGTERM).

    Raises:
        SetupError: a busy port, a missing tool, a command that failed; with the fix.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        try:
            running = _set_up(plan, console, stack)
            if plan.simulate:
                _simulate(plan, running, console)
            console.print(_summary(plan, running), soft_wrap=False)
            _wait(running.server, running.backend)
        except KeyboardInterrupt:
            console.print("\nStopping docloop and Label Studio ...")
    console.print("Stopped. Run it again to go on where you were.")


@dataclass(frozen=True, slots=True)
class Running:
    """Both servers, and the project with the samples."""

    server: LabelStudioServer
    backend: ChildProcess
    login: Login
    token: str
    project: int
    environment: Mapping[str, str]


def _set_up(plan: DemoPlan, console: Console, stack: ExitStack) -> Running:
    folder = plan.folder / "label-studio"
    LabelStudioServer(plan.label_studio, folder, Login("", "")).require_installed()  # before any folder is made
    backend = _claim_backend(plan, stack)
    login = stored_login(folder)
    with console.status("Label Studio ...") as status:
        server = LabelStudioServer(plan.label_studio, folder, login, plan.label_studio_port, status.update)
        stack.enter_context(server)
        token = personal_access_token(server.url, login, folder)
    console.print(f"[green]✓[/green] Label Studio runs at {server.url}")
    samples = _samples(plan, console)
    project = _project(server.url, token)
    environment = _environment(plan, server.url, token)
    _docloop(console, environment, "import", str(samples), "--project", str(project))
    _docloop(console, environment, "push", "--project", str(project))
    backend.start([sys.executable, "-m", "docloop", "serve"], _child_environment(environment))
    stack.callback(backend.stop)
    _until_healthy(f"http://127.0.0.1:{plan.docloop_port}", backend)
    console.print(f"[green]✓[/green] docloop serves at http://localhost:{plan.docloop_port}")
    _docloop(console, environment, "connect", "--project", str(project))
    return Running(server, backend, login, token, project, environment)


def _simulate(plan: DemoPlan, running: Running, console: Console) -> None:
    """Play the annotator, and show each round as docloop status does."""
    from docloop import show_loop
    from docloop.demo.simulate import Simulation, Step, draw_curve

    label_studio = LabelStudio(running.server.url, running.token)
    there = len(list((plan.folder / "samples").glob("*.png")))  # an earlier simulation may have drawn more
    samples = {sample.name: sample for sample in render_samples(max(plan.samples, there), seed=_SEED)}
    interface = read_interface(label_studio.project(running.project).label_config)
    with console.status("Annotating ...") as shown:

        def on_step(step: Step) -> None:
            said = f"{step.untouched} of {step.fields} fields untouched ({step.version})"
            shown.update(f"Annotating: {step.documents} of {plan.simulate}; {said}")

        simulation = Simulation(
            label_studio,
            running.project,
            interface,
            samples,
            status=lambda: _status(running),
            on_round=lambda found: console.print(show_loop.rounds(found["training"]["runs"][:1])),  # the newest
            on_step=on_step,
        )
        try:
            simulation.run(plan.simulate)
        except SetupError as error:  # a document that somebody added; both servers go on, so that it can be annotated
            console.print(f"[yellow]The simulation ends here: {escape(str(error))}[/yellow]")
    found = _status(running)
    console.print(show_loop.status(found))
    draw_curve(simulation.steps, found["training"]["runs"], plan.folder / "learning-curve.png")
    console.print(f"[green]✓[/green] The learning curve: {escape(str(plan.folder / 'learning-curve.png'))}")


def _status(running: Running) -> Mapping[str, Any]:
    """What docloop says of the project."""
    settings = load_settings(running.environment)
    secrets = load_credentials(settings)
    url = f"http://127.0.0.1:{settings.port}/api/v1/projects/{running.project}"
    with httpx.Client(trust_env=False, timeout=30, auth=(secrets.user, secrets.password)) as client:
        answer = client.get(url)
        answer.raise_for_status()
        found: Mapping[str, Any] = answer.json()
        return found


def _claim_backend(plan: DemoPlan, stack: ExitStack) -> ChildProcess:
    """docloop's own server, not started yet; one that a killed demo left behind is stopped."""
    backend = ChildProcess(plan.folder, "docloop")
    try:
        backend.claim()
    except SetupError:
        raise SetupError(
            "demo_running",
            f"The demo of {plan.folder} runs already.",
            "Use that one, or stop it with Ctrl-C in its terminal.",
        ) from None
    stack.callback(backend.release)
    backend.stop_orphan()
    check_port("127.0.0.1", plan.docloop_port, 'make demo ARGS="--backend-port N"')
    return backend


def _samples(plan: DemoPlan, console: Console) -> Path:
    """The folder of sample receipts; those that are missing are drawn."""
    folder = plan.folder / "samples"
    if folder.is_dir() and len(list(folder.glob("*.png"))) >= plan.samples:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with console.status("Drawing sample receipts ...") as status:
        for number, sample in enumerate(render_samples(plan.samples, seed=_SEED), 1):
            (folder / sample.name).write_bytes(sample.png)
            status.update(f"Drawing sample receipts: {number} of {plan.samples}")
    console.print(f"[green]✓[/green] {plan.samples} sample receipts drawn in {escape(str(folder))}")
    return folder


def interface_xml() -> str:
    """The receipt interface, and two labels that docloop has never heard of: they have to be learned."""
    own = "".join(
        f'  <Label value="{label}" background="{colour}" field_type="text" hotkey="{key}"/>\n  '
        for label, colour, key in (("first_item", "#8c564b", 8), ("tax_rate", "#e377c2", 9))
    )
    return load_interface_xml("receipt").replace("</RectangleLabels>", f"{own}</RectangleLabels>")


def _project(url: str, token: str) -> int:
    label_studio = LabelStudio(url, token)
    try:
        found = label_studio.find_project(TITLE) or label_studio.create_project(TITLE, interface_xml())
    finally:
        label_studio.close()
    return found.id


def _environment(plan: DemoPlan, url: str, token: str) -> dict[str, str]:
    """The settings of the demo's docloop, also as a file that a shell can read, to try the commands by hand."""
    settings = {
        "DOCLOOP_DATA_DIR": str(plan.folder / "docloop"),
        "DOCLOOP_LABEL_STUDIO_URL": url,
        "DOCLOOP_LABEL_STUDIO_TOKEN": token,
        "DOCLOOP_PORT": str(plan.docloop_port),
    }
    file = plan.folder / "env.sh"
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write("# The token is one to refresh with: docs/privacy.md says how scripts of your own use it.\n")
        stream.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
        stream.write(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH\n")
    return settings


def _docloop(console: Console, environment: Mapping[str, str], *arguments: str) -> None:
    """Run one of docloop's own commands in this terminal, and show it."""
    console.print(f"[dim]$ docloop {escape(shlex.join(arguments))}[/dim]")
    # Ours from first to last: no shell, and the arguments are paths and numbers of this program.
    code = subprocess.call([sys.executable, "-m", "docloop", *arguments], env=_child_environment(environment))  # noqa: S603
    if code != 0:
        raise SetupError(
            "demo_command_failed",
            f"docloop {shlex.join(arguments)} ended with exit status {code}.",
            "Mend what it says, and run the demo again: it goes on where it stopped.",
        )


def _child_environment(settings: Mapping[str, str]) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DOCLOOP_")}
    return ours | dict(settings)


def _until_healthy(url: str, child: ChildProcess) -> None:
    deadline = time.monotonic() + _START_WITHIN
    with httpx.Client(trust_env=False, timeout=2) as client:
        while child.exit_code() is None and time.monotonic() < deadline:
            try:
                if client.get(f"{url}/health").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
    last_lines = "\n".join(child.log_text().splitlines()[-15:])
    raise SetupError("docloop_did_not_start", f"docloop did not start. The last lines of {child.log}:\n{last_lines}")


def _wait(server: LabelStudioServer, backend: ChildProcess) -> None:
    """Until Ctrl-C; a server that stops by itself ends the demo with its last words."""
    while True:
        time.sleep(1)
        for name, child in (("docloop", backend), ("Label Studio", server.child)):
            if child.exit_code() is not None:
                last_lines = "\n".join(child.log_text().splitlines()[-15:])
                raise SetupError("demo_stopped", f"{name} stopped. The last lines of {child.log}:\n{last_lines}")


def _summary(plan: DemoPlan, running: Running) -> Panel:
    url, login = f"{running.server.url}/projects/{running.project}/data", running.login
    settings = load_settings(running.environment)
    admin, secrets = f"http://localhost:{settings.port}/admin", load_credentials(settings)
    text = (
        f"Open      [bold link={url}]{url}[/]\n"
        f"Log in    [bold]{login.username}[/] / [bold]{escape(login.password)}[/]\n\n"
        "Click [bold]Label All Tasks[/]: fields and texts are there already, the most useful\n"
        "receipt first. docloop trains by itself from 20 annotated ones on, and again\n"
        "as more come.\n\n"
        f"What it learns, as a page: [bold link={admin}]{admin}[/]\n"
        f"Log in    [bold]{secrets.user}[/] / [bold]{escape(secrets.password)}[/]\n\n"
        "A box is missing? Switch [bold]Auto-Annotation[/] on, click a label, choose the pink\n"
        "tool (key M), draw, and accept what was read with the green tick in the bar\n"
        "at the bottom of the editor.\n\n"
        "[dim]docloop's commands, in another terminal:\n"
        f"  source {escape(str(plan.folder / 'env.sh'))}\n"
        f"  docloop status --project {running.project} --watch\n"
        "Ctrl-C stops both; the next start goes on from here.[/dim]"
    )
    return Panel(text, title="docloop demo", expand=False)
