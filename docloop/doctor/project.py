"""A project: is it there, is its interface served, which model serves it, and does the hardest document come first."""

from __future__ import annotations

from collections.abc import Iterator

from docloop.doctor.bench import Bench, Patient
from docloop.doctor.findings import Check, Found, Known, Level, of_error
from docloop.doctor.machine import is_non_commercial
from ml_backend.connect import TITLE
from ml_backend.document.version_names import UNTRAINED
from ml_backend.errors import ConfigUnsupported, LabelStudioError
from ml_backend.label_studio.client import UNCERTAINTY
from ml_backend.label_studio.refusals import PROJECT_GONE
from ml_backend.order import check_order
from ml_backend.services import model_registry, read_interface

_LOOKS = 5  # polls without a look after which something is wrong
_ORDER_CODES = {True: "", False: "order_wrong", None: "order_not_checked"}
_ORDER = "Annotators get documents at random instead of those that teach most."

KNOWN = {
    PROJECT_GONE: Known(
        Level.FAULT,
        "there is no such project, or the token's user may not see it",
        "There is nothing to work on.",
        "docloop doctor --project N   # with one of the numbers that were measured",
    ),
    "config_unsupported": Known(
        Level.FAULT,
        "the labelling interface cannot show what docloop predicts",
        "Label Studio refuses the backend, and nothing is predicted.",
        "Change the tag that was named, in the project's Settings > Labeling Interface.",
    ),
    "project_not_followed": Known(
        Level.WARNING,
        "the worker does not follow the project",
        "Nothing is predicted in advance and nothing is learned from it.",
        "docloop connect --project {project}   # and let docloop serve run; the worker finds it within a minute",
    ),
    "look_failed": Known(
        Level.FAULT,
        "the worker's last look at the project failed",
        "Until it succeeds the ledger and the predictions stand still; nothing is lost.",
        "Mend what was measured; the worker looks again by itself.",
    ),
    "look_old": Known(
        Level.FAULT,
        "the worker has not looked at the project for a long time",
        "Annotations are not collected.",
        "Restart docloop serve, and read its log.",
    ),
    "champion_damaged": Known(
        Level.FAULT,
        "the promoted model version does not verify",
        "An earlier one serves in its place.",
        "docloop rollback --project {project}   # or restore it from a backup; then docloop train --project {project}",
    ),
    "version_non_commercial": Known(
        Level.WARNING,
        "the version that serves was trained from weights that may not be used commercially",
        "The licence goes on with the version.",
        "export DOCLOOP_BASE_MODEL=SCUT-DLVCLab/lilt-roberta-en-base; docloop train --project {project}",
    ),
    "model_version_title": Known(
        Level.FAULT,
        "the project serves the backend's name instead of a model version",
        f"{_ORDER} Corrections cannot be told from confirmations, either.",
        "docloop push --project {project}   # it sets the version; or choose {version} in Settings > Predictions",
    ),
    "model_version_empty": Known(
        Level.WARNING,
        "the project serves no model version yet",
        _ORDER,
        "docloop push --project {project}   # or wait, where docloop serve runs",
    ),
    "model_version_unknown": Known(
        Level.FAULT,
        "the project serves a version of which no prediction is stored",
        "Tasks are shown empty, and in any order.",
        "docloop push --project {project}",
    ),
    "sampling_off": Known(
        Level.FAULT,
        "the project does not ask for the least certain document first",
        _ORDER,
        "docloop connect --project {project}   # or Settings > Annotation > Uncertainty sampling",
    ),
    "order_wrong": Known(
        Level.FAULT,
        "Label Studio serves another document first than the one with the lowest score",
        _ORDER,
        "docloop push --project {project}, then docloop connect --project {project}",
    ),
    "order_not_checked": Known(
        Level.WARNING,
        "the order could not be measured",
        "It may be right all the same.",
        "Look whether others have opened all tasks that are left; then docloop doctor --project {project}",
    ),
}  # fmt: skip


def there(bench: Bench, patient: Patient) -> Iterator[Found]:
    """The project exists for our token."""
    try:
        patient.project = bench.client().project(patient.number)
    except LabelStudioError as error:
        yield of_error(error, (PROJECT_GONE,), "check_refused")
        return
    patient.body = bench.client().call("GET", f"api/projects/{patient.number}/")
    yield Found(f"“{patient.project.title}”, {patient.project.task_count} tasks")


