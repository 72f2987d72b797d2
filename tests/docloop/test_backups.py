"""docloop backup and restore: whole, checked, into an empty installation only, whatever is killed in between."""

from __future__ import annotations

import errno
import os
import random
import stat
import tempfile
from pathlib import Path

import pytest
from pydantic import SecretStr
from registry_harm import PROJECT, harm, is_whole, killed_at, serving, steps_of
from typer.testing import CliRunner, Result

from contracts.store_builders import project, rows
from contracts.store_dumping_contract import dump, filled
from docloop.backups import back_up, check, restore
from docloop.cli import app
from docloop.processes import own
from ml_backend.archive import new_archive, verified
from ml_backend.credentials import load_credentials
from ml_backend.errors import ArchiveRefused, SetupError, StorageError
from ml_backend.models.registry import ModelRegistry
from ml_backend.models.shelf import Shelf
from ml_backend.page_files import PageFiles
from ml_backend.services import BACKUPS, model_registry, page_files, store_url
from ml_backend.settings import Settings
from ml_backend.store.opening import connect
from ml_backend.store.schema import REVISIONS, migrate_to
from ml_backend.store.store import open_store

CONTENT = "a" * 64


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation with something of everything."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("installation"))
    store = open_store(store_url(settings))
    filled(store)
    store.close()
    serving(settings.data_dir / "models", 2)
    page_files(settings).put(CONTENT, [b"first page", b"second page"])
    load_credentials(settings)
    (settings.data_dir / "cache" / "ocr").mkdir(parents=True)
    (settings.data_dir / "cache" / "ocr" / "page.json").write_text("{}")
    (settings.data_dir / "models" / PROJECT / ".aside-killed").mkdir()
    return settings


@pytest.fixture(scope="module")
def archive(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backups") / "monday.tar.gz"
    back_up(settings, path)
    return path


def is_restored(fresh: Settings, settings: Settings) -> bool:
    registry = ModelRegistry(fresh.data_dir / "models")
    best = registry.best(PROJECT)
    return (
        dump(store_url(fresh)) == dump(store_url(settings))
        and (best.version, best.reason) == ("fields-2", "")
        and is_whole(best.folder, "fields-2")
        and registry.rollback(PROJECT) == "fields-1"
        and page_files(fresh).get(CONTENT) == (b"first page", b"second page")
        and load_credentials(fresh) == load_credentials(settings)
    )


def test_a_backup_restores_everything_but_what_can_be_made_again(
    settings: Settings, archive: Path, tmp_path: Path
) -> None:
    fresh = Settings(data_dir=tmp_path / "new")
    restore(fresh, archive)
    assert is_restored(fresh, settings)
    assert not (fresh.data_dir / "cache").exists()
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600


def test_only_what_is_empty_is_filled_and_only_while_docloop_is_stopped(archive: Path, tmp_path: Path) -> None:
    fresh = Settings(data_dir=tmp_path)
    with own(tmp_path, "worker"), pytest.raises(SetupError, match="is running"):
        restore(fresh, archive)
    store = open_store(store_url(fresh))
    store.projects.put(project("another", 5))
    for _ in range(2):
        with pytest.raises(ArchiveRefused, match="empty one"):
            restore(fresh, archive)
        assert rows(store) == {"projects": 1}
        assert not (tmp_path / "models").exists()
    store.close()
    serving(tmp_path / "with-models" / "models", 1)
    with pytest.raises(ArchiveRefused, match="not empty"):
        restore(Settings(data_dir=tmp_path / "with-models"), archive)


def test_a_backup_that_was_cut_or_changed_anywhere_is_refused_and_nothing_is_touched(
    archive: Path, tmp_path: Path
) -> None:
    dice = random.Random(20261120)
    for _ in range(25):
        broken = tmp_path / "broken.tar.gz"
        broken.write_bytes(archive.read_bytes())
        done = harm(broken, dice)
        try:
            check(broken)
        except ArchiveRefused:
            continue
        # What gzip itself ignores (its time stamp, bytes behind the end) changes no member.
        assert "lengthened" in done or check(broken) == check(archive), done
    fresh = Settings(data_dir=tmp_path / "new")
    broken.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(ArchiveRefused, match="cannot be used"):
        restore(fresh, broken)
    assert not (fresh.data_dir / "docloop.sqlite3").exists()


def test_a_backup_needs_neither_room_in_tmp_nor_a_disk_with_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: object, target: object) -> None:
        raise PermissionError(errno.EPERM, "a stick has no links")

    monkeypatch.setattr(tempfile, "tempdir", "/proc/full")
    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "large.tar.gz"
    with new_archive(path, dict) as made:
        made.add("store/large.jsonl", [b"x" * 9_000_000])
    assert list(verified(path)["files"]) == ["store/large.jsonl"]
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_docloop_does_not_start_on_half_a_restore(settings: Settings, archive: Path, tmp_path: Path) -> None:
    fresh, steps = Settings(data_dir=tmp_path), iter(range(3))
    with pytest.raises(StopIteration):  # the disk is full, say
        restore(fresh, archive, lambda: [next(steps)].clear())
    with pytest.raises(SetupError, match="docloop restore once more"), own(tmp_path, "web"):
        pytest.fail("it began with half a backup")
    restore(fresh, archive)
    with own(tmp_path, "web"):
        assert is_restored(fresh, settings)


