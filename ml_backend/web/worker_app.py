"""The small server of a worker: is it alive, and what has it counted. ``DOCLOOP_METRICS_PORT`` turns it on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flask import Flask, Response, jsonify
from werkzeug.serving import WSGIRequestHandler, make_server

from ml_backend.credentials import Credentials
from ml_backend.web.auth import guard
from ml_backend.web.headers import add_headers
from ml_backend.web.metrics import metrics

if TYPE_CHECKING:
    from ml_backend.store.store import Store


def create_worker_app(
    credentials: Credentials, alive: Callable[[], bool], store: Callable[[], Store] | None = None
) -> Flask:
    """``/health`` is open and answers 503 while the worker is not ``alive``; ``/metrics`` wants what the web process wants."""
    app = Flask(__name__, static_folder=None)
    guard(app, credentials, store)
    add_headers(app)
    app.register_blueprint(metrics())

    @app.get("/health")
    def health() -> tuple[Response, int]:
        return (jsonify(status="UP"), 200) if alive() else (jsonify(status="DOWN"), 503)

    return app


@contextmanager
def served(app: Flask, host: str, port: int) -> Iterator[None]:
    """Answer on this address while the ``with`` lasts, in threads of its own. Raises OSError where the port is taken."""
    server = make_server(host, port, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Silent(WSGIRequestHandler):
    """Logs no request: a path may hold anything. A client that sends nothing is not waited for."""

    timeout = 10.0

    def log(self, type: str, message: str, *args: object) -> None:
        """Nothing."""
