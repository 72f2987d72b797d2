"""Forgets what was deleted in Label Studio, wherever docloop had put it. The store itself is reconciled before.

Level-triggered, like all else: each place is compared with the store, and the data folder notes up to which deletions that was
done. So what a killed worker left, or what another process wrote while the document went, is found at the next look. What was
given out of the data folder is out of reach: the index of exports says which ones are tainted. docs/privacy.md lists the places.
"""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from ml_backend.errors import DocloopError, StorageError
from ml_backend.made_exports import made_exports
from ml_backend.services import BACKUPS, Services, checkpoints, export_index, failed_imports, page_files
from ml_backend.store.records import ProjectRecord, RunRecord
from ml_backend.store.store import Store
from ml_backend.store.upgrades import drop_kept
from training.scrubbing import scrub

log = logging.getLogger(__name__)


_NOTE = "forgotten.json"
_SETTLES = 30.0  # seconds after which whoever worked on a document while it was deleted has left what they leave


@dataclass(frozen=True, slots=True)
class _Note:
    """Up to which deletions a data folder was compared with the store, when that was first, and whether again since."""

    deletions: str = ""
    since: float = 0.0
    settled: bool = False

    @classmethod
    def read(cls, path: Path) -> _Note:
        """The note; a new one where there is none, or a torn one: then everything is compared."""
        try:
            value = json.loads(path.read_bytes())
            return cls(str(value["deletions"]), float(value["since"]), value["settled"] is True)
        except (OSError, ValueError, LookupError, TypeError):
            return cls()

    def after(self, deletions: str, now: float) -> _Note:
        """The note after everything was compared at ``now``."""
        if self.deletions != deletions:
            return _Note(deletions, now)
        return _Note(deletions, self.since, self.settled or not 0 <= now - self.since < _SETTLES)


def forget_deleted(services: Services, now: float, thoroughly: bool = False) -> None:
    """Forget all documents and projects that the store does not have any more; to be called at every look.

    Where nothing was deleted since the last time it is cheap, but for ``thoroughly``. After a deletion everything is compared
    twice: somebody may just have read a page of the document, and put its words into the cache after the first time.

    Raises:
        StoreError: the store does not answer.
    """
    deletions = services.store.projects.deletions()  # before: what is deleted meanwhile is for the next time
    path = services.settings.data_dir / _NOTE
    note = _Note.read(path)
    services.deletions.check()
    if note.deletions == deletions and note.settled and not thoroughly:
        _forget_in_versions(services, now)
    elif _forget_gone(services, now):
        try:
            path.write_text(json.dumps(asdict(note.after(deletions, now))), encoding="utf-8")
        except OSError as error:
            log.warning("what was forgotten cannot be noted (%s); it is compared again", error.strerror)


def _forget_in_versions(services: Services, now: float) -> bool:
    """Take deleted documents out of releases, out of the files of the versions that learned from them, and out of what trainings
    have left. Whether nothing is left to do.

    Cheap where nothing was deleted: a training may have begun before, and end at any time.
    """
    store = services.store
    store.releases.forget_gone(now)
    services.registry.tidy()
    services.readers.registry.tidy()
    _forget_trainings(services, now)
    # A training may have gone on for a while after its project went.
    done = [_forget_files(services, uid) for uid in store.runs.gone_projects()]
    for project in store.projects.all():
        if versions := scrub(store, services.registry, project.uid):
            log.info("deleted documents were taken out of %s of project %s", ", ".join(versions), project.project_id)
    return all(done)


def _forget_trainings(services: Services, now: float) -> None:
    """Delete what trainings that ended have left, and begin those anew that learn from a document which was deleted.

    A layout model trains for hours, and its folder holds the words and pictures of its documents: those of the release that its
    run notes before it writes any of them down. Other trainings take minutes and have no folder.
    """
    store = services.store
    for folder in checkpoints(services.settings).glob("*.*-*"):
        uid, _, number = folder.name.rpartition("-")
        run = store.runs.open_run(uid)
        if run is None or str(run.number) != number:
            shutil.rmtree(folder, ignore_errors=True)
        elif run.release in store.releases.tainted(uid):
            _begin_anew(store, run, now)


def _begin_anew(store: Store, run: RunRecord, now: float) -> None:
    """End a run, and ask for another one in its place, unless somebody has asked for one already, or it was to end anyway."""
    with store.transaction():
        seen = store.runs.get(run.id)
        if seen is None or seen.cancel or not store.runs.cancel(run.id, now):
            return
        if not any(request.project_id == run.project_id for request in store.runs.requests()):
            store.runs.request(run.project_id, run.requested_by, now, run.options)
    log.warning("project %s: run %s begins anew, documents of it were deleted", run.project_id, run.number)


def _forget_gone(services: Services, now: float) -> bool:
    """Compare every place with the store; whether nothing is left that could not be deleted."""
    store, settings = services.store, services.settings
    done = _forget_in_versions(services, now)
    try:
        if tainted := export_index(settings).forget_gone(store.documents.numbers):
            log.warning("%s exports hold documents that were deleted; docloop exports lists them", tainted)
        made_exports(services).forget_tainted(export_index(settings))
        services.pool.keep_only(store.documents.digests())
        kept = page_files(settings)
        kept.tidy(now - _SETTLES)
        for content in kept.traces() - store.samples.contents().keys():
            kept.remove(content)
        drop_kept(settings.data_dir / BACKUPS)
        services.tell_forgotten()
    except OSError as error:
        log.error("deleted documents are still on the disk (%s); tried again at the next look", error.strerror)
        return False
    except StorageError as error:
        log.error("deleted documents are still in the storage: %s; tried again at the next look", error)
        return False
    return done


def forget_project(services: Services, project: ProjectRecord, now: float) -> None:
    """Forget a project with everything that was made of it. Whoever dies in between is followed by the next look.

    Raises:
        StoreError: the store does not answer.
    """
    _forget_files(services, project.uid)
    failed_imports(services.settings, project.project_id).unlink(missing_ok=True)
    services.store.projects.remove(project.uid)
    forget_deleted(services, now)


def _forget_files(services: Services, uid: str) -> bool:
    """Delete models, readers and checkpoints of a project; whether nothing of them is left."""
    done = True
    for registry in (services.registry, services.readers.registry):
        try:
            registry.forget(uid)
        except (DocloopError, OSError) as error:
            log.error("versions of project %s are still on the disk (%s)", uid, type(error).__name__)
            done = False
    for folder in checkpoints(services.settings).glob(f"{uid}-*"):
        shutil.rmtree(folder, ignore_errors=True)
    return done