@pytest.mark.slow
def test_a_restore_that_is_killed_at_any_step_is_finished_by_the_next(
    settings: Settings, archive: Path, tmp_path: Path
) -> None:
    steps = len(steps_of(lambda: restore(Settings(data_dir=tmp_path / "counted"), archive)))
    for step in sorted(random.Random(7).sample(range(steps), 12)):
        fresh = Settings(data_dir=tmp_path / str(step))
        killed_at(step, lambda fresh=fresh: restore(fresh, archive))
        if not _is_there(fresh):
            restore(fresh, archive)
        assert is_restored(fresh, settings), f"killed at {step} of {steps}"


def _is_there(fresh: Settings) -> bool:
    """Whether nothing is left to be done: the last step was taken."""
    return not (fresh.data_dir / "restore-unfinished").exists() and (fresh.data_dir / "models").exists()


def test_an_installation_moves_into_a_bucket_and_out_of_it(settings: Settings, archive: Path, tmp_path: Path) -> None:
    """From a laptop to a cluster: the folders are the bucket's then, and another machine has what was restored."""
    url = f"file://{tmp_path / 'shared'}"
    (tmp_path / "shared").mkdir()
    cluster = Settings(data_dir=tmp_path / "one", storage_url=url)
    restore(cluster, archive)
    other = Settings(data_dir=tmp_path / "two", storage_url=url, store_url=SecretStr(store_url(cluster)))
    registry = model_registry(other)
    assert (registry.best(PROJECT).version, page_files(other).get(CONTENT)) == (
        "fields-2",
        (b"first page", b"second page"),
    )
    back_up(other, tmp_path / "tuesday.tar.gz")
    assert [path.name for path in other.data_dir.iterdir() if path.name.startswith(".backup")] == []
    laptop = Settings(data_dir=tmp_path / "three")
    restore(laptop, tmp_path / "tuesday.tar.gz")
    assert ModelRegistry(laptop.data_dir / "models").history(PROJECT) == ("", "fields-1")
    assert page_files(laptop).get(CONTENT) == (b"first page", b"second page")


