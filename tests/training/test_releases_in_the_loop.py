"""Releases through the whole loop: asked for, trained on, tainted when Label Studio loses a task."""

from __future__ import annotations

import time

import pytest
from loop_parts import Loop
from made_receipts import SPECS

from ml_backend.jobs.queue import JobQueue
from ml_backend.services import Services
from ml_backend.status import project_status, tainted_versions


@pytest.fixture
def loop(services: Services, queue: JobQueue) -> Loop:
    return Loop.of(services, queue, documents=14)


@pytest.mark.slow
def test_a_version_of_a_release_names_it_and_is_tainted_when_a_task_of_it_is_deleted(loop: Loop) -> None:
    store = loop.services.store
    loop.turn()
    first = loop.annotate(7)
    loop.turn()
    asked = store.releases.freeze(loop.record, SPECS, time.time(), "CC0").id
    loop.annotate(3)
    loop.turn()
    store.runs.request(loop.project, "ann", 1.0, {"release": asked})
    loop.turn()
    (run,) = store.runs.latest(loop.uid, 9)
    assert (run.state, run.samples, run.release, run.options) == ("succeeded", 7, asked, {"release": asked}), run.reason
    assert loop.services.registry.get(loop.uid, run.version)[0].release == asked
    assert loop.record.trained_samples == 0  # so that what has grown is still learned from

    assert tainted_versions(store, loop.services.registry, loop.uid) == {}
    loop.there.delete_tasks([first[0]])
    loop.turn()
    status = project_status(store, loop.services.registry, loop.project, time.time(), lambda uid: "")
    assert status["tainted_versions"] == {run.version: 1}
    kept = store.releases.find(asked)
    assert (kept.id, kept.samples, kept.deleted, len(store.releases.load(kept))) == (asked, 7, 1, 6)


def test_a_release_with_too_few_documents_left_is_refused_with_the_reason(loop: Loop) -> None:
    store = loop.services.store
    loop.turn()
    loop.annotate(6)
    loop.turn()
    asked = store.releases.freeze(loop.record, SPECS, time.time())
    store.releases.forget([one.content for one in store.releases.held(asked)[:2]], time.time())
    store.runs.request(loop.project, "ann", 1.0, {"release": asked.id})
    loop.turn()
    assert "ann asked to train, with 4 confirmed documents; at least 5 are needed" in loop.record.refusal
    assert store.runs.requests() == []
