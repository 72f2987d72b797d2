"""The files of confirmed pages: those of all samples, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builders import interface, predictor
from contracts.store_builders import P, annotation, document, project
from ml_backend.errors import FetchRefused
from ml_backend.page_files import PageFiles
from ml_backend.store.store import Store, open_store
from training.confirmed_pages import ConfirmedPages
from training.pauses import Pauses
from training.samples import SampleCollector

INTERFACE = interface("total", paged=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    store.projects.put(project())
    yield store
    store.close()


@pytest.fixture
def pages(store: Store, tmp_path: Path) -> ConfirmedPages:
    return ConfirmedPages(store, predictor(), PageFiles(tmp_path / "pages"), Pauses(lambda: 0.0))


def confirm(pages: ConfirmedPages) -> tuple[int, str]:
    """A document of two pages that is a sample: its id and content."""
    (number,) = pages.store.documents.put_many(P, [document(1, data={"pages": ["one", "two"]})]).values()
    pages.store.ledger.put(number, annotation(1), [])
    SampleCollector(pages.store, pages.predictor, pages.pauses, keep=pages.keep).collect(P, INTERFACE)
    (content,) = pages.store.samples.contents()
    return number, content


def test_a_sample_keeps_the_files_of_its_pages(pages: ConfirmedPages) -> None:
    _, content = confirm(pages)
    assert pages.files.get(content) == (b"one", b"two")


def test_files_that_are_missing_are_fetched_again(pages: ConfirmedPages) -> None:
    _, content = confirm(pages)
    pages.files.remove(content)
    assert pages.complete(P, INTERFACE) == 1
    assert pages.complete(P, INTERFACE) == 0
    assert pages.files.get(content) == (b"one", b"two")


def test_pages_that_cannot_be_had_are_not_asked_for_at_every_look(pages: ConfirmedPages) -> None:
    asked: list[str] = []

    def fetch(url: str, task: int) -> bytes:
        asked.append(url)
        raise FetchRefused("fetch_timeout", "gone")

    _, content = confirm(pages)
    pages.files.remove(content)
    cut_off = replace(pages, predictor=replace(pages.predictor, fetch=fetch))
    assert [cut_off.complete(P, INTERFACE) for _ in range(3)] == [0, 0, 0]
    assert asked == ["one"]


def test_files_go_with_the_last_sample_that_has_them(pages: ConfirmedPages) -> None:
    number, _ = confirm(pages)
    assert pages.drop_others() == 0
    pages.store.samples.remove(number)
    assert pages.drop_others() == 1
    assert pages.files.contents() == set()


def test_where_files_are_not_wanted_none_is_kept(pages: ConfirmedPages) -> None:
    _, content = confirm(pages)
    unwanted = replace(pages, wanted=False)
    assert unwanted.drop_others() == 1
    unwanted.keep(content, [b"one", b"two"])
    assert (unwanted.complete(P, INTERFACE), unwanted.files.contents()) == (0, set())
