"""Clients that stop reading an export or sending a body, over a real socket and the server that docloop runs on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from builders import found, interface_xml
from contracts.store_builders import annotation
from ml_backend.credentials import load_credentials
from ml_backend.made_exports import MadeExport
from ml_backend.services import read_interface
from ml_backend.settings import Settings
from ml_backend.store.records import DocumentRecord, ProjectRecord
from ml_backend.store.store import open_store

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
EXPORT = "20260131T080000Z-3f2a91cc"
UID, CONFIG, AT = "7.1795000000", interface_xml("total"), "2026-01-02T03:04:05.000000Z"
SERVER = """
import sys
from pathlib import Path
from gunicorn.app.base import BaseApplication
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import build_services
from ml_backend.settings import Settings
from ml_backend.web.rest import export_readers, limits
from ml_backend.web.app import create_app

class Server(BaseApplication):
    def load_config(self):
        for name, value in {"bind": f"fd://{sys.argv[2]}", "worker_class": "gthread", "threads": 8}.items():
            self.cfg.set(name, value)

    def load(self):
        export_readers.STALLED = limits.STALLED = 0.5
        return create_app(build_services(Settings(data_dir=Path(sys.argv[1])), FakeEngine(())))

Server().run()
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server with lines of 20 MB, and an export of 20 MB."""
    store = open_store(f"sqlite:///{tmp_path / 'docloop.sqlite3'}")
    store.projects.put(ProjectRecord(UID, 7, "Receipts", read_interface(CONFIG).fingerprint, CONFIG))
    records = [DocumentRecord(0, UID, task, AT, AT, {"image": "a"}) for task in range(1, 101)]
    for (task, _), number in store.documents.put_many(UID, records).items():
        store.ledger.put(number, annotation(task, fields=(found(text="x" * 200_000),)), [])
    store.close()
    folder = tmp_path / "exports" / "made" / EXPORT
    folder.mkdir(parents=True)
    done = MadeExport(EXPORT, UID, 7, "jsonl", "docloop", 1.0, state="done")
    (folder / "state.json").write_text(json.dumps(asdict(done)))
    (folder / f"{EXPORT}.zip").write_bytes(bytes(20_000_000))
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.set_inheritable(True)
        words = [sys.executable, "-c", SERVER, str(tmp_path), str(listener.fileno())]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(words, env=environment, pass_fds=[listener.fileno()]) as server:
            yield listener.getsockname()[1]
            server.terminate()


def asked(port: int, token: str, path: str) -> socket.socket:
    """A client with a small buffer that asks for the export, and the first bytes of its answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(20.0)
    client.connect(("127.0.0.1", port))
    head = f"GET /api/v1/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    client.sendall(head.encode())
    return client


@pytest.mark.parametrize("path", ["projects/7/ground-truth/export", f"exports/{EXPORT}/file"])
def test_a_reader_that_has_stopped_makes_room_for_others(port: int, tmp_path: Path, path: str) -> None:
    token = load_credentials(Settings(data_dir=tmp_path)).api_token
    stopped = [asked(port, token, path) for _ in range(4)]
    assert [client.recv(12) for client in stopped] == [b"HTTP/1.1 200"] * 4
    until, said = time.monotonic() + 20.0, list[bytes]()
    while b"HTTP/1.1 200" not in said and time.monotonic() < until:
        with closing(asked(port, token, path)) as client:
            said.append(client.recv(12))
        time.sleep(0.1)
    assert (said[0], said[-1]) == (b"HTTP/1.1 503", b"HTTP/1.1 200")
    for client in stopped:
        client.close()


def test_who_stops_sending_a_body_loses_the_place(port: int, tmp_path: Path) -> None:
    token = load_credentials(Settings(data_dir=tmp_path)).api_token
    head = f"POST /api/v1/projects/7/feedback HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"

    def sent(body: str, length: int) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", port), 20.0)
        client.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}".encode())
        return client

    stopped = [sent('{"seconds":', 1000) for _ in range(3)]
    until, said = time.monotonic() + 20.0, [b""]
    while not (b"HTTP/1.1 503" in said and said[-1] == b"HTTP/1.1 400") and time.monotonic() < until:
        with closing(sent("{}", 2)) as client:
            said.append(client.recv(12))
        time.sleep(0.1)
    assert b"HTTP/1.1 503" in said
    assert said[-1] == b"HTTP/1.1 400"
    assert [client.recv(12) for client in stopped] == [b"HTTP/1.1 400"] * 3
    for client in stopped:
        client.close()
