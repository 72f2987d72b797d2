"""All tables as JSON lines, and back into an empty database. Give ``url`` and ``empty_url``."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from contracts.store_builders import (
    DAY,
    ODD,
    P,
    annotation,
    correction,
    document,
    prediction,
    project,
    rows,
    sample,
)
from ml_backend.archive import members, verified
from ml_backend.errors import ArchiveRefused, StoreError
from ml_backend.store.dumping import dumped, fill, last_ids, one_moment
from ml_backend.store.opening import connect
from ml_backend.store.records import TrainingRequest
from ml_backend.store.schema import REVISIONS, migrate_to, revision_of
from ml_backend.store.store import Store, open_store

Tables = list[tuple[str, list[bytes]]]


def filled(store: Store) -> None:
    """Something in every kind of column: text, JSON, numbers as bytes, flags, nothing."""
    store.projects.put(project(fault="ü", fault_since=None))
    ids = store.documents.put_many(P, [document(1, data={"image": ODD}), document(2, content="c")])
    number = ids[1, DAY.format(1)]
    store.predictions.put_many([prediction(number, signature=(0.25, 1.5), reasons=("a", "b"))])
    store.ledger.put(number, annotation(1, skipped=True), [correction(), correction("label")])
    store.samples.put(number, sample("c1"))
    store.releases.freeze(project(), (), 1.0)
    store.runs.request(1, "a test", 1.5)
    store.tokens.create("reader", "read", 1.0)
    store.documents.remove([ids[2, DAY.format(1)]])


def dump(url: str) -> tuple[Tables, Mapping[str, int]]:
    database = connect(url)
    try:
        with one_moment(database) as connection:
            return [(name, list(lines)) for name, lines in dumped(connection)], last_ids(connection)
    finally:
        database.engine.dispose()


def restore(url: str, tables: Tables, ids: Mapping[str, int], revision: str = REVISIONS[-1]) -> None:
    database = connect(url)
    try:
        fill(database, revision, ids, tables)
    finally:
        database.engine.dispose()


def revision(url: str) -> str:
    database = connect(url)
    try:
        return revision_of(database)
    finally:
        database.engine.dispose()


class StoreDumpingContract:
    """What is taken out of one database fills another."""

    def test_a_dump_fills_an_empty_database_with_the_same(self, store: Store, url: str, empty_url: str) -> None:
        filled(store)
        tables, ids = dump(url)
        restore(empty_url, tables, ids)
        assert dump(empty_url) == (tables, ids)
        other = open_store(empty_url)
        try:
            assert rows(other) == rows(store)
            assert other.samples.load(P) == store.samples.load(P)
            # The id of the deleted document is not given out again.
            assert other.documents.put_many(P, [document(3)])[3, DAY.format(1)] == 3
        finally:
            other.close()

    def test_leases_and_the_work_of_the_moment_are_not_in_it(self, store: Store, url: str) -> None:
        now = time.time()
        store.leases.take("worker-1", "me", now, 15.0)
        store.leases.take("rest-a", "a person", now, 1e10)  # ml_backend/pausing.py: a wish, which lasts
        tables = dict(dump(url)[0])
        assert not {"push_batches", "push_answers", "alembic_version"} & tables.keys()
        assert [json.loads(line)["name"] for line in tables["leases"]] == ["rest-a"]

    def test_a_dump_of_an_older_docloop_is_upgraded(self, empty_url: str) -> None:
        row = b'{"project_id": 7, "requested_by": "me", "requested_at": 1.5}'
        restore(empty_url, [("requests", [row])], {}, "0001")
        store = open_store(empty_url)
        assert store.runs.requests() == [TrainingRequest(7, "me", 1.5)]
        store.close()

    @pytest.mark.parametrize(
        ("tables", "of"),
        [
            ([("projects", [b'{"id": 1}'])], REVISIONS[-1]),
            ([("projects", [b"[1]"])], REVISIONS[-1]),
            ([("projects", [b"{"])], REVISIONS[-1]),
            ([("sqlite_master", [b"{}"])], REVISIONS[-1]),
            ([], "9999"),
        ],
    )
    def test_what_is_no_dump_changes_nothing(self, empty_url: str, tables: Tables, of: str) -> None:
        with pytest.raises(ArchiveRefused):
            restore(empty_url, tables, {}, of)
        assert revision(empty_url) == ""

    def test_a_database_that_is_not_empty_is_not_filled(self, url: str) -> None:
        with pytest.raises(ArchiveRefused, match="empty one"):
            restore(url, [], {})

    def test_before_an_upgrade_the_tables_are_kept_and_without_space_nothing_is_upgraded(
        self, empty_url: str, tmp_path: Path
    ) -> None:
        database = connect(empty_url)
        with database.write() as connection:
            migrate_to(connection, "0001")
            connection.exec_driver_sql(
                "INSERT INTO requests (project_id, requested_by, requested_at) VALUES (7, 'me', 1)"
            )
        database.engine.dispose()
        in_the_way = tmp_path / "a-file"
        in_the_way.touch()
        with pytest.raises((OSError, StoreError)):
            open_store(empty_url, in_the_way / "backups")
        assert revision(empty_url) == "0001"
        open_store(empty_url, tmp_path / "backups").close()
        assert revision(empty_url) == REVISIONS[-1]
        (kept,) = (tmp_path / "backups").iterdir()
        assert verified(kept)["schema"] == "0001"
        assert (
            b'"requested_by":"me"' in {name: b"".join(blocks) for name, blocks in members(kept)}["store/requests.jsonl"]
        )
