"""What every queue of jobs must do. Each storage's test class inherits ``JobQueueContract`` and says how one is opened.

Delays are told by a clock of the test; that threads wait for jobs is real.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from waiting import until

from ml_backend.jobs.queue import JobQueue

PATIENCE = 20.0
NO_JOBS = (
    b"cposix\nsystem\n(S'touch /tmp/owned'\ntR.",  # a pickle, which huey itself would run
    b"\x80\x05\x95",
    b'["look",7',
    b'["look",true]',
    b'["look",-1]',
    b'["look",1e300]',
    b'["Look.__class__",7]',
    b'{"kind":"look"}',
    b'["look",' + b"9" * 200 + b"]",
    b'["other",7]',  # a name no handler has
)


@dataclass
class Clock:
    """Seconds since 1970, which pass when the test says so."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Seen:
    """A handler that writes down what it was called with."""

    identities: list[int] = field(default_factory=list)

    def __call__(self, identity: int) -> None:
        self.identities.append(identity)


@contextmanager
def running(
    queue: JobQueue, handlers: Mapping[str, Callable[[int], None]], threads: int = 2
) -> Iterator[threading.Event]:
    """``queue.run`` in a thread of its own until the block ends."""
    stop = threading.Event()
    runner = threading.Thread(target=queue.run, args=(handlers, threads, stop))
    runner.start()
    try:
        yield stop
    finally:
        stop.set()
        runner.join(PATIENCE)
        assert not runner.is_alive()


class JobQueueContract:
    """Inherit, and give ``opened`` as a fixture (a function that opens the same queue with a clock, as another process does)
    and ``put_raw``, which puts bytes into the queue past ``enqueue``, as somebody else could."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def queue(self, opened: Callable[[Clock], JobQueue], clock: Clock) -> JobQueue:
        return opened(clock)

    def test_jobs_wait_in_their_order_each_once_for_every_process(
        self, queue: JobQueue, clock: Clock, opened: Callable[[Clock], JobQueue]
    ) -> None:
        put_in = [queue.enqueue(*each) for each in (("look", 7), ("train", 7), ("look", 30), ("look", 7))]
        assert put_in == [True, True, True, False]
        other = opened(clock)
        assert not other.enqueue("train", 7, delay=5)
        assert other.waiting() == [("look", 7), ("train", 7), ("look", 30)]

    def test_each_job_is_run_once_by_the_handler_of_its_name(self, queue: JobQueue) -> None:
        look, train = Seen(), Seen()
        for number in range(20):
            queue.enqueue("look", number)
        queue.enqueue("train", 3)
        with running(queue, {"look": look, "train": train}):
            until(lambda: not queue.waiting() and len(look.identities) == 20 and bool(train.identities))
        assert (sorted(look.identities), train.identities) == (list(range(20)), [3])

    def test_a_delayed_job_waits_is_not_doubled_and_runs_when_it_is_due(self, queue: JobQueue, clock: Clock) -> None:
        look = Seen()
        queue.enqueue("look", 2, delay=120)
        queue.enqueue("look", 1, delay=60)
        assert not queue.enqueue("look", 1)
        assert queue.waiting() == [("look", 1), ("look", 2)]
        clock.now += 61
        with running(queue, {"look": look}):
            until(lambda: look.identities == [1])
        assert queue.waiting() == [("look", 2)]

    def test_a_handler_that_raises_is_logged_and_the_next_job_runs(
        self, queue: JobQueue, caplog: pytest.LogCaptureFixture
    ) -> None:
        look = Seen()

        def broken(identity: int) -> None:
            raise (ValueError, SystemExit)[identity]("it broke")

        for identity in (0, 1):
            queue.enqueue("broken", identity)
        queue.enqueue("look", 7)
        with running(queue, {"look": look, "broken": broken}, threads=1):
            until(lambda: look.identities == [7])
        assert [record.getMessage() for record in caplog.records] == [
            "The job broken 0 failed.",
            "The job broken 1 failed.",
        ]

    def test_a_stop_waits_for_what_runs_and_begins_nothing_new(self, queue: JobQueue) -> None:
        begun, go_on, ended = threading.Event(), threading.Event(), Seen()

        def slow(identity: int) -> None:
            begun.set()
            assert go_on.wait(PATIENCE)
            ended(identity)

        queue.enqueue("slow", 1)
        queue.enqueue("slow", 2)
        with running(queue, {"slow": slow}, threads=1) as stop:
            assert begun.wait(PATIENCE)
            queue.enqueue("slow", 1)  # a job that runs does not wait, so it can be put in again
            stop.set()
            go_on.set()
        assert (ended.identities, queue.waiting()) == ([1], [("slow", 2), ("slow", 1)])

    def test_what_is_no_job_is_dropped_with_a_word(
        self, queue: JobQueue, put_raw: Callable[[bytes], None], caplog: pytest.LogCaptureFixture
    ) -> None:
        look = Seen()
        for message in NO_JOBS:
            put_raw(message)
        queue.enqueue("look", 8)
        assert queue.waiting() == [("other", 7), ("look", 8)]
        with running(queue, {"look": look}, threads=1):
            until(lambda: look.identities == [8])
        assert ["dropped" in record.getMessage() for record in caplog.records] == [True] * len(NO_JOBS)

    @pytest.mark.parametrize("job", [("Look", 7), ("", 7), ("look", -1), ("look", True), ("l" * 50, 7)])
    def test_what_is_no_job_is_not_put_in(self, job: tuple[str, int], queue: JobQueue) -> None:
        with pytest.raises(ValueError, match="lower-case name"):
            queue.enqueue(*job)
