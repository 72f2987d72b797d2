"""What the process of a training run does: one round, and its result into the store. It needs no settings and no secrets."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ml_backend.champions import Champions
from ml_backend.errors import ModelRejected
from ml_backend.images.loader import PageLoader
from ml_backend.models.outbox import Outbox
from ml_backend.page_files import PageFiles
from ml_backend.services import MODELS, PAGES, champions_in, read_interface
from ml_backend.store.records import RunRecord
from ml_backend.store.store import Store
from training.child import Progress
from training.report.scans import Scans
from training.rounds import Round
from training.trainers.base import Trainer
from training.trainers.combined_trainer import CombinedTrainer
from training.trainers.memory_trainer import MemoryTrainer
from training.trainers.token_trainer import TokenTrainer


def train(
    store: Store,
    run: RunRecord,
    progress: Progress,
    data_dir: str,
    country: str,
    layout: Mapping[str, Any] | None = None,
) -> None:
    """Make the version of ``run`` and finish it. ``data_dir`` and ``country`` are as in the settings.

    ``layout`` are the ``LayoutTraining`` options of a layout model, if one is wanted; its ``work`` is a folder for checkpoints,
    from which the next attempt goes on.

    Samples that no model can be made from fail the run at once: another attempt would end the same way.
    """
    champions = champions_in(Path(data_dir) / MODELS, country)
    _train(store, run, progress, champions, _Order(data_dir, country, layout))


def train_and_send(
    store: Store,
    run: RunRecord,
    progress: Progress,
    data_dir: str,
    country: str,
    layout: Mapping[str, Any] | None = None,
) -> None:
    """As ``train``, where a bucket has the versions: our parent sends what is made, and we wait until it has."""
    models = Path(data_dir) / MODELS
    champions = champions_in(models, country, Outbox(models))
    _train(store, run, progress, champions, _Order(data_dir, country, layout))


@dataclass(frozen=True, slots=True)
class _Order:
    data_dir: str
    country: str
    layout: Mapping[str, Any] | None


def _train(store: Store, run: RunRecord, progress: Progress, champions: Champions, order: _Order) -> None:
    project = store.projects.get(run.project_uid)
    if project is None:
        store.runs.finish(run.id, run.attempt, "failed", time.time(), reason="The project is not followed any more.")
        return
    specs = read_interface(project.label_config).specs
    work = _workplace(order.layout, run)
    trainer = CombinedTrainer(_members(order.country, order.layout, work), champions.baseline)
    try:
        with PageLoader(children=1) as loader:
            scans = _scans(PageFiles(Path(order.data_dir) / PAGES), loader)
            begin = partial(_begin, work, run.release)
            made = Round(store, champions, trainer, specs, progress, scans, begin).run(run)
    except ModelRejected as error:
        store.runs.finish(run.id, run.attempt, "failed", time.time(), reason=str(error))
        _clear(work)
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
    _clear(work)


def _scans(files: PageFiles, loader: PageLoader) -> Scans:
    return lambda content: [page.image for page in files.pictures(content, loader.pages)]


def _members(country: str, layout: Mapping[str, Any] | None, work: Path | None) -> list[Trainer]:
    """The trainers of a version, in the order in which they are believed before anything was learned."""
    members: list[Trainer] = [TokenTrainer(country), MemoryTrainer(country)]
    if layout is not None:
        from training.trainers.layout_model import LayoutTrainer, LayoutTraining  # torch, where it is wanted

        members.append(LayoutTrainer(LayoutTraining(**{**layout, "work": work}), country))
    return members


def _workplace(layout: Mapping[str, Any] | None, run: RunRecord) -> Path | None:
    """Where a layout model keeps its checkpoints; those of earlier runs of the project, cancelled ones, are cleared away."""
    if layout is None:
        return None
    mine = Path(layout["work"]) / f"{run.project_uid}-{run.number}"
    for other in mine.parent.glob(f"{run.project_uid}-*"):
        if other != mine:
            _clear(other)
    mine.mkdir(parents=True, exist_ok=True, mode=0o700)
    return mine


def _begin(work: Path | None, before: str, release: str) -> None:
    """What the attempt before this one left is of the release ``before``: nothing of another one stays."""
    if work is not None and release != before:
        shutil.rmtree(work)  # an error ends this attempt, and the next one tries again
        work.mkdir(mode=0o700)


def _clear(work: Path | None) -> None:
    if work is not None:
        shutil.rmtree(work, ignore_errors=True)
