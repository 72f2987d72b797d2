"""Predictions as they were pushed: what an annotator saw, and the order in which documents are asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ml_backend.document.fields import Field
from ml_backend.store.database import Database, in_chunks
from ml_backend.store.records import DocumentRecord, PredictionRecord
from ml_backend.store.tables import columns, documents, predictions, values

_NAMES = tuple(f.name for f in fields(PredictionRecord))
_OF_OPEN = predictions.join(documents, predictions.c.document_id == documents.c.id)


class Predictions:
    """Predictions by document and model version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_many(self, records: Sequence[PredictionRecord]) -> None:
        """Insert, or take all attributes over. Those whose document was removed meanwhile are left out."""
        statement = self._database.upsert(predictions, ["document_id", "model_version"], _NAMES)
        ordered = sorted(records, key=lambda record: (record.document_id, record.model_version))
        with self._database.write() as connection:
            for chunk in in_chunks(ordered):
                ids = sorted({record.document_id for record in chunk})
                there = self._database.still_there(connection, documents.c.id, ids)
                rows = [values(record) for record in chunk if record.document_id in there]
                if rows:
                    connection.execute(statement, rows)

    def ranking(
        self, project_uid: str, model_version: str, limit: int | None = None
    ) -> list[tuple[PredictionRecord, DocumentRecord]]:
        """The open documents with their predictions, the one to ask first at the top: ascending by (score, task id)."""
        both = [*columns(PredictionRecord, predictions), *columns(DocumentRecord, documents)]
        statement = _of_open(both, project_uid, model_version).limit(limit)
        cut = len(_NAMES)
        with self._database.read() as connection:
            rows = connection.execute(statement)
            return [(PredictionRecord(*row[:cut]), DocumentRecord(*row[cut:])) for row in rows]

    def signatures(self, project_uid: str, model_version: str) -> list[tuple[float, tuple[float, ...]]]:
        """(score, signature) of the open documents, in the order of the ranking."""
        both = (predictions.c.score, predictions.c.signature)
        with self._database.read() as connection:
            rows = connection.execute(_of_open(both, project_uid, model_version))
            return [(score, signature) for score, signature in rows]

    def of_open(self, project_uid: str, model_version: str) -> list[tuple[int, tuple[float, ...], float]]:
        """(task id, signature, when it was pushed) of the open documents."""
        each = (documents.c.task_id, predictions.c.signature, predictions.c.pushed_at)
        with self._database.read() as connection:
            rows = connection.execute(_of_open(each, project_uid, model_version))
            return [(task, found, pushed) for task, found, pushed in rows]

    def covered(self, project_uid: str, model_version: str) -> tuple[int, int]:
        """How many open documents have a prediction of this version, and how many open ones there are."""
        mine = documents.c.project_uid == project_uid, documents.c.open
        total = sa.select(sa.func.count()).select_from(documents).where(*mine)
        done = (
            sa.select(sa.func.count()).select_from(_OF_OPEN).where(*mine, predictions.c.model_version == model_version)
        )
        with self._database.read() as connection:
            return int(connection.execute(done).scalar_one()), int(connection.execute(total).scalar_one())

    def fields_of(self, document_ids: Collection[int], model_version: str) -> dict[int, tuple[Field, ...]]:
        """What was predicted for these documents by this version, by document id."""
        both = (predictions.c.document_id, predictions.c.fields)
        mine = predictions.c.document_id.in_(sorted(document_ids)), predictions.c.model_version == model_version
        with self._database.read() as connection:
            return {number: tuple(found) for number, found in connection.execute(sa.select(*both).where(*mine))}

    def beliefs(self, document_ids: Collection[int]) -> dict[tuple[int, str], tuple[float, tuple[str, ...]]]:
        """Probability and engines of all predictions of these documents, by (document id, model version)."""
        names, found = predictions.c, {}
        light = sa.select(names.document_id, names.model_version, names.probability, names.engines)
        with self._database.read() as connection:
            for chunk in in_chunks(sorted(set(document_ids))):
                for number, version, probability, engines in connection.execute(
                    light.where(names.document_id.in_(chunk))
                ):
                    found[number, version] = (probability, engines)
        return found

    def shown_before(self, document_id: int, at: str) -> PredictionRecord | None:
        """What stood in Label Studio at that time: the newest prediction pushed at or before ``at`` (ISO, UTC).

        Raises ValueError for a time that is none.
        """
        seconds = datetime.fromisoformat(at).timestamp()
        statement = sa.select(*columns(PredictionRecord, predictions)).where(
            predictions.c.document_id == document_id, predictions.c.pushed_at <= seconds
        )
        newest = statement.order_by(predictions.c.pushed_at.desc(), predictions.c.model_version.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(newest).first()
        return None if row is None else PredictionRecord(*row)

    def remove(self, document_id: int) -> None:
        """Forget all predictions of a document, whose pages are others now."""
        with self._database.write() as connection:
            if connection.execute(predictions.delete().where(predictions.c.document_id == document_id)).rowcount:
                self._database.deleted()

    def drop(self, project_uid: str, keep: Collection[str]) -> None:
        """Forget the open documents' predictions of all model versions but ``keep``.

        What an annotated document was answered stays: nothing newer follows it, and exports and statistics tell of it.
        """
        mine = sa.select(documents.c.id).where(documents.c.project_uid == project_uid, documents.c.open)
        others = predictions.c.model_version.not_in(sorted(keep))
        with self._database.write() as connection:
            if connection.execute(predictions.delete().where(predictions.c.document_id.in_(mine), others)).rowcount:
                self._database.deleted()


def _of_open(wanted: Sequence[sa.ColumnElement[Any]], project_uid: str, model_version: str) -> sa.Select[Any]:
    return (
        sa.select(*wanted)
        .select_from(_OF_OPEN)
        .where(documents.c.project_uid == project_uid, documents.c.open, predictions.c.model_version == model_version)
        .order_by(predictions.c.score, documents.c.task_id, documents.c.id)
    )
