"""Hints in a folder: the contract, and what only a folder has."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.hints_contract import HintsContract
from ml_backend.errors import SetupError
from ml_backend.jobs.hints import FolderHints, Hints, open_hints
from ml_backend.jobs.queue import open_queue


class TestFolderHints(HintsContract):
    @pytest.fixture
    def opened(self, tmp_path: Path) -> Callable[[], Hints]:
        return lambda: open_hints("", tmp_path / "hints")


def test_files_that_are_no_hints_are_left_alone(tmp_path: Path) -> None:
    hints = FolderHints(tmp_path)
    for name in (".DS_Store", "²", "7.tmp"):
        (tmp_path / "changed" / name).touch()
        (tmp_path / "taken" / name).touch()
    FolderHints(tmp_path).recover()
    assert hints.take() == []
    assert {path.name for path in (tmp_path / "changed").iterdir()} == {".DS_Store", "²", "7.tmp"}


def test_what_this_worker_itself_took_is_not_abandoned(tmp_path: Path) -> None:
    hints = FolderHints(tmp_path)
    hints.leave(7)
    assert hints.take() == [7]
    hints.recover()
    assert hints.take() == []


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("amqp://docloop:secret@example.com", "bad_queue_url", "redis://"),
        ("redis://docloop:secret@localhost", "redis_missing", "pip install 'docloop[redis]'"),
    ],
)
@pytest.mark.parametrize("open_it", [open_hints, open_queue])
def test_a_url_that_cannot_be_opened_is_refused_with_the_fix_and_without_its_password(
    open_it: Callable[[str, Path], object],
    url: str,
    code: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)  # as where the extra was not installed
    with pytest.raises(SetupError) as caught:
        open_it(url, tmp_path)
    assert caught.value.code == code
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
