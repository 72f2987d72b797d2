"""What every store must keep, whatever database is behind it.

Inherit, and give ``url`` (a database of one's own, migrated) and ``empty_url`` (one with nothing in it). Values are
compared whole.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

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
from contracts.store_documents_contract import StoreDocumentsContract
from contracts.store_dumping_contract import StoreDumpingContract
from contracts.store_ledger_contract import StoreLedgerContract
from contracts.store_push_batches_contract import StorePushBatchesContract
from contracts.store_releases_contract import StoreReleasesContract
from contracts.store_runs_contract import StoreRunsContract
from contracts.store_schema_contract import StoreSchemaContract
from contracts.store_statistics_contract import StoreStatisticsContract
from contracts.store_tokens_contract import StoreTokensContract
from ml_backend.errors import StoreError
from ml_backend.store.records import TrainingRequest
from ml_backend.store.store import Store, open_store


class StoreContract(
    StoreDocumentsContract,
    StoreDumpingContract,
    StoreLedgerContract,
    StorePushBatchesContract,
    StoreReleasesContract,
    StoreRunsContract,
    StoreSchemaContract,
    StoreStatisticsContract,
    StoreTokensContract,
):
    """All parts, what they do together, and what the disk keeps."""

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        opened = open_store(url)
        yield opened
        opened.close()

    @pytest.fixture
    def ids(self, store: Store) -> dict[int, int]:
        """Three documents of project P, tasks 1 to 3: document id by task id."""
        store.projects.put(project())
        put = store.documents.put_many(P, [document(3), document(1, content="c1"), document(2, data={"image": ODD})])
        return {task: put[task, DAY.format(1)] for task in (1, 2, 3)}

    def test_what_hangs_on_a_document_goes_with_it_and_runs_stay_with_the_project(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        for number in ids.values():
            store.predictions.put_many([prediction(number)])
            store.ledger.put(number, annotation(1), [correction()])
            store.samples.put(number, sample("c"))
        store.documents.remove([ids[1], 10**6])
        each = ("documents", "predictions", "annotations", "corrections", "samples")
        assert rows(store) == {"projects": 1, **dict.fromkeys(each, 2)}
        store.runs.request(1, "", 1.0)
        run = store.runs.begin(P, 1, "", "", 1, 1.0)
        store.releases.freeze(project(), (), 1.0)
        store.projects.put(project("namesake", 1))
        store.projects.remove(P)
        kept = {"runs": 1, "releases": 1, "release_samples": 1, "frozen_samples": 1}
        assert rows(store) == {"projects": 1, "requests": 1, **kept}
        store.projects.remove("namesake")
        store.projects.remove("?")
        assert rows(store) == kept
        assert run is not None
        assert store.runs.claim(run.id, 2.0) is None
        assert store.runs.get(run.id) == replace(run, state="cancelled", cancel=True, finished_at=2.0)

    def test_a_transaction_is_one_commit_or_nothing(self, store: Store, ids: dict[int, int]) -> None:
        def write_and_crash() -> None:
            with store.transaction():
                store.documents.put_many(P, [document(9)])
                with store.transaction():
                    store.ledger.put(ids[1], annotation(1), [correction()])
                assert store.documents.count(P) == 4
                raise KeyError

        before = rows(store)
        with pytest.raises(KeyError):
            write_and_crash()
        assert rows(store) == before
        with store.transaction():
            store.documents.put_many(P, [document(9)])
        assert store.documents.count(P) == 4

    def test_half_of_what_an_inner_call_did_is_never_committed(self, store: Store) -> None:
        def write_and_go_on() -> None:
            with store.transaction():
                with suppress(ZeroDivisionError), store.transaction():
                    store.runs.request(1, "", 1.0)
                    store.runs.answer(1 // 0)
                store.runs.request(2, "", 1.0)

        with pytest.raises(StoreError, match="nothing was kept"):
            write_and_go_on()
        assert rows(store) == {}
        store.runs.request(3, "", 1.0)
        assert rows(store) == {"requests": 1}

    def test_readers_do_not_wait_for_a_writer_and_see_what_was_committed(
        self, store: Store, ids: dict[int, int]
    ) -> None:
        with store.transaction(), ThreadPoolExecutor(1) as other:
            store.documents.remove(ids.values())
            assert other.submit(store.documents.count, P).result(timeout=10) == 3
            assert store.documents.count(P) == 0
        assert store.documents.count(P) == 0

    def test_two_writers_at_once_lose_nothing_whether_they_share_a_store_or_a_database(
        self, store: Store, url: str
    ) -> None:
        store.projects.put(project())
        other = open_store(url)

        def write(mine: Store, first: int) -> None:
            for start in range(first, first + 200, 10):
                put = mine.documents.put_many(P, [document(task) for task in range(start, start + 10)])
                mine.ledger.put(min(put.values()), annotation(1), [])  # reads before it writes

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(write, (store, store, other), (0, 1000, 2000)))
        other.close()
        assert sorted(store.documents.ids(P)) == [first + n for first in (0, 1000, 2000) for n in range(200)]

    def test_what_was_acknowledged_outlives_a_kill(self, store: Store, url: str) -> None:
        script = (
            "import os, sys; from ml_backend.store.store import open_store; store = open_store(sys.argv[1]);"
            "store.runs.request(41, 'ann', 5.0); os.kill(os.getpid(), 9)"
        )
        killed = subprocess.run([sys.executable, "-c", script, url], timeout=60, check=False)
        assert killed.returncode == -signal.SIGKILL
        assert store.runs.requests() == [TrainingRequest(41, "ann", 5.0)]
