"""What a person wants of one training goes before what the settings say of all of them."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loop_parts import Loop

from ml_backend.jobs.queue import JobQueue
from ml_backend.services import Services
from ml_backend.settings import Settings, load_settings
from ml_backend.store.records import TrainingOptions
from training.layout_runs import announce, layout_training, takes


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    environment = {"DOCLOOP_LABEL_STUDIO_URL": "http://127.0.0.1:9"}
    return load_settings(environment, data_dir=tmp_path / "docloop", offline=True, base_model="nobody/nothing")


@pytest.mark.parametrize(
    ("set_to", "options", "begins_with"),
    [
        ({}, {}, None),
        ({}, {"layout": True}, "nobody/nothing"),
        ({}, {"layout": True, "from_scratch": "small"}, "small"),
        ({"layout_model": True}, {}, "nobody/nothing"),
        ({"layout_model": True}, {"layout": False}, None),
        ({"layout_model": True, "from_scratch": "base"}, {}, "base"),
        ({"layout_model": True, "from_scratch": "base"}, {"layout": True, "from_scratch": "small"}, "small"),
    ],
)
def test_a_request_goes_before_the_settings(
    settings: Settings, set_to: dict[str, Any], options: TrainingOptions, begins_with: str | None
) -> None:
    wanted = layout_training(settings.model_copy(update=set_to), options)
    assert (wanted and (wanted["from_scratch"] or wanted["base_model"])) == begins_with


@pytest.mark.slow
def test_who_asks_for_a_layout_model_without_a_base_model_is_told_the_three_ways_out(
    services: Services, queue: JobQueue
) -> None:
    loop = Loop.of(services, queue, documents=8)
    loop.turn()
    loop.annotate(8)
    services.store.runs.request(loop.project, "docloop train --layout", time.time(), {"layout": True})
    loop.turn()
    (run,) = services.store.runs.latest(loop.uid, 9)
    assert (run.state, run.requested_by) == ("failed", "docloop train --layout")
    for words in ("nobody/nothing", "Three ways out", "--local-dir FOLDER", "HF_ENDPOINT", "--from-scratch small"):
        assert words in run.reason


@pytest.mark.slow
def test_a_training_is_left_to_the_worker_that_trains_layout_models_while_there_is_one(
    services: Services, queue: JobQueue
) -> None:
    store, now = services.store, time.time()
    loop = Loop.of(services, queue, documents=8)
    loop.turn()
    loop.annotate(8)
    with_gpu = services.settings.model_copy(update={"layout_model": True})
    announce(store.leases, with_gpu, "with-gpu", now)
    store.runs.request(loop.project, "somebody", now)
    loop.turn()
    loop.tick()
    (run,) = store.runs.latest(loop.uid, 9)
    assert run.state == "requested"
    assert takes(store.leases, with_gpu, run, now)
    assert takes(store.leases, services.settings, replace(run, options={"layout": False}), now)
    announce(store.leases, with_gpu, "with-gpu", now - 61.0)  # it was heard of a minute ago
    loop.tick()
    (run,) = store.runs.latest(loop.uid, 9)
    assert run.state == "succeeded"
