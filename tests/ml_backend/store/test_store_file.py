"""What is particular to the SQLite file: its address, who may read it, what deleted text leaves in it, and locks."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from builders import found
from contracts.store_builders import P, annotation, correction, document, prediction, project, sample
from ml_backend.errors import StoreError
from ml_backend.store import database
from ml_backend.store.store import open_store

CANARY = "canary-in-a-document"


def files_with(text: str, folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if text.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        ("no address with a p4ssw0rd", "store_address", "Known ones: sqlite:////"),
        ("postgresql://user:p4ssw0rd@host:port/x", "store_address", "postgresql+psycopg://"),
        ("mysql://user:p4ssw0rd@host/x", "store_kind", "'mysql'"),
        ("sqlite://", "store_address", "a file"),
        ("sqlite:///:memory:", "store_address", "a file"),
        ("sqlite:///{folder}/a-file/docloop.db", "store_file", "a folder it may write to"),
        ("sqlite:///{folder}", "store_file", "it is not a file"),
        ("sqlite:///{folder}/pipe", "store_file", "it is not a file"),
    ],
)
def test_an_address_that_is_no_store_is_refused_with_the_fix(
    address: str, code: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "a-file").touch()
    os.mkfifo(tmp_path / "pipe", 0o644)
    with pytest.raises(StoreError) as caught:
        open_store(address.format(folder=tmp_path))
    assert (caught.value.code, said in str(caught.value), "p4ssw0rd" in str(caught.value)) == (code, True, False)


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes " * 200)
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{path}")
    assert path.read_text() == "my notes " * 200


def test_only_the_owner_may_read_the_files_and_deleted_text_leaves_none_of_them_with_it(tmp_path: Path) -> None:
    path = tmp_path / "made" / "docloop.db"
    store = open_store(f"sqlite:///{path}")
    store.projects.put(project())
    [number] = store.documents.put_many(P, [document(1, data={"image": CANARY})]).values()
    store.predictions.put_many([prediction(number, fields=(found(text=CANARY),))])
    store.ledger.put(number, annotation(1, fields=(found(text=CANARY),)), [correction(region_id=CANARY)])
    store.samples.put(number, sample("c", text=CANARY))
    store.releases.freeze(project(), (), 1.0)
    assert set(files_with(CANARY, path.parent)) & {"docloop.db", "docloop.db-wal"}
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir() if one.suffix != ".lock"}
    assert modes == dict.fromkeys(("docloop.db", "docloop.db-wal", "docloop.db-shm"), 0o600)
    store.documents.remove([number])
    store.releases.forget_gone(2.0)
    assert files_with(CANARY, path.parent) == []
    store.close()


def test_a_database_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "docloop.db"
    path.touch()
    path.chmod(0o644)
    open_store(f"sqlite:///{path}").close()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_database_locked_by_another_program_is_waited_for_and_then_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    store = open_store(f"sqlite:///{tmp_path}/docloop.db")
    other = sqlite3.connect(tmp_path / "docloop.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store.projects.all() == []
    with pytest.raises(StoreError, match="locked for") as caught:
        store.projects.put(project())
    assert caught.value.code == "database_locked"
    other.execute("ROLLBACK")
    store.projects.put(project())
    assert store.projects.all() == [project()]
    other.close()
    store.close()


def test_text_that_a_reader_kept_in_the_log_leaves_it_with_the_next_write(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/docloop.db")
    store.projects.put(project())
    [number] = store.documents.put_many(P, [document(1, data={"image": CANARY})]).values()
    reader = sqlite3.connect(tmp_path / "docloop.db", isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM documents").fetchone() == (1,)
    store.documents.remove([number])
    assert files_with(CANARY, tmp_path) != []
    reader.close()
    store.projects.update(P, title="any write")
    assert files_with(CANARY, tmp_path) == []
    store.close()
