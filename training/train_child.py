"""What the process of a training run does: one round, and its result into the store. It needs no settings and no secrets."""

from __future__ import annotations

import time
from pathlib import Path

from ml_backend.champions import Champions
from ml_backend.errors import ModelRejected
from ml_backend.services import champions_in, read_interface
from ml_backend.store.records import RunRecord
from ml_backend.store.store import Store
from training.child import Progress
from training.rounds import Round
from training.trainers.combined_trainer import CombinedTrainer
from training.trainers.memory_trainer import MemoryTrainer
from training.trainers.token_trainer import TokenTrainer


def train(store: Store, run: RunRecord, progress: Progress, models: str, country: str) -> None:
    """Make the version of ``run`` and finish it. ``models`` is the registry's folder, ``country`` as in the settings.

    Samples that no model can be made from fail the run at once: another attempt would end the same way.
    """
    project = store.projects.get(run.project_uid)
    if project is None:
        store.runs.finish(run.id, run.attempt, "failed", time.time(), reason="The project is not followed any more.")
        return
    champions: Champions = champions_in(Path(models), country)
    specs = read_interface(project.label_config).specs
    trainer = CombinedTrainer([TokenTrainer(country), MemoryTrainer(country)], champions.baseline)
    try:
        made = Round(store, champions, trainer, specs, progress, seed=run.number).run(run)
    except ModelRejected as error:
        store.runs.finish(run.id, run.attempt, "failed", time.time(), reason=error.message)
        return
    store.runs.finish(
        run.id,
        run.attempt,
        "succeeded",
        time.time(),
        version=made.version,
        verdict=made.verdict,
        metrics=made.metrics,
        release=made.release,
    )
