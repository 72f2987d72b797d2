"""How fast docloop's server answers: cached predictions, and /health and /setup while OCR uses every core.

    python benchmarks/backend.py SROIE_DIR [--pages 60]

Starts ``docloop serve`` on a folder of its own, serves the receipts from loopback, and prints a Markdown table for REPORT.md.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from docloop.presets import load_interface_xml
from ml_backend.credentials import load_credentials
from ml_backend.settings import load_settings

CLIENTS = 4
PORT = 19090


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def image_server(folder: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def docloop(data_dir: Path, images: str, runtime: str) -> Iterator[tuple[httpx.Client, int]]:
    """The running server as a client with its password, and the pid of the process that serves."""
    settings = {"DOCLOOP_DATA_DIR": str(data_dir), "DOCLOOP_PORT": str(PORT), "DOCLOOP_ALLOWED_HOSTS": images}
    settings |= {"DOCLOOP_OCR_RUNTIME": runtime}
    server = subprocess.Popen([sys.executable, "-m", "docloop", "serve"], env={**os.environ, **settings})
    secrets = load_credentials(load_settings(settings))
    limits = httpx.Limits(max_connections=64)
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{PORT}", auth=(secrets.user, secrets.password), timeout=600, limits=limits
        ) as client:
            wait_until_up(client)
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
            yield client, int(children[0])
    finally:
        server.terminate()
        server.wait(30)


def wait_until_up(client: httpx.Client) -> None:
    for _ in range(600):
        try:
            client.get("/health").raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("docloop serve did not start")


def timed(call: Callable[[], httpx.Response]) -> float:
    began = time.perf_counter()
    call().raise_for_status()
    return time.perf_counter() - began


def peak_memory(pid: int) -> float:
    """Largest resident memory of a process so far, in GB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1e6


def row(name: str, seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    return f"| {name} | {len(ordered)} | {1000 * statistics.median(ordered):.1f} | {1000 * p99:.1f} | {1000 * ordered[-1]:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sroie", type=Path)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--runtime", default="auto")
    options = parser.parse_args()
    names = sorted(path.name for path in (options.sroie / "images").iterdir())[: options.pages]
    xml = load_interface_xml("receipt")
    with (
        image_server(options.sroie / "images") as images,
        tempfile.TemporaryDirectory() as folder,
        docloop(Path(folder), images, options.runtime) as (client, pid),
    ):

        def ask(batch: list[str]) -> httpx.Response:
            tasks = [{"id": 1, "data": {"image": f"http://{images}/{name}"}} for name in batch]
            return client.post("/predict", json={"tasks": tasks, "project": "1.1", "label_config": xml})

        def health() -> httpx.Response:
            return client.get("/health")

        def setup() -> httpx.Response:
            return client.post("/setup", json={"project": "1.1", "schema": xml})

        began = time.perf_counter()
        probes: dict[str, list[float]] = {"/health": [], "/setup": []}
        with ThreadPoolExecutor(CLIENTS) as pool:
            waiting = [pool.submit(ask, [name]) for name in names]
            while not all(future.done() for future in waiting):
                probes["/health"].append(timed(health))
                probes["/setup"].append(timed(setup))
                time.sleep(0.02)
        took = time.perf_counter() - began
        answered = sum(bool(future.result().json()["results"][0]) for future in waiting)
        single = [timed(lambda n=name: ask([n])) for _ in range(10) for name in names]
        batches = [timed(lambda: ask(names)) / len(names) for _ in range(30)]
        speed = f"{took:.1f} s ({took / len(names):.2f} s a page, {CLIENTS} clients)"
        print(f"{answered} of {len(names)} receipts predicted in {speed}\n")
        print("| request | n | median ms | p99 ms | max ms |\n|---|---|---|---|---|")
        print(row(f"`/health`, {CLIENTS} clients keep OCR busy", probes["/health"]))
        print(row(f"`/setup`, {CLIENTS} clients keep OCR busy", probes["/setup"]))
        print(row("`/predict`, one cached task", single))
        print(row(f"`/predict`, {len(names)} cached tasks, each", batches))
        print(f"\nPeak memory of the serving process: {peak_memory(pid):.2f} GB")


if __name__ == "__main__":
    main()
