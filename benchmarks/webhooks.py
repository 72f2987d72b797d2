"""How fast docloop takes webhooks in, and answers /health and /setup, while training and reading saturate every core.

    python benchmarks/webhooks.py SROIE_DIR [--events 10000] [--senders 16] [--rate 0]

Starts ``docloop web`` on a folder of its own with its defaults (files and SQLite). Receipts that were never read before are asked
for all the time, and the real training runs again and again on made-up receipts, niced as the worker does it. A second docloop
reads them, as the worker does in push mode; with ``--reads-itself`` the one that answers. Each webhook comes over a connection of
its own, as Label Studio sends it. ``--rate`` events a second in all (0: each sender sends its next as soon as
the last is answered, which measures the throughput rather than the wait). Prints a Markdown table for REPORT.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from loop_parts import CONFIG  # noqa: E402
from made_receipts import made_receipt  # noqa: E402

from benchmarks.backend import image_server, wait_until_up  # noqa: E402
from docloop.presets import load_interface_xml  # noqa: E402
from ml_backend.credentials import Credentials, load_credentials  # noqa: E402
from ml_backend.settings import load_settings  # noqa: E402
from ml_backend.store.records import DocumentRecord, ProjectRecord  # noqa: E402
from ml_backend.store.store import open_store  # noqa: E402
from training.supervisor import Supervisor  # noqa: E402
from training.train_child import train  # noqa: E402

EVENT = ROOT / "tests" / "data" / "label_studio" / "11_webhook_ANNOTATION_CREATED.json"
PROJECTS = (41, 42, 43, 44)
PROCESSES = 4  # that send; the senders are their threads
ASKERS = 3  # that ask for predictions; more than pages are read at once, so that there is always one to read
SAMPLES = 60


@contextmanager
def docloop_web(data_dir: Path, images: str, port: int) -> Iterator[tuple[httpx.Client, Credentials]]:
    """A running ``docloop web``: a client with its password, and its secrets."""
    settings = {"DOCLOOP_DATA_DIR": str(data_dir), "DOCLOOP_PORT": str(port), "DOCLOOP_ALLOWED_HOSTS": images}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCLOOP_")}
    server = subprocess.Popen([sys.executable, "-m", "docloop", "web"], env={**environment, **settings}, cwd=ROOT)
    secrets = load_credentials(load_settings(settings))
    limits = httpx.Limits(keepalive_expiry=2.0)  # the server closes after 5, and httpx's default is 5 too: a race
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", auth=(secrets.user, secrets.password), timeout=600, limits=limits
        ) as client:
            wait_until_up(client)
            yield client, secrets
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def busy(works: Sequence[Callable[[], None]]) -> Iterator[None]:
    """Each of these again and again in a thread of its own, until the end of the block."""
    over = threading.Event()

    def again(work: Callable[[], None]) -> None:
        while not over.is_set():
            work()

    with ThreadPoolExecutor(len(works)) as pool:
        futures = [pool.submit(again, work) for work in works]
        try:
            yield
        finally:
            over.set()
            for future in futures:
                future.result()


class Trainings:
    """The real training in its own process, over made-up receipts; call it for one run."""

    def __init__(self, folder: Path) -> None:
        url = f"sqlite:///{folder / 'training.sqlite3'}"
        self._folder = str(folder)
        self._store = open_store(url)
        self._supervisor = Supervisor(self._store, url)
        self.done = 0
        at = "2026-01-02T03:04:05Z"
        self._store.projects.put(ProjectRecord("1.1", 1, label_config=CONFIG, followed=True))
        documents = [DocumentRecord(0, "1.1", n, at, at, {"image": str(n)}, open=False) for n in range(SAMPLES)]
        for (number, _), identity in self._store.documents.put_many("1.1", documents).items():
            self._store.samples.put(identity, made_receipt(number))

    def __call__(self) -> None:
        run = self._store.runs.begin("1.1", 1, "benchmark", "", SAMPLES, time.time())
        run = run and self._store.runs.claim(run.id, time.time())
        assert run is not None
        self._supervisor.supervise(run, train, {"data_dir": self._folder, "country": ""})
        after = self._store.runs.get(run.id)
        assert after is not None
        assert after.state == "succeeded" or self._supervisor.stop.is_set(), after.reason
        self.done += 1

    def stop(self) -> None:
        self._supervisor.stop.set()


def send(port: int, requests: Sequence[bytes], threads: int, count: int, pause: float) -> list[float]:
    """Send ``count`` webhooks from each of ``threads`` threads, ``pause`` seconds apart at least; seconds until each answer."""

    def one_sender(number: int) -> list[float]:
        taken = []
        due = time.perf_counter() + pause * number / threads
        for event in range(count):
            time.sleep(max(0.0, due - time.perf_counter()))
            due += pause
            began = time.perf_counter()
            status = post(port, requests[event % len(requests)])
            taken.append(time.perf_counter() - began)
            assert status == b"202", status
        return taken

    with ThreadPoolExecutor(threads) as pool:
        return list(itertools.chain.from_iterable(pool.map(one_sender, range(threads))))


def post(port: int, request: bytes) -> bytes:
    """The status of the answer. Bare sockets: a client library would cost more than what is measured."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while b"kept" not in answer and (part := connection.recv(4096)):
            answer += part
    return answer[9:12]


