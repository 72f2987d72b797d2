"""Forgets what was deleted in Label Studio, wherever docloop had put it. The store itself is reconciled before.

Level-triggered, like all else: each place is compared with the store, so that what a killed worker left, or what another process
wrote while the document went, is found at the next look. What was given out of the data folder is out of reach: the index of
exports says which ones are tainted. docs/privacy.md lists the places.
"""

from __future__ import annotations

import logging
import shutil

from ml_backend.errors import DocloopError, StorageError
from ml_backend.made_exports import made_exports
from ml_backend.services import Services, checkpoints, export_index, failed_imports, page_files
from ml_backend.store.records import ProjectRecord
from ml_backend.store.store import Store
from training.scrubbing import scrub

log = logging.getLogger(__name__)


def forget_in_versions(services: Services, now: float) -> None:
    """Take deleted documents out of releases, out of the files of the versions that learned from them, and out of what trainings
    have left.

    Cheap where nothing was deleted: a training may have begun before, and end at any time.
    """
    store = services.store
    store.releases.forget_gone(now)
    services.registry.tidy()
    services.readers.registry.tidy()
    for folder in checkpoints(services.settings).glob("*.*-*"):
        if not _is_open(store, folder.name):
            shutil.rmtree(folder, ignore_errors=True)
    for project in store.projects.all():
        if versions := scrub(store, services.registry, project.uid):
            log.info("deleted documents were taken out of %s of project %s", ", ".join(versions), project.project_id)


def train_without(services: Services, project: ProjectRecord, now: float) -> bool:
    """Where a layout model is being trained, its folder holds the words and pictures of its documents, for hours. Documents that
    a release of the project holds were deleted, as all trainings freeze one: that run ends, and another one is asked for. Whether
    there was such a run.

    Other trainings take minutes and have no folder.
    """
    runs = services.store.runs
    run = runs.open_run(project.uid)
    if run is None or run.cancel or not (checkpoints(services.settings) / f"{project.uid}-{run.number}").is_dir():
        return False
    asked = any(request.project_id == project.project_id for request in runs.requests())
    with services.store.transaction():
        runs.cancel(run.id, now)
        if not asked:  # what somebody wants next need not be asked for in another's name
            runs.request(project.project_id, run.requested_by, now, run.options)
    log.warning("project %s: run %s begins anew, documents of it were deleted", project.project_id, run.number)
    return True


def _is_open(store: Store, name: str) -> bool:
    """Whether the run that a folder of checkpoints is named by may go on."""
    uid, _, number = name.rpartition("-")
    run = store.runs.open_run(uid)
    return run is not None and str(run.number) == number


def forget_gone(services: Services, now: float, answers: bool = True) -> None:
    """Forget all documents and projects that the store does not have any more; ``answers`` those in this process, too.

    Raises:
        StoreError: the store does not answer.
    """
    store, settings = services.store, services.settings
    forget_in_versions(services, now)
    for uid in store.runs.gone_projects():  # a training may have gone on for a while after its project went
        _forget_files(services, uid)
    try:
        if tainted := export_index(settings).forget_gone(store.documents.existing):
            log.warning("%s exports hold documents that were deleted; docloop exports lists them", tainted)
        made_exports(services).forget_tainted(export_index(settings))
        services.pool.keep_only(store.documents.digests())
        kept = page_files(settings)
        for content in kept.traces() - store.samples.contents().keys():
            kept.remove(content)
        services.tell_forgotten()
    except OSError as error:
        log.error("deleted documents are still on the disk (%s); tried again at the next look", error.strerror)
    except StorageError as error:
        log.error("deleted documents are still in the storage: %s", error)
    if answers:
        services.forget_answers()


def forget_project(services: Services, project: ProjectRecord, now: float) -> None:
    """Forget a project with everything that was made of it. Whoever dies in between is followed by the next look.

    Raises:
        StoreError: the store does not answer.
    """
    _forget_files(services, project.uid)
    failed_imports(services.settings, project.project_id).unlink(missing_ok=True)
    services.store.projects.remove(project.uid)
    forget_gone(services, now)


def _forget_files(services: Services, uid: str) -> None:
    """Models, readers, checkpoints and the list of failed imports of a project."""
    for registry in (services.registry, services.readers.registry):
        try:
            registry.forget(uid)
        except (DocloopError, OSError) as error:
            log.error("versions of project %s are still on the disk (%s)", uid, type(error).__name__)
    for folder in checkpoints(services.settings).glob(f"{uid}-*"):
        shutil.rmtree(folder, ignore_errors=True)
