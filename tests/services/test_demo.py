"""The demo as a newcomer runs it: start, look, Ctrl-C, start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from docloop_processes import children
from running_label_studio import free_port


class Demo:
    """``docloop demo`` in a process of its own, its output in a file."""

    def __init__(self, folder: Path, label_studio: Path, ports: tuple[int, int]) -> None:
        command = [sys.executable, "-m", "docloop", "demo", "--samples", "2", "--folder", str(folder)]
        command += ["--label-studio", str(label_studio), "--port", str(ports[0]), "--backend-port", str(ports[1])]
        self.output = folder.with_suffix(".out")
        with self.output.open("wb") as output:
            environment = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)

    def until(self, words: str, seconds: float = 300) -> str:
        """What it has printed, once ``words`` are in it."""
        deadline = time.monotonic() + seconds
        while words not in (printed := self.output.read_text()):
            assert self.process.poll() is None, printed
            assert time.monotonic() < deadline, self.stacks()
            time.sleep(0.2)
        return printed

    def stacks(self) -> str:
        """What it has printed, with where each thread of the command that it waits for hangs."""
        for pid in children(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGABRT)
        time.sleep(2.0)
        return self.output.read_text()

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").is_success
    except httpx.TransportError:
        return False


def test_it_starts_stops_and_goes_on_where_it_was(label_studio_environment: Path, tmp_path: Path) -> None:
    folder, ports = tmp_path / "demo", (free_port(), free_port())
    folder.mkdir()
    demo = Demo(folder, label_studio_environment, ports)
    try:
        first = demo.until("Ctrl-C stops both")
        assert "2 imported, 0 there already" in first
        assert "2 pushed" in first
        assert "is connected" in first
        assert [answers(port) for port in ports] == [True, True]
        assert demo.interrupt() == 0
        assert [answers(port) for port in ports] == [False, False]
        demo = Demo(folder, label_studio_environment, ports)
        again = demo.until("Ctrl-C stops both")
        assert "0 imported, 2 there already" in again
        assert "0 pushed, 2 up to date" in again
    finally:
        demo.interrupt()


@pytest.mark.parametrize("busy", [0, 1])
def test_a_busy_port_is_named(busy: int, label_studio_environment: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = [free_port(), free_port()]
        ports[busy] = other.getsockname()[1]
        folder = tmp_path / "demo"
        folder.mkdir()
        demo = Demo(folder, label_studio_environment, (ports[0], ports[1]))
        assert demo.process.wait(60) == 2
    printed = demo.output.read_text()
    assert str(ports[busy]) in printed
    assert "Traceback" not in printed
