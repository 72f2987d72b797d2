"""Samples: confirmed documents with their words, kept in the store so that training needs neither Label Studio nor OCR.

Level-triggered: the store says which confirmed documents have no sample, or one of an older state, and each is read (mostly from
the OCR cache). A document whose pages cannot be had just now stays missing, and is tried again at the next look.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ml_backend.document.samples import Sample
from ml_backend.errors import DocloopError
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.tasks import Task
from ml_backend.predictor import Predictor
from ml_backend.store.records import AnnotationRecord, DocumentRecord
from ml_backend.store.store import Store
from training.corrections import corrections_of

log = logging.getLogger(__name__)

BUDGET = 20.0  # seconds of one look; what is left waits for the next, so that no project holds up the others


@dataclass
class SampleReport:
    """What one collection did. ``failed`` maps task ids to why their pages cannot be read, ``left`` wait for the next look."""

    made: int = 0
    removed: int = 0
    left: int = 0
    failed: dict[int, str] = field(default_factory=dict)


def collect_samples(
    store: Store,
    predictor: Predictor,
    project_uid: str,
    interface: Interface,
    clock: Callable[[], float] = time.monotonic,
) -> SampleReport:
    """Make the samples that are missing, drop those whose annotation is gone, and complete the ledger with what OCR read."""
    report = SampleReport()
    stale = store.samples.stale(project_uid)
    for document_id in stale:
        store.samples.remove(document_id)
    report.removed = len(stale)
    missing = store.samples.missing(project_uid)
    began = clock()
    for number, (document, annotation) in enumerate(missing):
        if clock() - began > BUDGET:
            report.left = len(missing) - number
            break
        try:
            _make(store, predictor, interface, document, annotation)
            report.made += 1
        except DocloopError as error:
            report.failed[document.task_id] = error.code
            log.warning("task %s: no sample yet (%s)", document.task_id, error.code)
    return report


def _make(
    store: Store, predictor: Predictor, interface: Interface, document: DocumentRecord, annotation: AnnotationRecord
) -> None:
    reading = predictor.read_task(Task(document.task_id, document.data), interface)
    if reading.failures:
        raise reading.failures[0]  # a sample with an empty page would teach that nothing stands there
    labelled = tuple(field for field in annotation.fields if field.label)  # a box without a label is no field yet
    sample = Sample(reading.content, reading.document, labelled, annotation.completed_by, annotation.updated_at)
    corrections = corrections_of(annotation, document.task_id, reading.document)
    with store.transaction():
        store.documents.set_content(document.id, reading.content)
        store.samples.put(document.id, sample)
        store.ledger.put(document.id, annotation, corrections)