def served(bench: Bench, patient: Patient) -> Iterator[Found]:
    """Its labelling interface can show what docloop predicts."""
    try:
        patient.interface = read_interface(patient.there.label_config)
    except ConfigUnsupported as error:
        yield of_error(error, (), "config_unsupported")
        return
    typed = ", ".join(f"{spec.label} ({spec.type})" for spec in patient.interface.specs)
    yield Found(f"{len(patient.interface.specs)} labels: {typed}")


def followed(bench: Bench, patient: Patient) -> Iterator[Found]:
    """The worker follows it, and its last look succeeded, not long ago."""
    record = bench.store.projects.get(patient.there.uid) if bench.store else None
    if record is None or not record.followed:
        yield Found("not in the store" if record is None else "not followed any more", "project_not_followed")
        return
    ago = bench.clock() - record.looked_at
    if record.fault:
        yield Found(f"{record.fault}, since {bench.clock() - (record.fault_since or 0):.0f} s", "look_failed")
    elif record.looked_at and ago > _LOOKS * max(60.0, bench.settings.poll_seconds):
        yield Found(f"the last look was {ago / 60:.0f} minutes ago", "look_old")
    else:
        yield Found(f"looked at {ago:.0f} s ago" if record.looked_at else "known, not looked at yet")


def champion(bench: Bench, patient: Patient) -> Iterator[Found]:
    """Every file of the version that serves is compared with its hash."""
    registry = model_registry(bench.settings)
    best = registry.best(patient.there.uid)
    if best.reason:
        yield Found(best.reason, "champion_damaged")
    base = best.manifest.base if best.manifest else ""
    if base:
        yield Found(base, "version_non_commercial" if is_non_commercial(base) else "")
    yield Found(f"{best.version or UNTRAINED} serves" + ("" if best.version else ", which has no files"))


def model_version(bench: Bench, patient: Patient) -> Iterator[Found]:
    """The project serves a concrete version that has predictions, never the backend's name."""
    now, number = patient.there.model_version, patient.number
    stored = bench.client().model_versions(number)
    titles = {str(one.get("title") or "") for one in bench.client().call("GET", "api/ml", project=number)} | {TITLE}
    newest = next(iter(sorted(stored - titles, reverse=True)), "the concrete version")
    if not stored and not patient.there.task_count:
        yield Found("looked at after the first import: there are no tasks yet")
    elif not now or (now in titles and not stored):
        yield Found(f"“{now}”, the backend's name" if now else "none is set", "model_version_empty")
    elif now in titles - stored:
        yield Found(f"“{now}”, which is the backend's name", "model_version_title", {"version": newest})
    elif now not in stored:
        yield Found(f"“{now}”; stored are {', '.join(sorted(stored)) or 'none'}", "model_version_unknown")
    else:
        yield Found(now)


def sampling(bench: Bench, patient: Patient) -> Iterator[Found]:
    """The setting that makes scores count."""
    now = str(patient.body.get("sampling") or "")
    yield Found(now or "none", "" if now == UNCERTAINTY else "sampling_off")


def order(bench: Bench, patient: Patient) -> Iterator[Found]:
    """What ``/next`` really gives, against the lowest score of all open tasks."""
    if not patient.there.task_count or not patient.there.model_version:
        yield Found("no tasks with predictions yet: nothing to order")
        return
    report = check_order(bench.client(), patient.number)
    if report.reserved:
        yield Found(report.sentence)
        return
    bench.touched.append(
        f"Project {patient.number}: asking for the next task reserves it for the token's user, as opening it does, until it is"
        " submitted or skipped, or for a day."
    )
    yield Found(report.sentence, _ORDER_CODES[report.hardest_first])


_THERE = ("project.there",)
CHECKS = (
    Check("project.there", "The project", there, needs=("label_studio.token",), quick=True, each_project=True),
    Check("project.interface", "Its interface", served, needs=_THERE, quick=True, each_project=True),
    Check("project.followed", "The worker's looks", followed, needs=(*_THERE, "store.answers"), each_project=True),
    Check("project.champion", "The model that serves", champion, needs=_THERE, seconds=60, each_project=True),
    Check("project.model_version", "The version served", model_version, needs=_THERE, quick=True, each_project=True),
    Check("project.sampling", "Sampling", sampling, needs=_THERE, quick=True, each_project=True),
    Check(
        "project.order",
        "The next task",
        order,
        needs=("project.model_version", "project.sampling"),
        seconds=60,
        quick=True,
        each_project=True,
    ),
)
