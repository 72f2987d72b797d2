"""A real Redis for a test: on a free port of this machine with a password, in a folder of its own, stopped by its process."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import redis
from missing import missing
from running_label_studio import free_port

PASSWORD = "redis-password"


@dataclass
class RedisServer:
    """``redis-server`` on loopback. ``start`` again after ``stop`` finds nothing of before: it writes no file."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "requirepass": PASSWORD, "save": ""}
        command = ["redis-server", *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.empty()
                return
            except redis.ConnectionError:
                assert time.monotonic() < deadline
                assert self.process.poll() is None
                time.sleep(0.05)

    def empty(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


def new_redis_server(folder: Path) -> RedisServer:
    """A server that was not started yet; where none is installed the test is skipped, or fails as the other services do."""
    if shutil.which("redis-server") is None:
        missing("there is no Redis: apt install redis-server")
    return RedisServer(folder, free_port())
