"""Counting in the database: what was shown, what was left untouched, what was corrected and why, how long it took."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from ml_backend.store.counts import AnnotationLight, CorrectionCount, Counts, Misread, SignedDocument
from ml_backend.store.database import Database, in_chunks
from ml_backend.store.records import VersionUse
from ml_backend.store.tables import annotation_table, corrections, documents, predictions

_SEPARATOR = "\x1f"
_Alike = tuple[Any, ...]  # what tells records apart: all of a CorrectionCount but its numbers
_NAMES = tuple(corrections.c[one.name] for one in fields(CorrectionCount) if one.name not in ("number", "fields"))


class Statistics:
    """Reads only; 100,000 annotated documents take one or two seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self, project_uid: str) -> Counts:
        """What is counted of a project."""
        mine = sa.select(documents.c.id).where(documents.c.project_uid == project_uid)
        with self._database.read() as connection:
            total = connection.execute(sa.select(sa.func.count()).select_from(mine.subquery())).scalar_one()
            light = [AnnotationLight(*row) for row in connection.execute(_annotations(mine))]
            further = self._alike(connection, mine, of_several=True)
            numbers = self._alike(connection, mine, of_several=False)
            touched = sa.select(sa.func.count(sa.distinct(corrections.c.document_id)))
            made = touched.where(corrections.c.document_id.in_(mine), corrections.c.kind != "confirmed")
            corrected = connection.execute(made).scalar_one()
        found = [CorrectionCount(*(*alike, n, n - further.get(alike, 0))) for alike, n in numbers.items()]
        return Counts(int(total), int(corrected), light, found)

    def _alike(self, connection: sa.Connection, mine: sa.Select[Any], of_several: bool) -> dict[_Alike, int]:
        """How many records are alike; with ``of_several`` only those that are not the first one of their field."""
        counted = {first: int(number) for first, number in connection.execute(_counted(mine, of_several))}
        found: dict[_Alike, int] = {}
        for chunk in in_chunks(sorted(counted)):
            for first, *alike in connection.execute(
                sa.select(corrections.c.id, *_NAMES).where(corrections.c.id.in_(chunk))
            ):
                found[tuple(alike)] = counted[first]
        return dict(sorted(found.items(), key=lambda pair: str(pair[0])))

    def uses(self, project_uid: str) -> list[VersionUse]:
        """``Counts.uses`` of a project."""
        return self.counts(project_uid).uses()

    def misread(self, project_uid: str, newest: int) -> list[Misread]:
        """The newest corrections of misread characters."""
        texts = (corrections.c.ocr_text, corrections.c.predicted_value, corrections.c.final_value)
        statement = (
            sa.select(*texts)
            .join_from(corrections, documents, corrections.c.document_id == documents.c.id)
            # As an expression no index of documents has it, so SQLite walks along the index by time and sorts nothing.
            .where(documents.c.project_uid.concat("") == project_uid, corrections.c.cause == "misread characters")
            .where(corrections.c.kind.in_(("text", "added")))
            .order_by(corrections.c.at.desc(), corrections.c.id.desc())
            .limit(newest)
        )
        with self._database.read() as connection:
            return [Misread(*row) for row in connection.execute(statement)]

    def signed(self, project_uid: str, newest: int) -> list[SignedDocument]:
        """The ``newest`` open documents that have a signature, and as many of those that are not open; the newest first."""
        newest_one = (
            sa.select(
                predictions.c.document_id,
                predictions.c.signature,
                sa.func.row_number()
                .over(
                    partition_by=predictions.c.document_id,
                    order_by=(predictions.c.pushed_at.desc(), predictions.c.model_version.desc()),
                )
                .label("place"),
            )
            .where(
                sa.or_(*(predictions.c.document_id.in_(_newest(project_uid, newest, open)) for open in (True, False)))
            )
            .subquery()
        )
        names = annotation_table.c
        approved = (names.document_id == documents.c.id, names.reviewed, ~names.skipped)
        assisted = sa.select(sa.func.count()).where(*approved, names.shown_count.is_not(None)).scalar_subquery()
        edits = (
            sa.select(sa.func.count())
            .where(corrections.c.document_id == documents.c.id, corrections.c.kind != "confirmed")
            .scalar_subquery()
        )
        statement = (
            sa.select(
                documents.c.id,
                documents.c.task_id,
                documents.c.open,
                newest_one.c.signature,
                sa.exists().where(*approved),
                assisted,
                edits,
            )
            .join_from(documents, newest_one, newest_one.c.document_id == documents.c.id)
            .where(newest_one.c.place == 1)
            .order_by(documents.c.id.desc())
        )
        with self._database.read() as connection:
            return [
                SignedDocument(*(*row, number / assisted if assisted else None))
                for *row, assisted, number in connection.execute(statement)
                if row[3]  # the signature
            ]


def _annotations(mine: sa.Select[Any]) -> sa.Select[Any]:
    names = annotation_table.c
    approved = sa.and_(names.reviewed, ~names.skipped)
    return (
        sa.select(
            names.document_id,
            names.shown_version,
            names.lead_time,
            approved,
            names.skipped,
            sa.and_(approved, names.shown_count.is_not(None)),
        )
        .where(names.document_id.in_(mine))
        .order_by(names.created_at, names.annotation_id)
    )


def _counted(mine: sa.Select[Any], of_several: bool) -> sa.Select[Any]:
    """Of records that are alike: the id of the first one, and how many there are."""
    one, first = corrections.c, corrections.alias("first").c
    # One text: SQLite sorts the rows to group them, and seven columns take it twice as long.
    key: sa.ColumnElement[Any] = sa.func.coalesce(sa.cast(one.completed_by, sa.Text), "")
    for name in _NAMES[:-1]:
        key = key.concat(_SEPARATOR).concat(name)
    wanted: tuple[sa.ColumnElement[Any], ...] = (sa.func.min(one.id), sa.func.count())
    statement = sa.select(*wanted).where(one.document_id.in_(mine)).group_by(key)
    if not of_several:
        return statement
    earlier = sa.exists().where(
        first.document_id == one.document_id,
        first.annotation_id == one.annotation_id,
        first.field_number == one.field_number,
        first.id < one.id,
    )
    return statement.where(one.kind.in_(("text", "box")), earlier)


def _newest(project_uid: str, newest: int, open: bool) -> sa.Select[Any]:
    there = sa.exists().where(predictions.c.document_id == documents.c.id)
    of_kind = documents.c.open if open else ~documents.c.open
    mine = sa.select(documents.c.id).where(documents.c.project_uid == project_uid, of_kind, there)
    return mine.order_by(documents.c.id.desc()).limit(newest)
