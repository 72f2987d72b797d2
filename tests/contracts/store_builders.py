"""Records for tests of the store: what is not said is unimportant."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from builders import found, page, word
from ml_backend.document.elements import Document
from ml_backend.document.samples import Sample
from ml_backend.store.records import AnnotationRecord, CorrectionRecord, DocumentRecord, PredictionRecord, ProjectRecord
from ml_backend.store.store import Store
from ml_backend.store.tables import metadata

P = "1@2026-01-01"  # the uid of the project of most tests
DAY = "2026-01-0{}T00:00:00Z"
ODD = 'ü "\x00\ud800\n東'  # what PostgreSQL or UTF-8 cannot hold becomes a mark
HELD = 'ü "\ufffd\ufffd\n東'
WHOLE_FIELD = found(id="r1", confidence=0.25, words=(1, 2), value="12.50", reason="beside Total", page=1)


def project(uid: str = P, number: int = 1, **more: Any) -> ProjectRecord:
    return ProjectRecord(uid, number, **more)


def document(task_id: int, **more: Any) -> DocumentRecord:
    return DocumentRecord(**{
        "id": 0, "project_uid": P, "task_id": task_id, "created_at": DAY.format(1), "updated_at": DAY.format(1),
        "data": {"image": f"/data/{task_id}.png"}, **more,
    })  # fmt: skip


def prediction(document_id: int, version: str = "v1", score: float = 0.5, **more: Any) -> PredictionRecord:
    return PredictionRecord(document_id, version, score, **{"probability": 0.75, "fields": (), **more})


def annotation(number: int, day: int = 1, **more: Any) -> AnnotationRecord:
    given = {"fields": (found(),), "reviewed": True, "completed_by": 7, **more}
    return AnnotationRecord(number, DAY.format(day), DAY.format(day), **given)


def correction(kind: Any = "text", **more: Any) -> CorrectionRecord:
    return CorrectionRecord(kind, "", "total", "total", "12.50", "12.60", "12.50", **more)


def sample(content: str, by: int = 7, day: int = 1, text: str = "12.50") -> Sample:
    return Sample(content, Document((page(word(text)),)), (found(text=text),), by, DAY.format(day))


def rows(store: Store) -> dict[str, int]:
    """How many rows each table has that is not empty."""
    with store._database.read() as connection:
        counts = {
            t.name: connection.execute(sa.select(sa.func.count()).select_from(t)).scalar_one()
            for t in metadata.tables.values()
        }
    return {name: count for name, count in counts.items() if count}
