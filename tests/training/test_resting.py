"""A project that rests: nothing is predicted or trained, and nothing that people do is missed."""

from __future__ import annotations

import time

import pytest
from loop_parts import Loop, numbered

from ml_backend.document.samples import Sample
from ml_backend.jobs.queue import JobQueue
from ml_backend.pausing import pause, paused, resume
from ml_backend.services import Services


@pytest.fixture
def loop(services: Services, queue: JobQueue) -> Loop:
    return Loop.of(services, queue, documents=8)


def test_a_resting_project_is_followed_but_not_predicted_until_it_is_resumed(loop: Loop) -> None:
    store, hints = loop.services.store, loop.services.hints
    loop.turn()
    before = len(loop.there.predictions)
    project = store.projects.by_number(loop.project)
    assert project is not None
    pause(store, project, time.time())
    pause(store, project, time.time())
    assert paused(store, project.uid, time.time() + 1e9), "a rest has no end of its own"
    loop.there.predictions.clear()
    loop.annotate(5)
    store.runs.request(loop.project, "somebody", time.time())
    loop.turn()
    loop.turn()
    assert (store.samples.count(project.uid), len(loop.there.predictions)) == (5, 0)
    assert store.runs.latest(project.uid, 5) == []
    assert [request.requested_by for request in store.runs.requests()] == ["somebody"]
    found = store.projects.get(project.uid)
    assert found is not None
    assert found.answer == "The project rests until somebody resumes it. The request is kept until then."
    store.runs.answer(loop.project)
    resume(store, hints, project)
    loop.turn()
    assert len(loop.there.predictions) == before - 5


@pytest.mark.slow
def test_a_push_that_runs_ends_when_its_project_is_to_rest_and_goes_on_when_it_is_resumed(
    services: Services, queue: JobQueue
) -> None:
    wishes = ["pause"]

    def read(image: str) -> Sample:
        if image == "5" and wishes:  # somebody presses the button while the first tasks are read
            pause(services.store, loop.record, time.time())
            wishes.clear()
        return numbered(str(int(image) % 8))

    loop = Loop.of(services, queue, 150, read)
    loop.turn()
    kept = len(loop.there.predictions)
    assert 0 < kept < 150, "what was ready is not lost, and the others wait"
    assert loop.record.fault == ""
    loop.turn()
    assert len(loop.there.predictions) == kept
    resume(services.store, services.hints, loop.record)
    loop.turn()
    assert sorted(one.task for one in loop.there.predictions.values()) == sorted(loop.there.tasks)
