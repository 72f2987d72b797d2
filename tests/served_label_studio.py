"""The Label Studio in memory behind a real socket of this machine, so that real docloop processes can talk to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from fake_label_studio import FakeLabelStudio
from fake_label_studio_routes import FakeTransport

TOKEN = "legacy-token-123"  # what FakeTransport asks for; a legacy one needs no refresh


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fake: FakeLabelStudio, seconds: float, one_at_a_time: threading.Lock) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds = seconds
        self.transport = FakeTransport(fake)
        self.one_at_a_time = one_at_a_time
        self.faults: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _pass_on(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = f"http://label-studio.test{self.path}"
        request = httpx.Request(self.command, url, headers=dict(self.headers), content=content)
        request.extensions["timeout"] = {"read": 60.0}
        try:
            with self.server.one_at_a_time:
                time.sleep(self.server.seconds)
                answer = self.server.transport.handle_request(request)
        except httpx.TransportError:  # the fake plays dead
            self.close_connection = True
            return
        except Exception as fault:  # said at the end of the test, where it is seen
            self.server.faults.append(repr(fault))
            answer = httpx.Response(500, content=b"{}")
        self.send_response_only(answer.status_code)
        for name, value in answer.headers.items():
            if name != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        with suppress(ConnectionError):  # who asked was killed meanwhile
            self.end_headers()
            self.wfile.write(answer.content)

    do_GET = do_POST = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests look at what came of it."""


@contextmanager
def served(fake: FakeLabelStudio, seconds: float = 0.0, one_at_a_time: threading.Lock | None = None) -> Iterator[str]:
    """The URL at which ``fake`` answers, after ``seconds`` each. It is of one thread: touch it from outside only while nobody
    asks it, or while you hold ``one_at_a_time``."""
    server = _Server(fake, seconds, one_at_a_time or threading.Lock())
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
    assert not server.faults, server.faults
