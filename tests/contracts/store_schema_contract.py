"""How every store comes by its tables, and what it refuses to touch. Give ``empty_url``: a database with nothing in it."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from ml_backend.errors import StoreError
from ml_backend.store import schema
from ml_backend.store.opening import connect
from ml_backend.store.records import ProjectRecord
from ml_backend.store.store import open_store
from ml_backend.store.tables import metadata


def run(url: str, statement: str) -> None:
    """Run one statement behind the store's back."""
    database = connect(url)
    with database.write() as connection:
        connection.execute(sa.text(statement))
    database.engine.dispose()


class StoreSchemaContract:
    """From nothing to the newest schema, once."""

    def test_the_migrations_make_the_very_tables_that_the_store_uses(self, empty_url: str) -> None:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext
        from alembic.script import ScriptDirectory

        open_store(empty_url).close()
        database = connect(empty_url)
        with database.read() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
            assert context.get_current_heads() == (schema.REVISIONS[-1],)
        database.engine.dispose()
        assert ScriptDirectory.from_config(schema.alembic_config()).get_heads() == [schema.REVISIONS[-1]]

    def test_many_processes_may_open_an_empty_database_at_once(self, empty_url: str) -> None:
        with ThreadPoolExecutor(3) as pool:
            stores = list(pool.map(open_store, [empty_url] * 3))
        stores[0].projects.put(ProjectRecord("a", 1))
        assert stores[2].projects.all() == [ProjectRecord("a", 1)]
        for store in stores:
            store.close()

    def test_opening_again_changes_nothing_and_does_without_alembic(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "alembic", None)  # an import would fail
        store = open_store(url)
        store.projects.put(ProjectRecord("a", 1))
        store.close()
        store = open_store(url)
        assert store.projects.all() == [ProjectRecord("a", 1)]
        store.close()

    def test_a_database_of_a_newer_docloop_is_left_alone(self, url: str) -> None:
        run(url, "UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(StoreError, match=r"revision '9999'.*newer docloop") as caught:
            open_store(url)
        assert caught.value.code == "newer_database"

    def test_tables_of_another_program_are_left_alone(self, empty_url: str) -> None:
        run(empty_url, "CREATE TABLE projects (id INTEGER)")
        with pytest.raises(StoreError, match="a database of its own") as caught:
            open_store(empty_url)
        assert caught.value.code == "foreign_database"
        with pytest.raises(StoreError):  # and it was not half migrated
            open_store(empty_url)
