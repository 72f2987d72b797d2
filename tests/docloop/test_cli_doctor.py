"""``docloop doctor`` on the command line: the table, the fixes, JSON, the exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from docloop import terminal
from docloop.cli import app

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """With an empty data folder, and nobody at any address."""
    monkeypatch.setenv("DOCLOOP_DATA_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("DOCLOOP_LABEL_STUDIO_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("DOCLOOP_PORT", "9")
    monkeypatch.setattr(terminal.out, "_width", 200)
    return lambda *arguments: CliRunner().invoke(app, ["doctor", "--quick", *arguments])


def test_each_fault_comes_with_its_fix_and_the_exit_status_says_so(run: Run, tmp_path: Path) -> None:
    done = run()
    assert done.exit_code == 1, done.output
    said = " ".join(done.output.split())
    assert "label_studio_unreachable" in said
    assert "what mends it: Start Label Studio, or correct DOCLOOP_LABEL_STUDIO_URL (http://127.0.0.1:9)." in said
    assert "skipped, because label_studio.reachable found a fault" in said
    assert not (tmp_path / "none").exists(), "looking makes no secrets and no database"


def test_json_has_every_finding(run: Run) -> None:
    said = json.loads(run("--json").stdout)
    assert (said["ok"], said["touched"]) == (False, [])
    faults = {one["code"] for one in said["findings"] if one["level"] == "fault"}
    assert faults == {"data_dir_missing", "store_missing", "web_down", "label_studio_unreachable"}
    assert said["faults"] == 4


def test_an_address_that_is_none_and_a_misspelt_setting_are_said_before_anything_is_looked_at(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Did you mean http://ml.backend:9090?" in run("--url", "ml.backend:9090").output
    monkeypatch.setenv("DOCLOOP_LABEL_STUDIO_TOKN", "a")
    done = run()
    assert (done.exit_code, "DOCLOOP_LABEL_STUDIO_TOKEN" in done.output) == (2, True)
