"""A real PostgreSQL in a folder of its own, reached through a socket in that folder and through nothing else."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

USER = "docloop"
PASSWORD = "a-password-of-the-tests"
_DEBIAN = Path("/usr/lib/postgresql")
_STARTS_WITHIN = 60.0  # seconds
# Nobody needs the data after the tests, except after a kill of docloop, which PostgreSQL itself survives.
_QUICK = ("-c", "fsync=off", "-c", "shared_buffers=32MB", "-c", "max_connections=60")


def find_programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``: the newest of Debian's, else that of the path."""
    ours = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0)
    found = ours[-1] if ours else shutil.which("initdb")
    return Path(found).parent if found else None


@dataclass
class RunningPostgres:
    """A cluster; every test makes a database of its own. ``start`` again after ``stop`` finds what was committed."""

    folder: Path
    command: Sequence[str | Path]
    as_user: Mapping[str, Any]
    server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self.folder / "log"
        with log.open("ab") as output:
            self.server = subprocess.Popen(self.command, stdout=output, stderr=output, cwd=self.folder, **self.as_user)
        _wait(self, self.server, log)

    def stop(self) -> None:
        """Quickly and cleanly: whoever is connected is cut off."""
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.server.wait(20)
            self.server.kill()
            self.server.wait()

    def signal(self, number: int) -> None:
        """To the server and each of its processes, such as SIGSTOP and SIGCONT."""
        assert self.server is not None
        pid = self.server.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(each, number)

    def url(self, name: str) -> str:
        """For ``open_store``; the password is asked for."""
        return f"postgresql+psycopg://{USER}:{PASSWORD}@/{name}?host={self.folder}"

    def run(self, statement: str) -> None:
        """Run one statement outside of any transaction, as the owner of the cluster."""
        with psycopg.connect(
            host=str(self.folder), user=USER, password=PASSWORD, dbname="postgres", autocommit=True
        ) as owner:
            owner.execute(statement)  # type: ignore[call-overload]


@contextmanager
def running_postgres(programs: Path) -> Iterator[RunningPostgres]:
    """Make a cluster, start it, and take it down by its process id. PostgreSQL refuses root, so root becomes ``postgres``."""
    folder = Path(tempfile.mkdtemp(prefix="docloop-pg-"))  # short, since a socket's path has 107 characters at most
    try:
        account = _unprivileged()
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        as_user = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        data = folder / "data"
        made = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            USER,
            "-A",
            "scram-sha-256",
            "--pwfile",
            secret,
            "-E",
            "UTF8",
            "-N",
        ]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, timeout=120, **as_user)
        command = [programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", *_QUICK]
        cluster = RunningPostgres(folder, command, as_user)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def _wait(cluster: RunningPostgres, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            return cluster.run("SELECT 1")
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}") from None
            time.sleep(0.1)
