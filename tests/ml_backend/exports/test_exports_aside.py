"""Folders that exports are written into: one that somebody holds stays, what nobody holds goes."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ml_backend.exports.aside import folder_beside

LEFT = ".docloop-part-abcd1234"


def test_what_nobody_holds_is_taken_away_and_all_else_stays(tmp_path: Path) -> None:
    (tmp_path / LEFT / "train").mkdir(parents=True)
    (tmp_path / LEFT / "train" / "0.png").touch()
    for theirs in (".docloop-part-short", ".git", "mine.docloop-part-abcd1234"):
        (tmp_path / theirs).mkdir()
    (tmp_path / ".docloop-part-afile123").touch()
    (tmp_path / ".docloop-part-alink123").symlink_to(tmp_path / ".git")
    with folder_beside(tmp_path / "out") as aside:
        assert not (tmp_path / LEFT).exists()
        with folder_beside(tmp_path / "another"):
            assert aside.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".docloop-part-afile123",
        ".docloop-part-alink123",
        ".docloop-part-short",
        ".git",
        "mine.docloop-part-abcd1234",
    ]


def test_another_process_that_lives_keeps_its_folder_until_it_is_killed(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from ml_backend.exports.aside import folder_beside\n"
    code += "with folder_beside(Path(sys.argv[1])) as aside: print(aside, flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", code, str(tmp_path / "theirs")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        with folder_beside(tmp_path / "mine"):
            assert theirs.is_dir()
        other.kill()
        other.wait()
    assert theirs.is_dir()
    with folder_beside(tmp_path / "mine"):
        assert not theirs.exists()


def test_many_at_once_never_take_each_others_folder_away(tmp_path: Path) -> None:
    def write(number: int) -> bool:
        for turn in range(10):
            with folder_beside(tmp_path / f"{number}-{turn}") as aside:
                (aside / "file").write_text(str(number))
                (aside / "more").write_text((aside / "file").read_text())
                aside.rename(tmp_path / f"{number}-{turn}")
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write, range(8)))
    whole = [path for path in tmp_path.iterdir() if (path / "more").read_text() == path.name.partition("-")[0]]
    assert len(whole) == 80


def test_on_a_disk_without_locks_exports_are_written_and_nothing_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuses)
    (tmp_path / LEFT).mkdir()
    with folder_beside(tmp_path / "out") as aside:
        aside.rename(tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == [LEFT, "out"]
