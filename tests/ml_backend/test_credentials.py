"""Secrets are made once, kept where only their user can read them, and are never empty."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ml_backend.credentials import SECRETS_FILE, Credentials, load_credentials
from ml_backend.errors import SetupError
from ml_backend.settings import load_settings


def test_the_first_start_makes_secrets_and_the_next_finds_them(tmp_path: Path) -> None:
    settings = load_settings({}, data_dir=tmp_path / "new" / "folder")
    first = load_credentials(settings)
    file = settings.data_dir / SECRETS_FILE
    assert load_credentials(settings) == first
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in settings.data_dir.iterdir()] == [SECRETS_FILE]
    made = json.loads(file.read_text())
    assert sorted(made) == ["api_token", "password", "webhook_secret"]
    assert len(set(made.values())) == 3
    assert all(len(secret) >= 32 for secret in made.values())


def test_a_secret_in_the_settings_wins_over_the_file(tmp_path: Path) -> None:
    kept = load_credentials(load_settings({}, data_dir=tmp_path))
    chosen = load_credentials(load_settings({"DOCLOOP_PASSWORD": "mine", "DOCLOOP_USER": "anna"}, data_dir=tmp_path))
    assert chosen == Credentials("anna", "mine", kept.api_token, kept.webhook_secret)


def test_with_all_secrets_in_the_settings_nothing_is_written(tmp_path: Path) -> None:
    names = ("DOCLOOP_PASSWORD", "DOCLOOP_API_TOKEN", "DOCLOOP_WEBHOOK_SECRET")
    credentials = load_credentials(load_settings(dict.fromkeys(names, "x"), data_dir=tmp_path))
    assert credentials == Credentials("docloop", "x", "x", "x")
    assert list(tmp_path.iterdir()) == []


def test_secrets_do_not_show_when_printed() -> None:
    assert repr(Credentials("anna", "a1", "b2", "c3")) == "Credentials(user='anna')"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (("", "p", "t", "w"), "secret_empty"),
        (("u", "", "t", "w"), "secret_empty"),
        (("u", "p", " ", "w"), "secret_empty"),
        (("u", "p", "t", ""), "secret_empty"),
        (("u:v", "p", "t", "w"), "user_with_colon"),
    ],
)
def test_there_are_no_half_set_credentials(values: tuple[str, str, str, str], code: str) -> None:
    with pytest.raises(SetupError) as caught:
        Credentials(*values)
    assert caught.value.code == code


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_file_that_others_can_read_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    settings = load_settings({}, data_dir=tmp_path)
    load_credentials(settings)
    (tmp_path / SECRETS_FILE).chmod(mode)
    with pytest.raises(SetupError) as caught:
        load_credentials(settings)
    assert caught.value.code == "secrets_file_readable"
    assert caught.value.fix == f"Run: chmod 600 {tmp_path / SECRETS_FILE}"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"password": "x"}', '{"password": 1, "api_token": 2, "webhook_secret": 3}']
)
def test_a_broken_file_is_refused_and_never_replaced_silently(tmp_path: Path, content: str) -> None:
    file = tmp_path / SECRETS_FILE
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(SetupError) as caught:
        load_credentials(load_settings({}, data_dir=tmp_path))
    assert caught.value.code == "secrets_file_broken"
    assert file.read_text() == content


def test_a_folder_that_cannot_be_made_is_named_with_the_ways_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SetupError, match="DOCLOOP_DATA_DIR") as caught:
        load_credentials(load_settings({}, data_dir=tmp_path / "file"))
    assert caught.value.code == "secrets_file_unusable"


@pytest.mark.slow
def test_processes_that_start_together_agree_on_the_secrets(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ml_backend.credentials import load_credentials\n"
        "from ml_backend.settings import load_settings; sys.stdin.read()\n"
        "print(load_credentials(load_settings({}, data_dir=Path(sys.argv[1]))).password)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in processes:  # each waits for the end of its input, so that all begin at once
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    passwords = {process.communicate(timeout=60)[0] for process in processes}
    assert len(passwords) == 1
    assert passwords == {load_credentials(load_settings({}, data_dir=tmp_path)).password + "\n"}
