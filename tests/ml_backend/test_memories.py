"""What was confirmed is known to the next answer, and costs nothing before it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shops import SPECS, harbour, mill

from ml_backend.document.samples import Sample
from ml_backend.errors import StoreError
from ml_backend.memories import Memories
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.store.records import DocumentRecord, ProjectRecord
from ml_backend.store.store import Store, open_store

UID = "1.1795000000"
NEXT = harbour("04/03/2024", "47.30", name="next")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(f"sqlite:///{tmp_path / 'docloop.sqlite3'}")
    made.projects.put(ProjectRecord(UID, 1))
    yield made
    made.close()


def confirm(store: Store, sample: Sample, task: int) -> int:
    record = DocumentRecord(0, UID, task, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", {})
    (number,) = store.documents.put_many(UID, [record]).values()
    store.samples.put(number, sample)
    return number


def totals(memories: Memories) -> list[str]:
    fields = memories.champion(UID).extract(NEXT.document, SPECS).fields
    return [field.text for field in fields if field.label == "total"]


def test_a_confirmed_document_is_known_to_the_next_answer_and_forgotten_with_its_sample(store: Store) -> None:
    memories = Memories(lambda uid: KeywordBaseline(), lambda: store)
    before, mark = totals(memories), memories.mark(UID)
    assert before != ["47.30"]
    confirm(store, mill("11/04/2024", "11.20", name="m"), 1)
    assert totals(memories) == before  # another shop
    number = confirm(store, harbour("01/03/2024", "17.30", name="h"), 2)
    assert totals(memories) == ["47.30"]
    assert memories.champion(UID).version == KeywordBaseline().version
    assert memories.mark(UID) != mark
    store.samples.remove(number)
    assert totals(memories) == before


def test_before_the_first_training_what_the_memory_and_the_keywords_read_differently_is_known(store: Store) -> None:
    memories = Memories(lambda uid: KeywordBaseline(), lambda: store)
    assert memories.champion(UID).extract(NEXT.document, SPECS).disagreement is None  # nobody to disagree with
    confirm(store, harbour("01/03/2024", "17.30", name="h"), 1)
    apart = memories.champion(UID).extract(NEXT.document, SPECS).disagreement
    assert apart is not None
    assert apart["total"] > 0.1  # keywords take the one beside TOTAL, the memory the one beside PAYABLE
    assert apart["company"] == 0.0


def test_nothing_is_read_before_it_is_asked_for_and_nothing_for_a_file(store: Store) -> None:
    def never() -> Store:
        raise AssertionError("the store was opened")

    memories = Memories(lambda uid: KeywordBaseline(), never)
    assert memories.champion(UID).version
    assert memories.champion("").extract(NEXT.document, SPECS).fields
    assert memories.mark("") is None


def test_a_store_that_does_not_answer_costs_the_memory_alone(caplog: pytest.LogCaptureFixture) -> None:
    def away() -> Store:
        raise StoreError("store_away", "The database does not answer.")

    memories = Memories(lambda uid: KeywordBaseline(), away)
    alone = KeywordBaseline().extract(NEXT.document, SPECS)
    assert memories.champion(UID).extract(NEXT.document, SPECS) == alone
    assert "without its memory" in caplog.text
    assert memories.mark(UID) is None
