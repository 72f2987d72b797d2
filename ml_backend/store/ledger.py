"""The ledger: every submitted annotation, and every correction people made to what they were shown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from ml_backend.store.database import Database, in_chunks
from ml_backend.store.records import AnnotationRecord, CorrectionRecord
from ml_backend.store.tables import annotation_table, columns, corrections, documents, values

_KEYS = ("document_id", "annotation_id")
_WITH_DOCUMENT = annotation_table.join(documents, annotation_table.c.document_id == documents.c.id)
_CORRECTION = sa.select(*columns(CorrectionRecord, corrections, task_id=documents.c.task_id)).select_from(
    corrections.join(documents, corrections.c.document_id == documents.c.id)
)


class Ledger:
    """Annotations by document and Label Studio's annotation id; corrections hang on them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, document_id: int, annotation: AnnotationRecord, found: Sequence[CorrectionRecord]) -> None:
        """Write an annotation and its corrections in place of what stood there; nothing where the document is gone.

        What ``found`` says of task and annotation id is ignored; without a time they get the annotation's ``updated_at``.
        """
        row = {
            **values(replace(annotation, document_id=document_id)),
            "shown_count": None if annotation.shown is None else len(annotation.shown),
        }
        key = {"document_id": document_id, "annotation_id": annotation.annotation_id}
        with self._database.write() as connection:
            if not self._database.still_there(connection, documents.c.id, [document_id]):
                return
            connection.execute(self._database.upsert(annotation_table, _KEYS, tuple(row)), row)
            connection.execute(corrections.delete().where(*(corrections.c[name] == key[name] for name in _KEYS)))
            rows = [{**values(one, "task_id"), **key, "at": one.at or annotation.updated_at} for one in found]
            if rows:
                connection.execute(corrections.insert(), rows)

    def keep_only(self, document_id: int, annotation_ids: Collection[int]) -> None:
        """Forget the document's other annotations, with their corrections."""
        others = annotation_table.c.annotation_id.not_in(sorted(annotation_ids))
        with self._database.write() as connection:
            if connection.execute(
                annotation_table.delete().where(annotation_table.c.document_id == document_id, others)
            ).rowcount:
                self._database.deleted()

    def known(self, document_ids: Collection[int]) -> dict[int, dict[int, str]]:
        """Of each document asked for: the annotations in the ledger with their ``updated_at``."""
        known: dict[int, dict[int, str]] = {document_id: {} for document_id in document_ids}
        names = annotation_table.c
        with self._database.read() as connection:
            for chunk in in_chunks(sorted(known)):
                rows = sa.select(names.document_id, names.annotation_id, names.updated_at).where(
                    names.document_id.in_(chunk)
                )
                for document_id, annotation_id, updated_at in connection.execute(rows):
                    known[document_id][annotation_id] = updated_at
        return known

    def annotations(self, project_uid: str) -> Iterator[AnnotationRecord]:
        """All annotations of the project by document and annotation id, streamed."""
        mine = sa.select(*columns(AnnotationRecord, annotation_table)).select_from(_WITH_DOCUMENT)
        keys = (documents.c.id, annotation_table.c.annotation_id)
        return self._database.pages(mine.where(documents.c.project_uid == project_uid), keys, AnnotationRecord)

    def annotations_of(self, document_ids: Collection[int]) -> list[AnnotationRecord]:
        """The annotations of these documents by document and annotation id; meant for a few documents, since it is a list."""
        names, found = annotation_table.c, []
        mine = sa.select(*columns(AnnotationRecord, annotation_table)).order_by(names.document_id, names.annotation_id)
        with self._database.read() as connection:
            for chunk in in_chunks(sorted(set(document_ids))):
                rows = connection.execute(mine.where(names.document_id.in_(chunk)))
                found += [AnnotationRecord(*row) for row in rows.all()]
        return found

    def shown_versions(self, project_uid: str) -> list[str]:
        """The versions whose predictions annotators of the project were shown, by name."""
        return [str(name) for name in self._different(project_uid, annotation_table.c.shown_version) if name]

    def annotators(self, project_uid: str) -> list[int]:
        """The numbers of those who annotated documents of the project."""
        return [
            int(number)
            for number in self._different(project_uid, annotation_table.c.completed_by)
            if number is not None
        ]

    def _different(self, project_uid: str, column: sa.ColumnElement[Any]) -> list[Any]:
        mine = sa.select(column).select_from(_WITH_DOCUMENT).where(documents.c.project_uid == project_uid)
        with self._database.read() as connection:
            return list(connection.execute(mine.distinct().order_by(column)).scalars())

    def corrections(
        self, project_uid: str, limit: int | None = None, newest_first: bool = True
    ) -> Iterator[CorrectionRecord]:
        """The corrections of the project by time, streamed; ``limit`` of them at most."""
        # As an expression no index of documents has it, so SQLite walks along the index by time and sorts nothing.
        mine = _CORRECTION.where(documents.c.project_uid.concat("") == project_uid)
        keys = (corrections.c.at, corrections.c.id)
        return self._database.pages(mine, keys, CorrectionRecord, descending=newest_first, limit=limit)

    def corrections_of(self, document_ids: Collection[int]) -> dict[tuple[int, int], list[CorrectionRecord]]:
        """The corrections of these documents in the order in which they were found, by (document id, annotation id)."""
        found: dict[tuple[int, int], list[CorrectionRecord]] = {}
        ordered = _CORRECTION.add_columns(corrections.c.document_id).order_by(corrections.c.id)
        with self._database.read() as connection:
            for chunk in in_chunks(sorted(set(document_ids))):
                for row in connection.execute(ordered.where(corrections.c.document_id.in_(chunk))).all():
                    record = CorrectionRecord(*row[:-1])
                    found.setdefault((row[-1], record.annotation_id), []).append(record)
        return found

    def counts(self, project_uid: str) -> Mapping[str, int]:
        """How many corrections of each kind there are."""
        mine = sa.select(corrections.c.kind, sa.func.count()).join_from(
            corrections, documents, corrections.c.document_id == documents.c.id
        )
        mine = mine.where(documents.c.project_uid == project_uid).group_by(corrections.c.kind)
        with self._database.read() as connection:
            return {kind: int(number) for kind, number in connection.execute(mine.order_by(corrections.c.kind))}
