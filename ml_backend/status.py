"""How it stands with a project: one dict for the command line and REST. It reads the store and the registry only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml_backend.document.fields import Field
from ml_backend.document.version_names import UNTRAINED, of_model, version_name
from ml_backend.errors import DocloopError
from ml_backend.models.keyword_baseline import VERSION as BASELINE_VERSION
from ml_backend.models.registry import ModelRegistry
from ml_backend.pausing import paused
from ml_backend.store.records import DocumentRecord, PredictionRecord, ProjectRecord, RunRecord, VersionUse
from ml_backend.store.store import Store

_RUNS = 20
WORKER = "worker-"  # what the leases of workers begin with
PRIORITIES = {3: "high", 2: "medium", 1: "low"}


def followed_project(store: Store, project_id: int) -> ProjectRecord:
    """The record of a project by Label Studio's number.

    Raises:
        DocloopError: ``project_unknown``: docloop does not follow it.
    """
    project = store.projects.by_number(project_id)
    if project is None:
        known = ", ".join(f"{found.project_id} “{found.title}”" for found in store.projects.all())
        known = known or "none yet (is DOCLOOP_DATA_DIR the one of docloop serve?)"
        raise DocloopError(
            "project_unknown",
            f"docloop does not follow project {project_id}.",
            f"Connect it: docloop connect --project {project_id}. Followed: {known}.",
        )
    return project


def project_status(
    store: Store, registry: ModelRegistry, project_id: int, now: float, reader: Callable[[str], str]
) -> dict[str, Any]:
    """What is learned, what runs, and why training did or did not start; ``reader`` gives the mark of a project's reader.

    Raises:
        DocloopError: the project is not followed.
    """
    project = followed_project(store, project_id)
    uid = project.uid
    uses = {use.model_version: use for use in store.statistics.uses(uid)}
    best = registry.best_lately(uid)  # its files are checked: what serves is said, not what the pointer names
    return {
        "project": project.project_id,
        "title": project.title,
        "followed": project.followed,
        "paused": paused(store, uid, now),
        "workers": len(store.leases.held(WORKER, now)),
        "documents": store.documents.count(uid),
        "samples": store.samples.count(uid),
        "corrections": dict(store.ledger.counts(uid)),
        "champion": best.version or UNTRAINED,
        "champion_base": best.manifest.base if best.manifest else "",
        "champion_fault": best.reason,
        "model_version": version_name(best.version or BASELINE_VERSION, project.fingerprint, reader(uid)),
        "training": {
            "answer": project.answer,
            "answered_at": project.answered_at,
            "refusal": project.refusal,
            "requested": [
                request.requested_by for request in store.runs.requests() if request.project_id == project_id
            ],
            "runs": run_rows(store, project, now, _RUNS),
        },
        "versions": [use_row(use) for use in uses.values()],
        "tainted_versions": tainted_versions(store, registry, uid),
        "storage": {"fault": registry.fault, "fault_since": registry.fault_since or None},
        "label_studio": {
            "looked_at": project.looked_at,
            "fault": project.fault,
            "fault_since": project.fault_since,
        },
    }


def project_rows(store: Store, registry: ModelRegistry) -> list[dict[str, Any]]:
    """Every project that docloop knows in a line, for who does not say which one is meant."""
    rows = []
    for project in store.projects.all():
        open, best = store.documents.count(project.uid, open_only=True), registry.best(project.uid)
        rows.append(
            {
                "project": project.project_id,
                "title": project.title,
                "followed": project.followed,
                "open": open,
                "done": store.documents.count(project.uid) - open,
                "champion": best.version or UNTRAINED,
                "fault": best.reason or project.fault,
            }
        )
    return rows


def tainted_versions(store: Store, registry: ModelRegistry, project_uid: str) -> dict[str, int]:
    """The model versions that learned from documents which were deleted since, with how many of them."""
    tainted = store.releases.tainted(project_uid)
    made = registry.versions(project_uid) if tainted else []
    return {version.version: tainted[version.release] for version in made if version.release in tainted}


def run_rows(store: Store, project: ProjectRecord, now: float, limit: int) -> list[dict[str, Any]]:
    """The training runs of a project, the newest first."""
    uses = {use.model_version: use for use in store.statistics.uses(project.uid)}
    return [run_row(run, uses, project.fingerprint, now) for run in store.runs.latest(project.uid, limit)]


def whole_run(store: Store, project: ProjectRecord, run: RunRecord, now: float) -> dict[str, Any]:
    """One run with everything that is kept of it."""
    uses = {use.model_version: use for use in store.statistics.uses(project.uid)}
    more = {name: getattr(run, name) for name in ("release", "started_at", "heartbeat_at")}
    row = run_row(run, uses, project.fingerprint, now)
    return {**row, **more, "options": dict(run.options), "metrics": dict(run.metrics)}


def release_rows(store: Store, registry: ModelRegistry, project: ProjectRecord) -> list[dict[str, Any]]:
    """The dataset releases of a project, the newest first, each with the versions that learned from it."""
    made: dict[str, list[str]] = {}
    for version in registry.versions(project.uid):
        made.setdefault(version.release, []).append(version.version)
    return [
        {
            "id": one.id,
            "frozen_at": one.frozen_at,
            "documents": dict(one.manifest["documents"]),
            "deleted": one.deleted,
            "licence": one.manifest.get("licence", ""),
            "parents": list(one.manifest.get("parents", ())),
            "labels": [spec.label for spec in one.labels],
            "versions": made.get(one.id, []),
        }
        for one in store.releases.all(project.uid)
    ]


def run_row(run: RunRecord, uses: Mapping[str, VersionUse], fingerprint: str, now: float) -> dict[str, Any]:
    """One training run, as the table of rounds shows it."""
    mine = [use for name, use in uses.items() if run.version and of_model(name, run.version, fingerprint)]
    return {
        "id": run.id,
        "number": run.number,
        "state": run.state,
        "stage": run.stage,
        "progress": run.progress,
        "seconds_left": run.seconds_left(now),
        "attempt": run.attempt,
        "requested_by": run.requested_by,
        "requested_at": run.requested_at,
        "finished_at": run.finished_at,
        "samples": run.samples,
        "version": run.version,
        "verdict": run.verdict,
        "reason": run.reason,
        "f1": (run.metrics.get("challenger") or {}).get("f1"),
        "champion_f1": (run.metrics.get("champion") or {}).get("f1"),
        "acceptance": _acceptance(mine) if mine else None,
    }


def _acceptance(uses: Sequence[VersionUse]) -> float:
    """The share of fields left untouched, whoever read the documents."""
    return sum(use.untouched for use in uses) / max(1, sum(use.fields for use in uses))


def use_row(use: VersionUse) -> dict[str, Any]:
    """How one version does with the annotators."""
    return {
        "version": use.model_version,
        "documents": use.documents,
        "fields": use.fields,
        "untouched": use.untouched,
        "acceptance": round(use.acceptance, 4),
        "edits": use.edits,
        "median_seconds": use.median_seconds,
    }


def recommendations(
    store: Store, project_id: int, model_version: str, link: str, limit: int | None = 20
) -> list[dict[str, Any]]:
    """Open documents, the one to ask first at the top. ``link`` has ``{task}`` where the task's number goes.

    Raises:
        DocloopError: the project is not followed.
    """
    project = followed_project(store, project_id)
    ranked = store.predictions.ranking(project.uid, model_version, limit)
    return [recommendation(document, prediction, link) for prediction, document in ranked]


def recommendation(document: DocumentRecord, prediction: PredictionRecord, link: str) -> dict[str, Any]:
    """One row of the ranking. ``probability`` is the calibrated one, ``score`` what Label Studio orders by."""
    return {
        "task": document.task_id,
        "priority": PRIORITIES.get(prediction.priority, "low"),
        "score": prediction.score,
        "probability": prediction.probability,
        "reasons": list(prediction.reasons) or _least_sure(prediction.fields),
        "fields": field_texts(prediction.fields),
        "model_version": prediction.model_version,
        "link": link.format(task=document.task_id),
    }


def _least_sure(fields: Sequence[Field]) -> list[str]:
    """Why a document may still need a person where no criterion is met."""
    if not fields:
        return []
    least = min(fields, key=lambda field: field.confidence)
    return [f"least sure of {least.label} ({least.confidence:.0%})".replace("%", " %")]


def field_texts(fields: Sequence[Field]) -> dict[str, list[str]]:
    """The texts of each label, in the order of the fields."""
    texts: dict[str, list[str]] = {}
    for field in fields:
        texts.setdefault(field.label, []).append(field.text)
    return texts
