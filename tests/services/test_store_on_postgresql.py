"""The store's contract on a real PostgreSQL, and what only PostgreSQL can do wrong."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from missing import missing
from postgres import PASSWORD, RunningPostgres, find_programs, running_postgres

from contracts.store_builders import project
from contracts.store_contract import StoreContract
from contracts.store_dumping_contract import dump, filled, restore
from ml_backend.errors import StoreError
from ml_backend.store.store import open_store

NUMBERS = count()
DROP_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"


@pytest.fixture(scope="module")
def postgres() -> Iterator[RunningPostgres]:
    programs = find_programs()
    if programs is None:
        missing("there is no PostgreSQL: apt install postgresql")
    with running_postgres(programs) as cluster:
        cluster.run("CREATE DATABASE migrated")
        open_store(cluster.url("migrated")).close()
        yield cluster


class TestStoreOnPostgresql(StoreContract):
    """Runs the contract, each test in a database of its own."""

    @pytest.fixture
    def url(self, postgres: RunningPostgres) -> str:
        name = f"store_{next(NUMBERS)}"
        postgres.run(f"CREATE DATABASE {name} TEMPLATE migrated")
        return postgres.url(name)

    @pytest.fixture
    def empty_url(self, postgres: RunningPostgres) -> str:
        name = f"empty_{next(NUMBERS)}"
        postgres.run(f"CREATE DATABASE {name}")
        return postgres.url(name)

    def test_a_laptop_s_sqlite_moves_to_postgresql_and_back(self, empty_url: str, tmp_path: Path) -> None:
        laptop, other = f"sqlite:///{tmp_path}/laptop.db", f"sqlite:///{tmp_path}/other.db"
        store = open_store(laptop)
        filled(store)
        store.close()
        restore(empty_url, *dump(laptop))
        restore(other, *dump(empty_url))
        assert dump(other) == dump(empty_url) == dump(laptop)

    def test_after_postgresql_dropped_all_connections_the_store_goes_on(
        self, url: str, postgres: RunningPostgres
    ) -> None:
        store = open_store(url)
        store.projects.put(project())
        postgres.run(DROP_ALL)
        assert store.projects.all() == [project()]

        def write_while_it_restarts() -> None:
            with store.transaction():
                store.projects.update(project().uid, title="lost")
                postgres.run(DROP_ALL)
                store.projects.update(project().uid, title="lost, too")

        with pytest.raises(StoreError) as caught:
            write_while_it_restarts()
        assert caught.value.code == "database_unavailable"
        assert store.projects.all() == [project()]
        store.close()

    def test_a_password_never_appears_in_what_is_said(self, postgres: RunningPostgres) -> None:
        said = []
        for url in (
            postgres.url("no_such_database"),
            postgres.url("migrated").replace(PASSWORD, "wrong-password"),
            f"postgresql+psycopg://docloop:{PASSWORD}@127.0.0.1:1/docloop",
        ):
            with pytest.raises(StoreError) as caught:
                open_store(url)
            said.append((caught.value.code, str(caught.value), repr(caught.value.__cause__)))
        assert {code for code, *_ in said} == {"database_unavailable"}
        assert not any(secret in str(said) for secret in (PASSWORD, "wrong-password"))
        with pytest.raises(psycopg.OperationalError):  # the server does ask for it
            psycopg.connect(postgres.url("migrated").replace("+psycopg", "").replace(PASSWORD, "wrong-password"))
