"""Small servers on loopback: one that answers as it is told and remembers who asked, one that nobody may ever reach."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """``body`` may be an iterator of parts, sent without a Content-Length."""

    status: int = 200
    body: bytes | Iterator[bytes] = b"picture"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """One request that arrived: the path with its query, and the credential that came with it."""

    path: str
    authorization: str | None
    headers: dict[str, str] = field(compare=False, repr=False, default_factory=dict)


class WebServer:
    """Answers ``answer(path)`` on a loopback address; ``asked`` holds every request."""

    def __init__(self, answer: Callable[[str], Reply], host: str = "127.0.0.1") -> None:
        self.asked: list[Asked] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(Asked(self.path, self.headers.get("Authorization"), dict(self.headers)))
                reply = answer(self.path)
                self.send_response_only(reply.status)
                for name, value in reply.headers.items():
                    self._headers_buffer.append(f"{name}: {value}\r\n".encode())
                parts = [reply.body] if isinstance(reply.body, bytes) else reply.body
                if isinstance(reply.body, bytes) and "Content-Length" not in reply.headers:
                    self.send_header("Content-Length", str(len(reply.body)))
                try:
                    self.end_headers()
                    for part in parts:
                        self.wfile.write(part)
                except OSError:
                    return  # the fetcher hung up, as it should

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.port = int(self._server.server_address[1])
        self.host = host

    @property
    def authority(self) -> str:
        return f"{self.host}:{self.port}"

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Canary:
    """Listens on one port of several loopback addresses; ``touched`` holds who was connected to and what was sent."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self.touched: list[tuple[str, bytes]] = []
        self._sockets: list[socket.socket] = []
        self.port = 0
        for host in hosts:
            listener = socket.create_server(
                (host, self.port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
            )
            self.port = listener.getsockname()[1]
            self._sockets.append(listener)
            threading.Thread(target=self._watch, args=(listener, host), daemon=True).start()

    def _watch(self, listener: socket.socket, host: str) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # closed: the test is over
            with connection:
                connection.settimeout(1)
                self.touched.append((host, connection.recv(65_536)))

    def close(self) -> None:
        for listener in self._sockets:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@contextmanager
def running(*servers: WebServer) -> Iterator[None]:
    with ExitStack() as stack:
        for server in servers:
            stack.enter_context(server)
        yield


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False
