"""What a round learns from: always a release, so that a version names its data, and the same data can be had again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_backend.document.fields import FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.errors import DocloopError, ModelRejected
from ml_backend.models.manifest import RELEASE_ASKED
from ml_backend.store.records import RunRecord
from ml_backend.store.release_records import SHORT, Release
from ml_backend.store.store import Store
from training.child import RunStopped


@dataclass(frozen=True, slots=True)
class Dataset:
    """A release and its samples. ``notes`` go into the version's settings: which release was asked for, and what it lacks."""

    release: Release
    samples: Sequence[Sample]
    notes: Mapping[str, Any] = field(default_factory=dict)


def noted(
    store: Store,
    run: RunRecord,
    specs: Sequence[FieldSpec],
    newest: int,
    begin: Callable[[str], None] = lambda release: None,
) -> Dataset:
    """As ``frozen``, with the release noted at the run: whoever deletes a document of it finds the runs that learn from it.

    ``begin`` is told the release first, before it is noted. Whoever deletes marks the document in its releases, and then looks
    at the runs; here the run is marked, and then looked at the release: one of the two always sees the other.

    Raises:
        ModelRejected: as ``frozen``.
        RunStopped: the run is another's by now, or was cancelled.
    """
    while True:
        dataset = frozen(store, run, specs, newest)
        begin(dataset.release.id)
        if not store.runs.learns_from(run.id, run.attempt, dataset.release.id):
            raise RunStopped("run_stopped", "The training run was cancelled, or another process has it now.")
        now = store.releases.get(run.project_uid, dataset.release.id)
        if now is not None and not now.deleted:
            return dataset


def frozen(store: Store, run: RunRecord, specs: Sequence[FieldSpec], newest: int) -> Dataset:
    """The release that the run asks for, else the ``newest`` samples of today, frozen.

    The notes name a release that was asked for. Where documents of it were deleted, what is left is a release of its own, and the
    notes say how many it lacks: an id never stands for other data than it names.

    Raises:
        ModelRejected: ``nothing_to_learn``: there are no samples, or none with text. ``release_too_large``: more than ``newest``.
    """
    asked = run.options.get("release", "")
    release = _asked(store, run.project_uid, asked, newest) if asked else _today(store, run.project_uid, specs, newest)
    samples = store.releases.load(release)
    if not samples:
        raise ModelRejected(
            "nothing_to_learn",
            f"The release {release.id[:SHORT]} keeps no text any more: its documents were deleted, or an older docloop froze it.",
            "Train without --release.",
        )
    notes: dict[str, Any] = {RELEASE_ASKED: release.id} if asked else {}
    if len(samples) == release.samples:
        return Dataset(release, samples, notes)
    left = store.releases.part(release, {sample.content for sample in samples}, time.time())
    return Dataset(left, samples, {**notes, "release_lacks": release.samples - len(samples)})


def _asked(store: Store, project_uid: str, name: str, most: int) -> Release:
    found = store.releases.get(project_uid, name)
    if found is None:
        raise ModelRejected(
            "nothing_to_learn", f"The project has no release {name[:SHORT]}.", "docloop releases lists them."
        )
    if found.samples > most:
        raise ModelRejected(
            "release_too_large",
            f"The release {name[:SHORT]} has {found.samples:,} documents, and a training holds {most:,} in memory.",
            f"Train without --release: the newest {most:,} documents are learned from, a release of their own.",
        )
    return found


def _today(store: Store, project_uid: str, specs: Sequence[FieldSpec], newest: int) -> Release:
    project = store.projects.get(project_uid)
    try:
        if project is not None:
            return store.releases.freeze(project, specs, time.time(), newest=newest)
    except DocloopError as error:
        if error.code != "release_empty":
            raise
    raise ModelRejected("nothing_to_learn", "There are no confirmed documents.", "Submit some annotations.")
