"""Project 7 in the store of ``DOCLOOP_DATA_DIR``, its documents confirmed: what the commands about ground truth are asked of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from builders import interface_xml
from ml_backend.document.fields import Field
from ml_backend.services import read_interface
from ml_backend.store.records import AnnotationRecord, DocumentRecord, PredictionRecord, ProjectRecord
from ml_backend.store.store import open_store
from training.corrections import corrections_of

UID = "7.1795000000"
AT = "2026-01-02T03:04:05.000000Z"
CONFIG = interface_xml("total")


def confirm(data: Path, pairs: Sequence[tuple[Sequence[Field], Sequence[Field], str]], title: str = "Receipts") -> None:
    """Tasks 1, 2, ... of project 7: what was shown, what was confirmed instead, and the version that had predicted it, if any."""
    store = open_store(f"sqlite:///{data / 'docloop.sqlite3'}")
    store.projects.put(ProjectRecord(UID, 7, title, read_interface(CONFIG).fingerprint, CONFIG))
    tasks = range(1, len(pairs) + 1)
    records = [DocumentRecord(0, UID, task, AT, AT, {"image": "a"}, f"{task:064x}") for task in tasks]
    numbers = store.documents.put_many(UID, records).values()
    for task, number, (shown, final, version) in zip(tasks, numbers, pairs, strict=True):
        annotation = AnnotationRecord(
            task, AT, AT, tuple(final), 3, 6.5, reviewed=True, shown=tuple(shown), shown_version=version
        )
        store.ledger.put(number, annotation, corrections_of(annotation, task, None))
        if version:
            made = PredictionRecord(number, version, 0.5, 0.5, tuple(shown), signature=(0.5,) * 64)
            store.predictions.put_many([made])
    store.close()
