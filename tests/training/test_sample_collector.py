"""Samples out of a store, over hosts that hang: who is tried, how often, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from builders import interface, predictor
from contracts.store_builders import P, annotation, document, project
from ml_backend.errors import FetchRefused
from ml_backend.store.store import Store, open_store
from training.pauses import Pauses
from training.samples import SampleCollector, SampleReport

INTERFACE = interface("total", paged=True)
HANGS = 30.0  # seconds that a host takes to fail


@dataclass
class Scene:
    """Confirmed documents, and a clock that moves while their pages are fetched."""

    store: Store
    seconds: float = 0.0
    tried: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = self.clock
        self.collector = SampleCollector(self.store, predictor(self.fetch), Pauses(clock), clock, Random(0))

    def clock(self) -> float:
        return self.seconds

    def fetch(self, url: str, task: int) -> bytes:
        self.tried.append(url)
        hangs = url.startswith("hangs")
        self.seconds += HANGS if hangs else 1.0
        if hangs or (url.startswith("late") and self.seconds < 3600.0):
            raise FetchRefused("fetch_timeout", f"{url} does not answer.")
        return url.encode()

    def confirm(self, *documents: list[str]) -> None:
        """A document with these pages for each."""
        there = [document(number, data={"pages": pages}) for number, pages in enumerate(documents, 1)]
        for number, identity in enumerate(self.store.documents.put_many(P, there).values(), 1):
            self.store.ledger.put(identity, annotation(number), [])

    def look(self) -> SampleReport:
        """The look of a minute later."""
        self.seconds += 60.0
        return self.collector.collect(P, INTERFACE)

    def looks_until(self, url: str) -> int:
        """How many looks it takes until the document of this page is a sample."""
        for number in range(1, 400):
            before = self.tried.count(url)
            if self.look().made and self.tried.count(url) > before:
                return number
        raise AssertionError(f"{url} was never made: it was tried {self.tried.count(url)} times")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    store = open_store(f"sqlite:///{tmp_path / 'docloop.db'}")
    store.projects.put(project())
    yield Scene(store)
    store.close()


def test_documents_whose_host_hangs_are_not_tried_again_before_one_that_never_failed(scene: Scene) -> None:
    """Their pauses end at 15 minutes: so many of them would be due again before the look came to the last one."""
    hanging = [f"hangs {number}" for number in range(35)]
    scene.confirm(*([url] for url in hanging), ["good"])
    scene.looks_until("good")
    assert scene.tried[: len(hanging) + 1] == [*hanging, "good"]


def test_a_document_that_failed_once_gets_its_turn_among_many_that_always_do(scene: Scene) -> None:
    scene.confirm(*([f"hangs {number}"] for number in range(35)), ["late"])
    assert scene.looks_until("late") < 200


def test_a_look_that_only_failed_again_is_not_made_anew_at_once(scene: Scene) -> None:
    scene.confirm(["hangs a"], ["hangs b"])
    reports = [scene.look() for _ in range(3)]
    assert [(len(report.failed), report.left) for report in reports] == [(1, 1), (1, 0), (1, 0)]


@pytest.mark.slow
def test_after_a_fault_of_the_host_all_are_made_as_fast_as_they_can_be_read(scene: Scene) -> None:
    scene.confirm(*([f"late {number}"] for number in range(50)))
    scene.look()
    scene.seconds = 3600.0
    reports = [scene.look() for _ in range(3)]
    assert [(report.made, report.left) for report in reports] == [(21, 1), (21, 1), (8, 0)]


def test_after_a_page_that_failed_no_other_page_of_the_document_is_tried(scene: Scene) -> None:
    scene.confirm(["good", *(f"hangs {number}" for number in range(31))])
    assert scene.look().failed == {1: "fetch_timeout"}
    assert scene.tried == ["good", "hangs 0"]
