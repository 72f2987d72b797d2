"""Starting and stopping, against a stand-in that listens as Label Studio does and can be told to misbehave."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from docloop.child_process import ChildProcess
from docloop.label_studio_login import USERNAME, Login, stored_login
from docloop.label_studio_server import LabelStudioServer
from ml_backend.errors import SetupError

pytestmark = pytest.mark.slow  # starts and kills processes

LOGIN = Login("demo@example.com", "not-a-secret")

STAND_IN = """\
#!{python}
import http.server, os, pathlib, signal, sys
data = pathlib.Path(os.environ["LABEL_STUDIO_BASE_DATA_DIR"])
print("arguments:", *sys.argv[1:])
print("environment:", *sorted(os.environ))
if os.environ.get("TEST_CRASH"):
    sys.exit("django.db.utils.OperationalError: no such table")
if os.environ.get("TEST_STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with (data / "label_studio.sqlite3").open("a") as database:
    database.write("started\\n")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["LABEL_STUDIO_USERNAME"].encode())
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A folder that looks like the virtual environment of a Label Studio."""
    executable = tmp_path / "environment" / "bin" / "label-studio"
    executable.parent.mkdir(parents=True)
    executable.write_text(STAND_IN.format(python=sys.executable))
    executable.chmod(0o755)
    return tmp_path / "environment"


@pytest.fixture
def killed_docloop(environment: Path, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Port and pid of a stand-in whose docloop was killed with SIGKILL."""
    port = free_port()
    script = f"""
        import os, signal
        from pathlib import Path
        from docloop.label_studio_login import Login
        from docloop.label_studio_server import LabelStudioServer
        login = Login("a@example.com", "not-a-secret")
        LabelStudioServer(Path({str(environment)!r}), Path({str(tmp_path / "data")!r}), login, {port}).start()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    died = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL
    pid = int((tmp_path / "data" / "label-studio.pid").read_text())
    yield port, pid
    if alive(pid):
        os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether the process runs (one that has ended and waits to be collected does not)."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_it_answers_inside_the_block_and_nobody_does_after_it(environment: Path, tmp_path: Path) -> None:
    said: list[str] = []
    server = LabelStudioServer(environment, tmp_path / "data", LOGIN, free_port(), said.append)
    with server:
        assert httpx.get(f"{server.url}/anything").text == "demo@example.com"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/anything")
    *waiting, ready = said  # every second how long it takes
    assert waiting[0].startswith("Label Studio builds its database (first start, about a minute): ")
    assert ready == f"Label Studio is ready at {server.url}"


def test_the_password_is_not_among_the_arguments_that_any_user_can_read(environment: Path, tmp_path: Path) -> None:
    port = free_port()
    with LabelStudioServer(environment, tmp_path, LOGIN, port):
        log = (tmp_path / "label-studio.log").read_text()
    assert log.splitlines()[0] == f"arguments: start --no-browser --internal-host 127.0.0.1 --port {port}"


def test_a_secret_of_our_own_environment_does_not_reach_it(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCLOOP_API_TOKEN", "ours")
    monkeypatch.setenv("LABEL_STUDIO_HOST", "https://elsewhere.example.com")
    with LabelStudioServer(environment, tmp_path, LOGIN, free_port(), extra={"TEST_EXTRA": "1"}):
        names = (tmp_path / "label-studio.log").read_text().splitlines()[1].split()[1:]
    assert {"DOCLOOP_API_TOKEN", "LABEL_STUDIO_HOST"} & set(names) == set()
    assert {"PATH", "TEST_EXTRA", "USE_DEFAULT_BANNED_SUBNETS"} <= set(names)


def test_a_missing_executable_names_the_install_line(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="Run `make demo`, or: uv venv") as caught:
        LabelStudioServer(tmp_path / "nowhere", tmp_path / "data", LOGIN).start()
    assert caught.value.code == "label_studio_missing"


def test_a_busy_port_is_refused_before_anything_starts(environment: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SetupError, match=f"Port {port}, where Label Studio should answer") as caught:
            LabelStudioServer(environment, tmp_path, LOGIN, port).start()
    assert caught.value.code == "port_in_use"
    assert not (tmp_path / "label-studio.log").exists()


def test_a_crash_at_start_shows_the_end_of_the_log_and_frees_the_folder(environment: Path, tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(SetupError, match="exit code 1 while starting") as caught:
        LabelStudioServer(environment, tmp_path, LOGIN, port, extra={"TEST_CRASH": "1"}).start()
    assert caught.value.code == "label_studio_did_not_start"
    assert "django.db.utils.OperationalError: no such table" in caught.value.message
    with LabelStudioServer(environment, tmp_path, LOGIN, port):
        pass


def test_an_interrupted_first_start_begins_again_and_a_later_one_keeps_the_data(
    environment: Path, tmp_path: Path
) -> None:
    database, mark = tmp_path / "label_studio.sqlite3", tmp_path / "first-start-unfinished"
    journal = tmp_path / "label_studio.sqlite3-journal"
    database.write_text("half of it\n")
    journal.touch()
    mark.touch()
    said: list[str] = []
    with LabelStudioServer(environment, tmp_path, LOGIN, free_port(), said.append):
        assert said[0] == "The first start was interrupted before it was done: beginning again"
    assert (database.read_text(), mark.exists(), journal.exists()) == ("started\n", False, False)
    with LabelStudioServer(environment, tmp_path, LOGIN, free_port()):
        pass
    assert database.read_text() == "started\nstarted\n"


def test_a_database_that_was_there_before_us_is_never_removed(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "label_studio.sqlite3").write_text("years of work\n")
    with pytest.raises(SetupError):
        LabelStudioServer(environment, tmp_path, LOGIN, free_port(), extra={"TEST_CRASH": "1"}).start()
    with LabelStudioServer(environment, tmp_path, LOGIN, free_port()):
        pass
    assert (tmp_path / "label_studio.sqlite3").read_text() == "years of work\nstarted\n"


def test_two_docloops_do_not_share_a_folder(environment: Path, tmp_path: Path) -> None:
    with LabelStudioServer(environment, tmp_path, LOGIN, free_port()) as first:
        with pytest.raises(SetupError, match="Another docloop is already running label-studio in") as caught:
            LabelStudioServer(environment, tmp_path, LOGIN, free_port()).start()
        assert caught.value.code == "folder_in_use"
        assert httpx.get(first.url).is_success


def test_the_next_start_stops_what_a_killed_docloop_left_and_takes_its_port(
    environment: Path, tmp_path: Path, killed_docloop: tuple[int, int]
) -> None:
    port, pid = killed_docloop
    assert alive(pid)
    said: list[str] = []
    with LabelStudioServer(environment, tmp_path / "data", LOGIN, port, said.append) as server:
        assert said[0] == f"Stopped the Label Studio of an earlier run (process {pid})"
        assert httpx.get(server.url).text == LOGIN.username
    assert not alive(pid)


def test_an_orphan_whose_pid_was_lost_is_not_guessed_at(
    environment: Path, tmp_path: Path, killed_docloop: tuple[int, int]
) -> None:
    port, pid = killed_docloop
    (tmp_path / "data" / "label-studio.pid").write_text("")
    with pytest.raises(SetupError, match="process unknown") as caught:
        LabelStudioServer(environment, tmp_path / "data", LOGIN, port).start()
    assert caught.value.code == "orphan_still_runs"
    assert alive(pid)


def test_the_pid_of_a_child_that_is_gone_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "label-studio.pid").write_text(f"{os.getpid()}\n")  # the system gave its number to somebody else: to us
    assert ChildProcess(tmp_path, "label-studio").stop_orphan() is None


def test_a_child_that_will_not_stop_is_killed(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docloop.child_process.STOP_WITHIN", 0.2)
    server = LabelStudioServer(environment, tmp_path, LOGIN, free_port(), extra={"TEST_STUBBORN": "1"})
    with server:
        pid = int((tmp_path / "label-studio.pid").read_text())
    assert not alive(pid)


def test_it_runs_in_a_session_of_its_own_so_that_ctrl_c_reaches_only_us(environment: Path, tmp_path: Path) -> None:
    with LabelStudioServer(environment, tmp_path, LOGIN, free_port()):
        pid = int((tmp_path / "label-studio.pid").read_text())
        assert os.getsid(pid) == pid


def test_the_password_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    login = stored_login(tmp_path / "data")
    file = tmp_path / "data" / "label-studio-password"
    assert (login.username, login.password) == (USERNAME, file.read_text().strip())
    assert stored_login(tmp_path / "data") == login
    assert stored_login(tmp_path / "other").password != login.password
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert login.password not in repr(login)
