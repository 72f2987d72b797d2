"""A real ``docloop serve`` for the tests, and docloop's command line with the same settings."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from running_label_studio import RunningLabelStudio, free_port

from ml_backend.credentials import Credentials, load_credentials
from ml_backend.settings import load_settings


@dataclass(frozen=True, slots=True)
class RunningDocloop:
    """docloop, connected to nothing yet: its address, its settings as environment variables, its secrets."""

    url: str
    environment: Mapping[str, str]

    @property
    def credentials(self) -> Credentials:
        return load_credentials(load_settings(self.environment))

    @property
    def data_dir(self) -> Path:
        return Path(self.environment["DOCLOOP_DATA_DIR"])

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run a docloop command; what it printed (both streams). Fails the test on another exit status."""
        command = [sys.executable, "-m", "docloop", *arguments]
        done = subprocess.run(
            command, env=_with(self.environment), capture_output=True, text=True, timeout=300, check=False
        )
        printed = done.stdout + done.stderr
        assert done.returncode == status, printed
        return printed

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, auth=(self.credentials.user, self.credentials.password), timeout=120)


@contextmanager
def running_docloop(label_studio: RunningLabelStudio, data_dir: Path, **settings: str) -> Iterator[RunningDocloop]:
    """``docloop serve`` beside ``label_studio``, with further settings, stopped at the end."""
    port = free_port()
    environment = {
        "DOCLOOP_DATA_DIR": str(data_dir),
        "DOCLOOP_LABEL_STUDIO_URL": label_studio.url,
        "DOCLOOP_LABEL_STUDIO_TOKEN": label_studio.token,
        "DOCLOOP_PORT": str(port),
        "DOCLOOP_OCR_RUNTIME": "onnxruntime",
        "OMP_NUM_THREADS": "1",
        **settings,
    }
    log = data_dir / "serve.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "docloop", "serve"], env=_with(environment), stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _until_healthy(f"http://127.0.0.1:{port}", server, log)
            yield RunningDocloop(f"http://localhost:{port}", environment)
        finally:
            server.terminate()
            assert server.wait(30) == 0, log.read_text()


def _with(environment: Mapping[str, str]) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DOCLOOP_")}
    return {**ours, "COLUMNS": "200", "TERM": "dumb", **environment}


def _until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{url}/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"docloop serve did not start:\n{log.read_text()}")
