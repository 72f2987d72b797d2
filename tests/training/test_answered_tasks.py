"""A task gets one prediction of a version, though an application answers it while a push is at it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest
from loop_parts import Loop, numbered
from waiting import until

from ml_backend.answered_tasks import answered_elsewhere, answering, import_lease
from ml_backend.document.samples import Sample
from ml_backend.jobs.queue import JobQueue
from ml_backend.services import Services
from training.push_job import Pusher

MINE = 3  # the receipt that an application answers


@pytest.fixture
def loop(services: Services, queue: JobQueue) -> Loop:
    """A project during whose push an application stores its prediction of one of the tasks, if it has never done so."""

    def paper(image: str) -> Sample:
        if int(image) == MINE and not is_answered(made, since=0.0):
            answer(made)
        return numbered(image)

    made = Loop.of(services, queue, 5, paper)
    made.worker.look(made.project)
    return made


def version_of(loop: Loop) -> str:
    return loop.services.version(loop.record.label_config, loop.uid)


def answer(loop: Loop) -> None:
    store, task = loop.services.store, loop.there.tasks_of(loop.project)[MINE]
    with answering(store, loop.project, loop.uid, version_of(loop), task) as done:
        loop.there.predict(task, [], version_of(loop))
        done()


def is_answered(loop: Loop, since: float) -> bool:
    task = loop.there.tasks_of(loop.project)[MINE]
    return answered_elsewhere(loop.services.store, loop.uid, version_of(loop), [task], since) == {task}


def predicted(loop: Loop) -> Counter[int]:
    return Counter(one.task for one in loop.there.predictions.values())


def test_a_push_leaves_out_what_an_application_has_answered_meanwhile(loop: Loop) -> None:
    report = Pusher(loop.services).push(loop.project)
    assert predicted(loop) == Counter(loop.there.tasks_of(loop.project))
    assert (report.pushed, report.current, report.done) == (4, 1, 5)


def test_what_an_application_began_and_never_stored_the_next_push_stores(loop: Loop) -> None:
    task, other = loop.there.tasks_of(loop.project)[:2]
    store, version = loop.services.store, version_of(loop)
    with ExitStack() as killed:
        killed.enter_context(answering(store, loop.project, loop.uid, version, task))
        assert answered_elsewhere(store, loop.uid, version, [task, other], time.time()) == {task}
        Pusher(loop.services).push(loop.project)
        assert predicted(loop)[task] == 0
    assert answered_elsewhere(store, loop.uid, version, [task], 0.0) == set()
    Pusher(loop.services).push(loop.project)
    assert predicted(loop) == Counter(loop.there.tasks_of(loop.project))


def test_what_was_deleted_since_the_application_stored_it_is_pushed(loop: Loop) -> None:
    answer(loop)
    assert predicted(loop)
    loop.there.delete_predictions(loop.project)
    report = Pusher(loop.services).push(loop.project)
    assert predicted(loop) == Counter(loop.there.tasks_of(loop.project))
    assert report.pushed == 5


def test_who_answers_waits_for_an_import_that_is_under_way(loop: Loop) -> None:
    store, name = loop.services.store, import_lease(loop.project)
    store.leases.take(name, "a worker", time.time(), 60.0)
    answered = threading.Thread(target=answer, args=(loop,))
    answered.start()
    until(lambda: is_answered(loop, time.time()), 10, "the mark")
    time.sleep(0.2)
    assert not loop.there.predictions
    store.leases.release(name, "a worker")
    answered.join(10)
    assert predicted(loop) == {loop.there.tasks_of(loop.project)[MINE]: 1}