def webhook(secret: str, project: int) -> bytes:
    """The recorded webhook as bytes on the wire."""
    body = json.loads(EVENT.read_text())["request"]["body"]
    body["project"]["id"] = project
    content = json.dumps(body).encode()
    head = (
        "POST /webhook HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"X-Docloop-Secret: {secret}\r\nContent-Length: {len(content)}\r\nConnection: keep-alive\r\n\r\n"
    )
    return head.encode() + content


def row(name: str, seconds: Sequence[float], asked: str) -> str:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    figures = (statistics.median(ordered), p99, ordered[-1])
    return f"| {name} | {len(ordered)} | " + " | ".join(f"{1000 * each:.1f}" for each in figures) + f" | {asked} |"


def measure(options: argparse.Namespace, folder: Path, images: str) -> None:
    names = itertools.cycle(sorted(path.name for path in (options.sroie / "images").iterdir()))
    xml = load_interface_xml("receipt")
    probes: dict[str, list[float]] = {"/health": [], "/setup": []}
    read = 0
    with ExitStack() as stack:
        client, secrets = stack.enter_context(docloop_web(folder / "data", images, options.port))
        reader = client
        if not options.reads_itself:
            reader, _ = stack.enter_context(docloop_web(folder / "reader", images, options.port + 1))

        def predict() -> None:
            nonlocal read
            tasks = [{"id": 1, "data": {"image": f"http://{images}/{next(names)}"}}]
            body = {"tasks": tasks, "project": "1.1", "label_config": xml}
            reader.post("/predict", json=body).raise_for_status()
            read += 1

        def probe() -> None:
            for path, ask in (
                ("/health", lambda: client.get("/health")),
                ("/setup", lambda: client.post("/setup", json={"project": "1.1", "schema": xml})),
            ):
                began = time.perf_counter()
                ask().raise_for_status()
                probes[path].append(time.perf_counter() - began)
            time.sleep(0.05)

        training = Trainings(folder)
        requests = [webhook(secrets.webhook_secret, project) for project in PROJECTS]
        threads = options.senders // PROCESSES
        each = options.events // options.senders
        pause = options.senders / options.rate if options.rate else 0.0
        with ProcessPoolExecutor(PROCESSES) as processes, busy([training, *[predict] * ASKERS]):
            time.sleep(10)  # the models are loaded, all cores are busy
            with busy([probe]):
                began = time.perf_counter()
                sending = [
                    processes.submit(send, options.port, requests, threads, each, pause) for _ in range(PROCESSES)
                ]
                taken = [seconds for future in sending for seconds in future.result()]
                lasted = time.perf_counter() - began
            training.stop()
        hints = sorted(path.name for path in (folder / "data" / "hints").glob("*/*"))
        store = folder / "data" / "docloop.sqlite3"
    print(
        f"{len(taken)} webhooks from {options.senders} senders in {lasted:.1f} s ({len(taken) / lasted:.0f} a second);"
    )
    print(
        f"meanwhile (and 10 s before) {read} receipts read, {training.done} trainings; load {os.getloadavg()[0]:.1f}.\n"
    )
    print("| request | n | median ms | p99 ms | max ms | asked for |\n|---|---|---|---|---|---|")
    print(row("`/webhook`", taken, "10, 50, 1000"))
    print(row("`/health`", probes["/health"], "p99 100"))
    print(row("`/setup`", probes["/setup"], "p99 300"))
    print(f"\nPending hints: {', '.join(hints)} (projects sent: {', '.join(map(str, PROJECTS))}).", end=" ")
    print("The database was not even opened." if not store.exists() else "The database was opened.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sroie", type=Path)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--senders", type=int, default=16)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--reads-itself", action="store_true")
    parser.add_argument("--port", type=int, default=19093)
    options = parser.parse_args()
    with image_server(options.sroie / "images") as images, tempfile.TemporaryDirectory() as folder:
        measure(options, Path(folder), images)


if __name__ == "__main__":
    main()
