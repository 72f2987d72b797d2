"""Runs a real Label Studio as a child process, for the demo and for the tests.

It is the plain package in an environment of its own, on SQLite, closed as far as its settings go: reachable from this machine
only, no sign-up, no default password, no legacy tokens, no telemetry. Logging in is ``docloop.label_studio_login``; what
is done with its API is ``ml_backend.label_studio``.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from docloop.child_process import ChildProcess
from docloop.label_studio_login import Login, stored_secret_key
from ml_backend.errors import SetupError

START_WITHIN = 600.0  # seconds; the first start takes 45 on a quiet machine with 2 cores
_HOST = "127.0.0.1"
_PROGRESS_EVERY = 5.0  # seconds
_KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")  # of our environment: no stray setting, no secret of ours
_CLOSED = {
    "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
    "COLLECT_ANALYTICS": "false",
    "LATEST_VERSION_CHECK": "false",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    # lets it talk to docloop on this machine; unlike SSRF_PROTECTION_ENABLED it keeps the checks of redirects and names
    "USE_DEFAULT_BANNED_SUBNETS": "false",
    "PYTHONUNBUFFERED": "1",  # the log can be read while it starts
}


def silent(text: str) -> None:
    """Takes progress and shows nothing."""


class LabelStudioServer:
    """``with LabelStudioServer(...) as server:`` Label Studio answers at ``server.url`` inside the block.

    ``environment`` is the folder of the virtual environment that holds Label Studio; ``data_dir`` keeps everything it writes, so
    that a later start with the same folder resumes. ``extra`` are further environment variables for it; they win.
    """

    def __init__(
        self,
        environment: Path,
        data_dir: Path,
        login: Login,
        port: int = 8080,
        on_progress: Callable[[str], None] = silent,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.url = f"http://localhost:{port}"
        self.data_dir = data_dir.resolve()
        self.login = login
        self._executable = environment.resolve() / "bin" / "label-studio"
        self._port = port
        self._progress = on_progress
        self._extra = dict(extra or {})
        self.child = ChildProcess(self.data_dir, "label-studio")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers; a Label Studio left over from a killed docloop is stopped first.

        Raises:
            SetupError: it is not installed, the port or the folder is in use, or it does not come up.
        """
        self.require_installed()
        self.child.claim()
        try:
            orphan = self.child.stop_orphan()
            if orphan is not None:
                self._progress(f"Stopped the Label Studio of an earlier run (process {orphan})")
            self._refuse_busy_port()
            self._start_and_wait()
        except BaseException:
            self.stop()
            raise

    def require_installed(self) -> None:
        """Raise SetupError if there is no Label Studio in the environment."""
        if not self._executable.exists():
            raise SetupError(
                "label_studio_missing",
                f"There is no Label Studio at {self._executable}.",
                "Run `make demo`, or: uv venv .label-studio && "
                "uv pip install --python .label-studio label-studio==1.23.2 setuptools",
            )

    def stop(self) -> None:
        """Stop it in order; nothing it has answered is lost."""
        self.child.stop()
        self.child.release()

    def _refuse_busy_port(self) -> None:
        """Label Studio itself would silently take the next port."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            if probe.connect_ex((_HOST, self._port)) != 0:
                return
        raise self._busy_port()

    def _busy_port(self) -> SetupError:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((_HOST, 0))
            free = probe.getsockname()[1]
        return SetupError(
            "port_in_use",
            f"Port {self._port}, where Label Studio should answer, is used by another program.",
            f'Stop that program, or choose another port: make demo ARGS="--port {free}"',
        )

    def _start_and_wait(self) -> None:
        database = self.data_dir / "label_studio.sqlite3"
        unfinished = self.data_dir / "first-start-unfinished"  # nothing was ever served while this file is there
        if unfinished.exists() and database.exists():
            self._progress("The first start was interrupted before it was done: beginning again")
            for file in self.data_dir.glob(database.name + "*"):  # its journal too
                file.unlink()
        first = not database.exists()
        if first:
            unfinished.touch()
        self.child.start(
            [self._executable, "start", "--no-browser", "--internal-host", _HOST, "--port", str(self._port)],
            self._variables(),
        )
        self._wait("Label Studio builds its database (first start, about a minute)" if first else "Label Studio starts")
        unfinished.unlink(missing_ok=True)

    def _variables(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        own = {
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.data_dir),
            "LABEL_STUDIO_USERNAME": self.login.username,  # not as arguments: any user of the machine can read those
            "LABEL_STUDIO_PASSWORD": self.login.password,
            "SECRET_KEY": stored_secret_key(self.data_dir),
            "XDG_CONFIG_HOME": str(self.data_dir / "config"),
        }
        return kept | _CLOSED | own | self._extra

    def _wait(self, what: str) -> None:
        began = time.monotonic()
        next_word = 0.0
        with httpx.Client(timeout=2, trust_env=False) as client:
            while True:
                waited = time.monotonic() - began
                if waited >= next_word:
                    self._progress(f"{what}: {waited:.0f} s")
                    next_word = waited + _PROGRESS_EVERY
                if self._answers(client):
                    break
                if self.child.exit_code() is not None or waited > START_WITHIN:
                    raise self._did_not_start()
                time.sleep(0.2)
        if f"Port {self._port} is in use" in self.child.log_text():
            raise self._busy_port()  # taken since we looked: who answers is somebody else
        self._progress(f"Label Studio is ready at {self.url}")

    def _answers(self, client: httpx.Client) -> bool:
        try:
            return client.get(f"http://{_HOST}:{self._port}/health").is_success
        except httpx.TransportError:
            return False

    def _did_not_start(self) -> SetupError:
        code = self.child.exit_code()
        happened = (
            f"stopped with exit code {code}" if code is not None else f"did not answer within {START_WITHIN:.0f} s"
        )
        last_lines = "\n".join(self.child.log_text().splitlines()[-15:])
        return SetupError(
            "label_studio_did_not_start",
            f"Label Studio {happened} while starting. The last lines of {self.child.log}:\n{last_lines}\n",
            f"If its data is damaged, move {self.data_dir} away to begin with an empty one.",
        )
