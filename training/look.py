"""A look at one project: what changed in Label Studio goes into the ledger, confirmed documents become samples, and it is decided
whether to train. Predictions are another job (``push_job``), since they may take hours and nothing else should wait for them.

A look may be made at any time, twice, or not for a day: it compares what is with what should be.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ml_backend.errors import SetupError, StorageError
from ml_backend.label_studio.client import Project
from ml_backend.label_studio.label_config import Interface
from ml_backend.pausing import paused
from ml_backend.services import Services, page_files
from ml_backend.store.records import ProjectRecord, RunRecord
from ml_backend.store.store import Store
from training.confirmed_pages import ConfirmedPages
from training.decide import Decision, Situation, decide
from training.forgetting import forget_deleted, forget_project
from training.pauses import Pauses
from training.reconcile import Reconcile, ReconcileReport
from training.rereading import Rereading
from training.samples import SampleCollector, SampleReport

log = logging.getLogger(__name__)

_DAY = 86_400.0  # seconds
SWEEP_EVERY = 3600.0  # seconds between comparisons of all ids


@dataclass(frozen=True, slots=True)
class LookReport:
    """What a look found and decided; ``run`` is the training run that it began, if any."""

    project: Project
    reconciled: ReconcileReport
    samples: SampleReport
    decision: Decision
    run: RunRecord | None = None

    @property
    def unfinished(self) -> bool:
        """Whether there is more to do at once."""
        return self.samples.left > 0


def look(
    services: Services, project_id: int, pauses: Pauses, now: Callable[[], float] = time.time, sweep: bool = False
) -> LookReport:
    """Look at a project; who calls this holds the lease ``look-N``. ``pauses`` remembers documents that could not be read.

    Raises:
        LabelStudioError: Label Studio does not answer or refuses.
        ConfigUnsupported: the labelling interface cannot be served.
        SetupError: docloop knows another project by this number, of another Label Studio.
    """
    store = services.store
    forget_deleted(services, now())  # what a look before this one did not come to, whether Label Studio answers or not
    project = services.access.client().project(project_id)
    interface = services.interface(project.label_config)
    _forget_earlier(services, project, now())
    record = remember(services, project, interface)
    sweep = sweep or now() - record.swept_at > SWEEP_EVERY
    reconciled = Reconcile(services.access.client(), store, project, interface, now()).run(sweep)
    if reconciled.documents_gone or reconciled.swept:
        forget_deleted(services, now(), thoroughly=reconciled.swept)
    samples = _collect(services, project.uid, interface, pauses)
    if not samples.left:
        _count_from_what_is_left(store, project.uid)
    decision, run = _decide(services, project, now())
    store.projects.update(
        project.uid,
        looked_at=now(),
        answer=decision.reason,
        answered_at=record.answered_at if decision.later else now(),  # the schedule counts from it
    )
    _note_refusal(store, project.uid, decision)
    return LookReport(project, reconciled, samples, decision, run)


def _forget_earlier(services: Services, project: Project, now: float) -> None:
    """Forget the project that had this number before: SQLite gives that of the newest one out again when it was deleted.

    Only where the same Label Studio had shown it: in another one, project 1 is simply another project.

    Raises:
        SetupError: ``another_label_studio``: the earlier one was seen from another address, or with another token, or none of the
            others that are known is there.
    """
    url, seen_as = services.settings.label_studio_url, services.access.client().identity
    for other in services.store.projects.all():
        if other.project_id != project.id or other.uid == project.uid:
            continue
        others, why = seen_with(services.store, other), ""
        if other.seen_as != seen_as:
            why = "that one was seen at another address or with another token"
        elif others and not services.access.client().has_one_of(others):
            why = "and none of the other projects that it knows is there"
        if why:
            raise SetupError(
                "another_label_studio",
                f"Project {project.id} at {url} is not the project {other.project_id} “{other.title}” that docloop knows: {why}.",
                "Check DOCLOOP_LABEL_STUDIO_URL and DOCLOOP_LABEL_STUDIO_TOKEN, or give this Label Studio a DOCLOOP_DATA_DIR "
                f"of its own. If the earlier project is gone for good: docloop forget --project {other.project_id}.",
            )
        forget_project(services, other, now)


def seen_with(store: Store, project: ProjectRecord) -> dict[int, str]:
    """The other projects that docloop knows of the same Label Studio, uid by number: by them it is known again."""
    return {
        one.project_id: one.uid
        for one in store.projects.all()
        if one.seen_as == project.seen_as and one.project_id != project.project_id
    }


def _collect(services: Services, project_uid: str, interface: Interface, pauses: Pauses) -> SampleReport:
    """The samples that are missing, with the files of their pages; all of them as the project's reader sees them."""
    store, predictor, settings = services.store, services.predictor, services.settings
    files = page_files(settings)
    pages = ConfirmedPages(store, predictor, files, pauses, settings.keep_pages)
    report = SampleCollector(store, predictor, pauses, keep=pages.keep).collect(project_uid, interface)
    if not report.left:
        with _storage_may_be_away():
            pages.complete(project_uid, interface)
        if again := Rereading(store, predictor, files, pauses).run(project_uid, interface):
            log.info("project %s: the words of %s samples were read again by its reader", project_uid, again)
    with _storage_may_be_away():
        pages.drop_others()
    return report