def test_what_was_forgotten_in_a_bucket_is_restored_into_it_all_the_same(
    archive: Path, settings: Settings, tmp_path: Path
) -> None:
    """The project was deleted by mistake: Label Studio and docloop are restored, the bucket is the one that was."""
    url = f"file://{tmp_path / 'shared'}"
    (tmp_path / "shared").mkdir()
    before = Settings(data_dir=tmp_path / "before", storage_url=url)
    restore(before, archive)
    assert model_registry(before).forget(PROJECT)
    after = Settings(data_dir=tmp_path / "after", storage_url=url)
    restore(after, archive)
    other = Settings(data_dir=tmp_path / "other", storage_url=url, store_url=SecretStr(store_url(after)))
    assert (model_registry(after).best(PROJECT).version, model_registry(other).best(PROJECT).version) == (
        "fields-2",
        "fields-2",
    )


def test_what_a_bucket_does_not_give_or_take_is_no_silent_gap(
    archive: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StorageError("storage_away", "It does not answer.")

    (tmp_path / "shared").mkdir()
    cluster = Settings(data_dir=tmp_path / "one", storage_url=f"file://{tmp_path / 'shared'}")
    with monkeypatch.context() as patched:
        patched.setattr(Shelf, "put", refuse)
        with pytest.raises(StorageError, match="does not answer"):
            restore(cluster, archive)
    restore(cluster, archive)
    assert is_restored(cluster, settings)
    other = cluster.model_copy(update={"data_dir": tmp_path / "two", "store_url": SecretStr(store_url(cluster))})
    assert page_files(other).get(CONTENT) == (b"first page", b"second page")
    with monkeypatch.context() as patched:
        patched.setattr(PageFiles, "_copy", lambda *_: refuse())
        with pytest.raises(StorageError, match="pages of 1 documents"):
            back_up(other, tmp_path / "tuesday.tar.gz")
    assert not (tmp_path / "tuesday.tar.gz").exists()


@pytest.mark.parametrize("fault", [StorageError("storage_away", "It does not answer."), OSError(errno.ENOSPC, "full")])
def test_a_backup_that_cannot_bring_a_version_is_none(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def refuse(*_: object) -> int:
        raise fault

    (tmp_path / "shared").mkdir()
    settings = Settings(data_dir=tmp_path / "one", storage_url=f"file://{tmp_path / 'shared'}")
    restore(settings, archive)
    monkeypatch.setattr(Shelf, "fetch", refuse)
    with pytest.raises(type(fault)):
        back_up(settings, tmp_path / "tuesday.tar.gz", pages=False)
    assert not (tmp_path / "tuesday.tar.gz").exists()


def test_what_an_upgrade_kept_restores_as_the_handbook_says(tmp_path: Path) -> None:
    old = Settings(data_dir=tmp_path / "old")
    database = connect(store_url(old))
    with database.write() as connection:
        migrate_to(connection, REVISIONS[-2])
        connection.exec_driver_sql("INSERT INTO requests (project_id, requested_by, requested_at) VALUES (7, 'me', 1)")
    database.engine.dispose()
    open_store(store_url(old), old.data_dir / BACKUPS).close()  # the new docloop's first start
    (kept,) = (old.data_dir / BACKUPS).iterdir()
    fresh = Settings(data_dir=tmp_path / "new")
    assert restore(fresh, kept).schema == REVISIONS[-2]
    assert dump(store_url(fresh)) == dump(store_url(old))
    store = open_store(store_url(fresh))
    assert [request.project_id for request in store.runs.requests()] == [7]
    store.close()


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"DOCLOOP_DATA_DIR": str(data)})


def test_the_commands_say_what_they_did(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "[tues]day.tar.gz"  # which rich would take for a style
    made = run(settings.data_dir, "backup", str(path), "--no-pages")
    assert made.exit_code == 0, made.output
    assert f"{path}: " in made.output
    assert "files and tables" in made.output
    again = run(settings.data_dir, "backup", str(path))
    assert (again.exit_code, "is there already" in again.output) == (2, True)
    assert f"{path} is whole" in run(tmp_path / "x", "restore", str(path), "--check").output
    done = run(tmp_path / "new", "restore", str(path))
    assert done.exit_code == 0, done.output
    assert page_files(Settings(data_dir=tmp_path / "new")).get(CONTENT) == ()
