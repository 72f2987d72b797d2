"""The commands about tokens: made and shown once, listed without the secret, revoked, refused in words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from docloop import terminal
from docloop.cli import app
from ml_backend.settings import Settings
from ml_backend.store.store import open_store

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for setting in Settings.model_fields:
        monkeypatch.delenv(f"DOCLOOP_{setting.upper()}", raising=False)
    monkeypatch.setenv("DOCLOOP_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(terminal.out, "_width", 250)
    return lambda *words: CliRunner().invoke(app, ["tokens", *words])


def test_a_token_is_shown_once_alone_and_opens_what_it_says(run: Run, tmp_path: Path) -> None:
    made = run("create", "ci", "--role", "train", "--days", "90", "--annotator", "ann@example.org")
    secret = made.stdout.strip()
    assert (made.exit_code, made.stdout, "cannot show it again" in made.stderr) == (0, f"{secret}\n", True)
    assert secret not in made.stderr
    assert secret not in run().output + run("--json").output
    store = open_store(f"sqlite:///{tmp_path / 'docloop.sqlite3'}")
    found = store.tokens.find(secret, time.time())
    store.close()
    assert found is not None
    assert (found.name, found.role, found.email) == ("ci", "train", "ann@example.org")
    assert found.expires_at == pytest.approx(found.made_at + 90 * 86_400)


def test_an_empty_list_says_what_fills_it(run: Run) -> None:
    assert run().output == "No tokens yet: docloop tokens create NAME --role read makes one for another program.\n"
    assert json.loads(run("--json").output) == []


def test_the_list_says_who_may_what_until_when(run: Run) -> None:
    run("create", "ci", "--role", "read")
    run("create", "old [bold]\x1b[31m", "--role", "admin")  # a name with a control character is refused
    run("create", "[bold]odd", "--role", "admin")
    revoked = run("revoke", "[bold]odd")
    assert (revoked.exit_code, "“[bold]odd” was revoked" in revoked.stdout) == (0, True)
    table = run().stdout
    lines = [line for line in table.splitlines() if "│" in line]
    assert [line.count(time.strftime("%Y-", time.gmtime())) for line in lines] == [1, 2]
    assert ("ci" in lines[0], "read" in lines[0], "[bold]odd" in lines[1]) == (True, True, True)
    found = json.loads(run("--json").stdout)
    assert [(one["name"], one["role"], one["alive"], one["used_at"]) for one in found] == [
        ("ci", "read", True, None),
        ("[bold]odd", "admin", False, None),
    ]
    assert "hash" not in found[0]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("create", "ci", "--role", "read"), "token_exists", "Revoke it first"),
        (("create", "x", "--role", "owner"), "token_bad", "Known roles: read, train, admin"),
        (("create", "12", "--role", "read"), "token_bad", "is no number"),
        (("create", "x", "--role", "read", "--annotator", "ann"), "token_bad", "e-mail"),
        (("revoke", "nobody"), "token_unknown", "docloop tokens lists them"),
    ],
)
def test_what_cannot_be_is_refused_in_words(run: Run, words: tuple[str, ...], code: str, said: str) -> None:
    assert run("create", "ci", "--role", "read").exit_code == 0
    result = run(*words)
    assert (result.exit_code, code in result.stderr, said in " ".join(result.stderr.split())) == (2, True, True)
    assert result.stdout == ""
