"""``docloop web``: the web application under gunicorn, one process with many threads."""

from __future__ import annotations

import socket
import threading
from typing import Any

from flask import Flask
from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.errors import AppImportError
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from ml_backend.errors import DocloopError, SetupError
from ml_backend.services import build_services
from ml_backend.settings import Settings
from ml_backend.web.app import create_app

_THREADS = 32  # 16 may wait in /predict; the rest answer /health and webhooks
_LINGERING = 32  # clients at once that are waited for until they hang up


class _Log(Logger):
    """gunicorn's own log, which goes where docloop's goes, without what it quotes of requests."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True

    def warning(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """Of a request that is no HTTP the address stays; what follows it are the bytes that were wrong."""
        said = str(msg)
        super().warning(said.partition(": ")[0] if said.startswith("Invalid request") else said, *args, **kwargs)

    def exception(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """Without the request's address, which may have a token in its query; the traceback's words are left out elsewhere."""
        super().exception(str(msg).partition(" %")[0], **kwargs)


class Worker(ThreadWorker):
    """gunicorn's own, that goes on while a client does not hang up.

    After an answer that ends a connection gunicorn waits for the client, up to two seconds each, in the one thread that takes new
    requests: strangers could keep out /health and Label Studio's webhooks. Here threads of their own wait, for so many at most.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = threading.BoundedSemaphore(_LINGERING)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """In the thread that takes new requests: what became of a request of this connection."""
        conn.close = lambda graceful=False: self._hang_up(conn.sock, graceful)
        super().finish_request(conn, fs)

    def _hang_up(self, client: socket.socket, graceful: bool) -> None:
        if not graceful or not self._places.acquire(blocking=False):
            return util.close(client)
        client.setblocking(True)
        threading.Thread(target=self._linger, args=(client,), name="linger", daemon=True).start()
        return None

    def _linger(self, client: socket.socket) -> None:
        try:
            util.close_graceful(client)
        finally:
            self._places.release()


class Server(BaseApplication):
    """gunicorn with our settings. Services are made in the worker, after the fork: threads and models do not survive one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": address(self._settings),
            "worker_class": Worker,
            "workers": 1,
            "threads": _THREADS,
            "timeout": 120,
            "graceful_timeout": 15,
            "keepalive": 5,
            "proc_name": "docloop",
            "loglevel": "warning",
            "logger_class": _Log,
            # A door beside the guard, at one path for all servers of a user.
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:  # type: ignore[override]  # a Flask is a WSGI application, but not typed as gunicorn says it
        try:
            services = build_services(self._settings)
            services.follow()
            services.deletions.watch()
        except DocloopError as error:  # gunicorn prints these words alone and ends; of any other error a traceback
            raise AppImportError(f"{error} ({error.code})") from None
        self.cfg.set("worker_exit", lambda arbiter, worker: services.close())
        return create_app(services, self.cfg.forwarded_allow_ips)


def address(settings: Settings) -> str:
    """Host and port as URLs and gunicorn write them."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"


def check_port(host: str, port: int, another: str = "--port N") -> None:
    """Raise SetupError if the port is taken; gunicorn would try five times and then say less."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SetupError(
                "port_busy",
                f"Cannot listen on {host}:{port}: {error.strerror}.",
                f"Stop what listens there, or use {another}.",
            ) from None
