"""The server that docloop runs on, over real sockets: strangers who do not hang up keep nobody out."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVER = """
import sys
from gunicorn.app.base import BaseApplication
from docloop.server import Worker

class Server(BaseApplication):
    def load_config(self):
        for name, value in {"bind": f"fd://{sys.argv[1]}", "worker_class": Worker, "threads": 4}.items():
            self.cfg.set(name, value)
        self.cfg.set("control_socket_disable", True)

    def load(self):
        def answer(environ, start):
            start("200 OK", [("Content-Length", "2")])
            return [b"ok"]
        return answer

Server().run()
"""


@pytest.fixture
def port() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.set_inheritable(True)
        words = [sys.executable, "-c", SERVER, str(listener.fileno())]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(words, env=environment, cwd=ROOT, pass_fds=[listener.fileno()]) as server:
            yield listener.getsockname()[1]
            server.terminate()


def asked(port: int, head: str = "") -> socket.socket:
    """A client that has the beginning of its answer."""
    client = socket.create_connection(("127.0.0.1", port), 20)
    client.sendall(f"GET /health HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
    assert client.recv(12) == b"HTTP/1.1 200"
    return client


@pytest.mark.slow
def test_clients_that_do_not_hang_up_keep_nobody_waiting(port: int) -> None:
    with ExitStack() as clients:
        clients.enter_context(asked(port))
        began = time.monotonic()
        for _ in range(40):  # gunicorn alone waits two seconds for each
            clients.enter_context(asked(port, "Connection: close\r\n"))
        assert time.monotonic() - began < 5
