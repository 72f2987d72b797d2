"""Trainings of layout models: what they are to know, and which worker takes them.

A worker with DOCLOOP_LAYOUT_MODEL, mostly the one that has the GPU, goes first: a version that another one trains has no layout
model, and nobody would see why. Others train while there is none, and what was asked for without a layout model.
"""

from __future__ import annotations

from typing import Any

from ml_backend.services import checkpoints
from ml_backend.settings import Settings
from ml_backend.store.leases import Leases
from ml_backend.store.records import RunRecord, TrainingOptions

_TRAINER = "layout-trainer-"  # what the leases of workers that train layout models begin with
_REMEMBERED = 60.0  # seconds for which one is waited for that is started anew: it goes on from its own checkpoints


def layout_training(settings: Settings, options: TrainingOptions) -> dict[str, Any] | None:
    """What the training of a layout model is to know; None where none is wanted. What the request says goes before settings."""
    if not options.get("layout", settings.layout_model):
        return None
    return {
        "base_model": settings.base_model,
        "from_scratch": options.get("from_scratch", settings.from_scratch),
        "offline": settings.offline,
        "work": str(checkpoints(settings)),
    }


def announce(leases: Leases, settings: Settings, worker: str, now: float) -> None:
    """Say to all workers that this one trains layout models, if it does."""
    if settings.layout_model:
        leases.take(f"{_TRAINER}{worker}", worker, now, _REMEMBERED)


def takes(leases: Leases, settings: Settings, run: RunRecord, now: float) -> bool:
    """Whether a worker with these settings takes the run, or leaves it to one that trains layout models."""
    if settings.layout_model or run.options.get("layout") is False:
        return True
    return not leases.held(_TRAINER, now)