@contextmanager
def _storage_may_be_away() -> Iterator[None]:
    """Pages wait for the next look; samples and trainings do not wait for pages."""
    try:
        yield
    except StorageError as error:
        log.warning("pages of confirmed documents: %s", error)


def _note_refusal(store: Store, project_uid: str, decision: Decision) -> None:
    """Keep the answer to a request that was not followed until a run begins; the next look would write over it."""
    if decision.start:
        store.projects.update(project_uid, refusal="")
    elif decision.answered:
        store.projects.update(project_uid, refusal=decision.reason)


def _count_from_what_is_left(store: Store, project_uid: str) -> None:
    """Documents may be deleted after a training: then what is new is new beside those that are left."""
    record, count = store.projects.get(project_uid), store.samples.count(project_uid)
    if record is not None and count < record.trained_samples:
        store.projects.update(project_uid, trained_samples=count)


def remember(services: Services, project: Project, interface: Interface) -> ProjectRecord:
    """The record of a project, as Label Studio describes it now; a new one is followed from here on."""
    there = services.store.projects.get(project.uid) or ProjectRecord(project.uid, project.id)
    record = replace(
        there,
        title=project.title,
        label_config=project.label_config,
        fingerprint=interface.fingerprint,
        followed=True,
        seen_as=services.access.client().identity,
    )
    if record != there or services.store.projects.get(project.uid) is None:
        services.store.projects.put(record)
    return record


def _decide(services: Services, project: Project, now: float) -> tuple[Decision, RunRecord | None]:
    """Decide, and make the run in the same transaction that drops the request: it is either kept or begun."""
    runs = services.store.runs
    record = services.store.projects.get(project.uid) or ProjectRecord(project.uid, project.id)
    asked = next((request for request in runs.requests() if request.project_id == project.id), None)
    count = services.store.samples.count(project.uid)
    release = asked.options.get("release", "") if asked else ""
    number = _left(services.store, project.uid, release) if release else count
    decision = decide(
        Situation(
            samples=number,
            trained=record.trained_samples,
            threshold=services.settings.min_training_samples,
            requested_by=asked.requested_by if asked else "",
            due=_due(services.settings.training_schedule, record.answered_at, now),
            running=runs.open_run(project.uid) is not None,
            resting=paused(services.store, project.uid, now),
        )
    )
    run = None
    with services.store.transaction():
        if decision.start:
            by = asked.requested_by if asked else "docloop"
            published = services.registry.versions(project.uid)  # perhaps by a database that was there before this one
            above = max((manifest.number for manifest in published), default=0)
            taken = asked is not None
            run = runs.begin(
                project.uid, project.id, by, decision.reason, number, now, request_taken=taken, above=above
            )
            if run is not None and not release:  # what an older release teaches is not what has grown since
                services.store.projects.update(project.uid, trained_samples=count)
        elif decision.answered:
            runs.answer(project.id)
    return decision, run


def _left(store: Store, project_uid: str, release: str) -> int:
    """How many documents of a release there still are."""
    found = store.releases.get(project_uid, release)
    return found.samples - found.deleted if found else 0


def _due(schedule: str, last: float, now: float) -> bool:
    """Whether the scheduled time of day (UTC, ``HH:MM``) has come since the last decision; not at the very first one."""
    if not schedule or not last:
        return False
    hour, minute = map(int, schedule.split(":"))
    at = datetime.fromtimestamp(now, UTC).replace(hour=hour, minute=minute, second=0, microsecond=0).timestamp()
    return last < (at if at <= now else at - _DAY) <= now
