"""An installation in the middle of its life, for the admin page's tests and pictures: made states in a real store."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from made_receipts import SPECS, made_receipt

from ml_backend.document.fields import Field
from ml_backend.models.manifest import Manifest
from ml_backend.services import Services, read_interface
from ml_backend.store.records import AnnotationRecord, DocumentRecord, PredictionRecord, ProjectRecord
from training.corrections import corrections_of

DAY = 86_400.0
F1S = ((0.612, 0.744), (0.744, 0.803), (0.803, 0.801), (0.803, 0.866))  # before, after; the third was kept back
SAMPLES = (20, 32, 44, 58)
LABELS = tuple(spec.label for spec in SPECS)
UNTOUCHED = (0.58, 0.71, 0.79, 0.86)


@dataclass(frozen=True, slots=True)
class Words:
    """What people and scans say in the installation: a test may put anything there."""

    title: str = "Receipts, harbour shops"
    labels: tuple[str, ...] = LABELS
    text: str = ""  # of every field, in place of the receipt's own
    reason: str = "the models disagree on total"
    verdict: str = ""
    fault: str = ""
    cause: str = "misread characters"


def xml(labels: Sequence[str]) -> str:
    """An interface with these labels."""
    from html import escape

    offered = "".join(f'<Label value="{escape(label)}" field_type="text"/>' for label in labels)
    return (
        f'<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">{offered}</RectangleLabels>'
        '<TextArea name="transcription" toName="image" perRegion="true"/></View>'
    )


def fill(
    services: Services, project_id: int = 7, words: Words | None = None, now: float | None = None
) -> ProjectRecord:
    """A project with 96 tasks, 70 of them done, four trainings, three versions that serve or did, and 58 samples at the last."""
    words, now = words or Words(), now or time.time()
    config = xml(words.labels)
    uid = f"{project_id}.{1795000000 + project_id}"
    project = ProjectRecord(
        uid,
        project_id,
        words.title,
        read_interface(config).fingerprint,
        config,
        looked_at=now - 12,
        answer="70 confirmed documents so far; training starts by itself at 72 (2 more).",
        answered_at=now - 12,
        trained_samples=60,
        fault=words.fault,
        fault_since=now - 1800 if words.fault else None,
    )
    services.store.projects.put(project)
    _documents(services, project, words, now)
    _rounds(services, project, words, now)
    return project


def _documents(services: Services, project: ProjectRecord, words: Words, now: float) -> None:
    store, uid, dice = services.store, project.uid, random.Random(project.project_id)
    first = project.project_id * 1000
    stamp = _iso(now - 9 * DAY)
    records = [
        DocumentRecord(0, uid, first + number, stamp, stamp, {"image": f"/data/upload/{number}.png"}, open=number >= 70)
        for number in range(96)
    ]
    ids = store.documents.put_many(uid, records)
    predictions = []
    for number in range(96):
        receipt = made_receipt(number)
        fields = tuple(
            replace(
                field,
                label=words.labels[LABELS.index(field.label) % len(words.labels)],
                text=words.text or field.text,
                confidence=dice.uniform(0.4, 1),
            )
            for field in receipt.fields
        )
        document = ids[first + number, stamp]
        if number < 70:
            _annotate(services, document, first + number, number, fields, words, now)
            if number < 60:
                store.samples.put(document, replace(receipt, content=f"{project.project_id:04x}{receipt.content[4:]}"))
        else:
            sure = dice.uniform(0.05, 0.95)
            version = f"fields-4.{project.fingerprint}"
            reasons = (words.reason,) if sure < 0.5 else ()
            priority = 2 if sure < 0.5 else 1
            predictions.append(
                PredictionRecord(document, version, sure, sure, fields, ("fake",), priority, reasons, (), now - 600)
            )
    for number in range(60, 70):
        receipt = made_receipt(number)
        store.samples.put(
            ids[first + number, stamp], replace(receipt, content=f"{project.project_id:04x}{receipt.content[4:]}")
        )
    store.predictions.put_many(predictions)


def _annotate(
    services: Services, document: int, task: int, number: int, fields: tuple[Field, ...], words: Words, now: float
) -> None:
    round_ = min(3, sum(number >= each for each in (20, 32, 44)))
    dice = random.Random(number)
    final = tuple(
        replace(field, text=f"{field.text}.") if dice.random() > UNTOUCHED[round_] else field for field in fields
    )
    at = _iso(now - (70 - number) * 9000)
    version = f"keywords-1.{'0' * 8}" if number < 20 else f"fields-{round_}.{'0' * 8}"
    annotation = AnnotationRecord(
        task,
        at,
        at,
        final,
        1,
        48 - 8 * round_ + dice.uniform(-4, 4),
        reviewed=True,
        shown=fields,
        shown_version=version,
    )
    found = [replace(each, cause=words.cause) for each in corrections_of(annotation, task, None)]  # type: ignore[arg-type]
    services.store.ledger.put(document, annotation, found)


def _rounds(services: Services, project: ProjectRecord, words: Words, now: float) -> None:
    runs, registry = services.store.runs, services.registry
    for number, ((before, after), samples) in enumerate(zip(F1S, SAMPLES, strict=True), 1):
        promoted = after > before
        at = now - (5 - number) * 1.6 * DAY
        verdict = words.verdict or _verdict(number, before, after, samples)
        metrics = figures(before, after, samples, words.labels)
        run = runs.begin(project.uid, project.project_id, "docloop", f"{samples} confirmed documents.", samples, at)
        assert run is not None
        runs.claim(run.id, at)
        name = f"fields-{number}"
        runs.finish(run.id, 1, "succeeded", at + 40, version=name, verdict=verdict, metrics=metrics)
        manifest = Manifest(
            name,
            "token-classifier",
            _iso(at + 40),
            samples=samples,
            labels=words.labels,
            metrics=metrics,
            verdict=verdict,
            promoted=promoted,
        )
        registry.publish(project.uid, manifest, _weights)
        if promoted:
            registry.activate(project.uid, name)


def figures(before: float, after: float, documents: int, labels: Sequence[str]) -> Mapping[str, Any]:
    """Metrics as the gate writes them."""
    return {
        "documents": documents,
        "judged": "out_of_fold",
        "champion": {"f1": before, "labels": dict.fromkeys(labels, before)},
        "challenger": {"f1": after, "labels": dict.fromkeys(labels, after)},
    }


def _verdict(number: int, before: float, after: float, documents: int) -> str:
    if after > before:
        return (
            f"Promoted: field F1 {100 * (after - before):+.1f} points on {documents} documents that were left out in turn, "
            "better with a probability of 99 %; total and date gained most."
        )
    return (
        f"Kept fields-{number - 1}: fields-{number} is worse (field F1 {100 * (after - before):+.1f} points on {documents} "
        "documents that were left out in turn). More corrected documents may help."
    )


def begin_training(services: Services, project: ProjectRecord, progress: float, now: float | None = None) -> int:
    """A training that runs and is so far; its id."""
    now = now or time.time()
    run = services.store.runs.begin(project.uid, project.project_id, "docloop", "72 documents", 72, now - 40)
    assert run is not None
    services.store.runs.claim(run.id, now - 40)
    services.store.runs.heartbeat(run.id, 1, now, "fit", progress)
    return run.id


def _weights(folder: Path) -> None:
    (folder / "weights.json").write_text("{}")


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
