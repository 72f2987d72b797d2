"""The store: what docloop knows of projects, documents, predictions, annotations, samples and runs, in one database.

A thin front: each part owns its tables and its statements. The database is SQLite in one file, or PostgreSQL by URL; both
keep the same contract (tests/contracts/store_contract.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_backend.store.database import Database
from ml_backend.store.documents import Documents
from ml_backend.store.leases import Leases
from ml_backend.store.ledger import Ledger
from ml_backend.store.opening import connect
from ml_backend.store.predictions import Predictions
from ml_backend.store.projects import Projects
from ml_backend.store.push_batches import PushBatches
from ml_backend.store.releases import Releases
from ml_backend.store.runs import Runs
from ml_backend.store.samples import Samples
from ml_backend.store.schema import migrate
from ml_backend.store.statistics import Statistics
from ml_backend.store.tokens import Tokens
from ml_backend.store.upgrades import keep_before_upgrade


class Store:
    """All parts over one database. Threads may share it; processes open their own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.projects = Projects(database)
        self.documents = Documents(database)
        self.predictions = Predictions(database)
        self.ledger = Ledger(database)
        self.samples = Samples(database)
        self.releases = Releases(database)
        self.runs = Runs(database)
        self.leases = Leases(database)
        self.push_batches = PushBatches(database)
        self.statistics = Statistics(database)
        self.tokens = Tokens(database)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything this thread writes inside is one commit, or nothing of it after an exception.

        Keep it short, free of network calls and of waiting for other threads: on SQLite nobody else can write meanwhile. An
        exception of a call inside that is caught inside still undoes the whole (StoreError ``transaction_broken``).
        """
        with self._database.write():
            yield

    def close(self) -> None:
        """Give all connections back. Nothing is buffered: what a call has returned from is on disk."""
        self._database.engine.dispose()


def open_store(url: str, backups: Path | None = None) -> Store:
    """The store at ``url``, made or brought to this docloop's schema where needed.

    Before an upgrade its tables are written into an archive in ``backups``, if that is given.

    ``sqlite:////absolute/path.db`` (its folder is made, the file is readable by its owner only) or
    ``postgresql+psycopg://user:password@host/name``.

    Raises:
        StoreError: an address of another kind, a missing driver, a database that cannot be opened, that belongs to another
            program or to a newer docloop.
        OSError: the archive cannot be written; nothing is upgraded then.
    """
    database = connect(url)
    try:
        migrate(database, lambda revision: keep_before_upgrade(database, revision, backups))
    except BaseException:
        database.engine.dispose()
        raise
    return Store(database)
