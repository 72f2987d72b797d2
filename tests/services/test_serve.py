"""``docloop serve`` as a process: IPv6, no door beside the guard."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from running_label_studio import free_port


@contextmanager
def serving(folder: Path, host: str) -> Iterator[str]:
    """docloop on ``host``, at the URL that is given; it must stop in order."""
    port = free_port()
    environment = {**os.environ, "DOCLOOP_DATA_DIR": str(folder), "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    command = [sys.executable, "-m", "docloop", "serve", "--host", host, "--port", str(port)]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    server = subprocess.Popen(command, env=environment)
    try:
        deadline = time.monotonic() + 60
        while not healthy(url):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        assert server.wait(30) == 0


def healthy(url: str, timeout: float = 2.0) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=timeout).is_success
    except httpx.TransportError:
        return False


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_it_serves_on_ipv6(tmp_path: Path) -> None:
    with serving(tmp_path, "::1") as url:
        assert healthy(url)


def test_there_is_no_control_socket_beside_the_guard(tmp_path: Path) -> None:
    with serving(tmp_path, "127.0.0.1"):
        assert [path for path in tmp_path.rglob("*") if path.is_socket()] == []


def test_an_engine_that_is_not_there_is_said_before_anything_starts(tmp_path: Path) -> None:
    environment = {**os.environ, "DOCLOOP_DATA_DIR": str(tmp_path), "DOCLOOP_OCR_ENGINE": "ocrmagic"}
    command = [sys.executable, "-m", "docloop", "serve", "--port", str(free_port())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "ocrmagic" in done.stderr
    assert "Traceback" not in done.stderr
