"""A push over two workers: one that leads it, and another one on the same store that helps. ``two_workers()`` makes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from loop_parts import Loop, made_predictor, numbered

from ml_backend.batches import BatchPredictor
from ml_backend.document.samples import Sample
from ml_backend.errors import FetchRefused
from ml_backend.jobs.queue import JobQueue
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import Services, build_services, store_url
from training.fan_out import BATCH
from training.helping import Helper

DOCUMENTS = 5 * BATCH


@dataclass
class Reading:
    """Who read which receipts; ``slow`` so that the other has its chance, and ``refuses`` some."""

    read: list[int] = field(default_factory=list)
    slow: float = 0.0
    refuses: Callable[[int], bool] = lambda number: False

    def __call__(self, image: str) -> Sample:
        time.sleep(self.slow)
        if self.refuses(int(image)):
            raise FetchRefused("url_refused", "not from here")
        self.read.append(int(image))
        return numbered(image)


@dataclass
class Two:
    """A worker that leads pushes, and another one on the same store that helps."""

    loop: Loop
    leader: Reading
    helper: Reading
    other: Services
    helping: Helper

    @property
    def uid(self) -> str:
        return self.loop.uid

    def help(self) -> int:
        return self.helping.turn(threading.Event())

    @contextmanager
    def side_by_side(self) -> Iterator[None]:
        """The other worker helps whenever there is something."""
        done = threading.Event()

        def until_done() -> None:
            while not done.wait(0.01):
                self.helping.turn(done)

        thread = threading.Thread(target=until_done)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def rows(self) -> dict[str, int]:
        tables = ("push_batches", "push_answers")
        with self.other.store._database.read() as connection:
            return {name: connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one() for name in tables}

    def ever_posted(self) -> bool:
        with self.other.store._database.read() as connection:
            known = sa.text("SELECT count(*) FROM sqlite_sequence WHERE name = 'push_batches'")
            return bool(connection.execute(known).scalar_one())

    def predicted(self) -> dict[int, str]:
        """The image that Label Studio's prediction of each task was made of; one a task."""
        there = self.loop.there
        texts = {task: one.result for one in there.predictions.values() for task in [one.task]}
        assert len(texts) == len(there.predictions), "doubled"
        return {task: str(result) for task, result in texts.items()}


@contextmanager
def two_workers(services: Services, queue: JobQueue, folder: Path) -> Iterator[Two]:
    """Both, with a project of ``DOCUMENTS`` tasks; the data of the other worker are in ``folder``."""
    leader, helper = Reading(), Reading()
    loop = Loop.of(services, queue, DOCUMENTS, leader)
    store = type(services.settings.store_url)(store_url(services.settings))
    other = build_services(
        services.settings.model_copy(update={"data_dir": folder, "store_url": store}), engine=FakeEngine()
    )
    other.batches.close()
    other.batches = BatchPredictor(made_predictor(other, helper), workers=2)
    services.store.leases.take("worker-another", "another", time.time(), 3600.0)
    loop.worker.look(loop.project)
    yield Two(loop, leader, helper, other, Helper(other, lambda uid: False, threading.Semaphore()))
    other.close()
