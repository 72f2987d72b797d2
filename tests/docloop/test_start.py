"""What keeps docloop from starting is one plain message and an exit status, whichever process finds it."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from docloop.cli import app
from ml_backend.folders import make_private
from ml_backend.services import build_services
from ml_backend.settings import load_settings

_WITHOUT = "import sys; sys.modules[sys.argv.pop(1)] = None; from docloop.cli import app; app()"


def start(
    folder: Path, package: str, command: str, *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a command that must end by itself, as if ``package`` were not installed."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DOCLOOP_")}
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT, package, command, *arguments],
        env={**ours, "DOCLOOP_DATA_DIR": str(folder), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


S3 = ("s3fs", "STORAGE", "s3://bucket", "s3")
REDIS = ("redis", "QUEUE", "redis://127.0.0.1:1/0", "redis")
POSTGRESQL = ("psycopg", "STORE", "postgresql+psycopg://a:b@127.0.0.1:1/c", "postgresql")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("serve", S3),
        ("serve", REDIS),
        ("serve", POSTGRESQL),
        ("web", S3),
        ("web", POSTGRESQL),
        ("worker", S3),
        ("worker", POSTGRESQL),
    ],
)
def test_an_extra_that_is_missing_ends_every_process_with_the_line_that_installs_it(
    tmp_path: Path, command: str, missing: tuple[str, str, str, str]
) -> None:
    package, name, url, extra = missing
    port = () if command == "worker" else ("--port", free_port())
    done = start(tmp_path / "data", package, command, *port, **{f"DOCLOOP_{name}_URL": url})
    assert done.returncode == 2
    assert done.stderr.count(f"pip install 'docloop[{extra}]'") == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 4


@pytest.mark.slow
def test_what_only_the_web_process_itself_finds_is_said_without_a_traceback(tmp_path: Path) -> None:
    """It is found after the fork, where gunicorn would print one."""
    (tmp_path / "hints").touch()
    done = start(tmp_path, "none", "web", "--port", free_port())
    assert done.returncode == 4  # gunicorn's: the application could not be loaded
    assert "Traceback" not in done.stderr
    assert str(tmp_path) in done.stderr


def test_a_folder_that_is_made_is_for_its_owner_alone_with_those_above_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private(tmp_path / "a" / "b")
    make_private(tmp_path / "a" / "b")  # there already
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")]
    assert modes == [0o755, 0o700, 0o700]


@pytest.mark.parametrize("secrets", [True, False])
def test_the_data_folder_is_made_for_its_owner_alone_whichever_command_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secrets: bool
) -> None:
    given = {"PASSWORD": "a-long-enough-one", "API_TOKEN": "a-long-enough-one", "WEBHOOK_SECRET": "a-long-enough-one"}
    for name, value in (given if secrets else {}).items():
        monkeypatch.setenv(f"DOCLOOP_{name}", value)
    data = tmp_path / "new" / "data"
    monkeypatch.setenv("DOCLOOP_DATA_DIR", str(data))
    assert CliRunner().invoke(app, ["status"]).exit_code in (0, 1, 2)
    build_services(load_settings()).close()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (data, data.parent)] == [0o700, 0o700]
