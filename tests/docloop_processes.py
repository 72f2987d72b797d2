"""Real docloop processes for tests that kill and stop them: web, worker, or serve, on a folder of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from waiting import until

from ml_backend.store.store import Store, open_store

AUTH = ("docloop", "test-password")
WEBHOOK = {"X-Docloop-Secret": "test-secret"}


@dataclass(frozen=True, slots=True)
class Place:
    """A data folder, the address that docloop answers at, and the settings of its processes."""

    folder: Path
    port: int
    settings: dict[str, str]

    @classmethod
    def of(cls, folder: Path, **settings: str) -> Place:
        """``settings`` are named as their environment variables are, without the prefix and in lower case."""
        port = free_port()
        given = {
            "data_dir": str(folder),
            "label_studio_url": "http://127.0.0.1:9",  # nobody answers there
            "port": str(port),
            "ocr_runtime": "onnxruntime",
            "ocr_concurrency": "1",
            "password": AUTH[1],
            "webhook_secret": WEBHOOK["X-Docloop-Secret"],
            **settings,
        }
        return cls(folder, port, {f"DOCLOOP_{name.upper()}": value for name, value in given.items()})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def store_file(self) -> Path:
        return self.folder / "docloop.sqlite3"

    @property
    def hints(self) -> set[int]:
        """The projects that have a hint, taken or not."""
        return {int(path.name) for path in (self.folder / "hints").glob("*/*")}

    def log(self, role: str) -> str:
        return (self.folder / f"{role}.log").read_text(errors="replace")

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The store as another process sees it."""
        store = open_store(f"sqlite:///{self.store_file}")
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def running(self, role: str, *before: str) -> Iterator[subprocess.Popen[bytes]]:
        """``docloop ROLE``, killed with its children at the end if it still runs; what it says is in ``ROLE.log``.

        ``before`` is a command that runs it, such as strace.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        ours = {name: value for name, value in os.environ.items() if not name.startswith("DOCLOOP_")}
        with (self.folder / f"{role}.log").open("ab") as log:
            process = subprocess.Popen(
                [*before, sys.executable, "-m", "docloop", role],
                env={**ours, "OMP_NUM_THREADS": "1", **self.settings},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield process
        finally:
            process.kill()  # its children ask the system to end with it
            process.wait()

    def until_healthy(self, process: subprocess.Popen[bytes], seconds: float = 90) -> None:
        """Wait until the web process answers."""

        def healthy() -> bool:
            assert process.poll() is None, f"it ended with {process.returncode}"
            try:
                return httpx.get(f"{self.url}/health", timeout=5).is_success
            except httpx.TransportError:
                return False

        until(healthy, seconds, "docloop answers")


def children(pid: int) -> list[int]:
    """The processes that this one started (Linux)."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
