"""Counting in the database: what was shown, what was left untouched, what was corrected and why, how long it took.

A field of an annotation has one record when it was confirmed, added or deleted, and one for each change otherwise. So the fields
that were shown or added are all records but the further ones of a field that has several.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import sqlalchemy as sa

from ml_backend.store.database import Database
from ml_backend.store.records import VersionUse
from ml_backend.store.tables import annotation_table, corrections, documents, predictions

_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class CorrectionCount:
    """How many records of the ledger are alike in all of this, and how many ``fields`` they are about.

    ``number`` counts records. ``fields`` is less where a field has several, which count with the first of them.
    """

    kind: str
    cause: str
    label: str
    predicted_label: str
    engine: str
    model_version: str
    completed_by: int | None
    number: int
    fields: int

    @property
    def field(self) -> str:
        """The label under which the field was shown; of an added one, the label it got."""
        return self.predicted_label or self.label


@dataclass(frozen=True, slots=True)
class AnnotationLight:
    """An annotation without its fields. ``counts``: it was reviewed, not skipped, and a prediction was shown."""

    document_id: int
    shown_version: str
    lead_time: float | None
    approved: bool
    skipped: bool
    counts: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """All that is counted of a project, at one moment. ``annotations`` come oldest first.

    ``documents`` is the number of all, ``corrected`` of those in which anybody corrected something.
    """

    documents: int
    corrected: int
    annotations: Sequence[AnnotationLight]
    corrections: Sequence[CorrectionCount]

    def untouched(self, key: Callable[[CorrectionCount], Hashable]) -> dict[Any, tuple[int, int]]:
        """By ``key``: fields left untouched, and fields shown or added."""
        found: dict[Any, tuple[int, int]] = {}
        for one in self.corrections:
            left, fields = found.get(key(one), (0, 0))
            found[key(one)] = (left + one.number * (one.kind == "confirmed"), fields + one.fields)
        return found

    def seconds(self, version: str | None = None) -> float | None:
        """The median lead time of approved annotations; of those that were shown ``version`` ("" for nothing shown)."""
        mine = (one for one in self.annotations if one.approved and version in (None, one.shown_version))
        times = [one.lead_time for one in mine if one.lead_time is not None]
        return median(times) if times else None

    def uses(self) -> list[VersionUse]:
        """How each model version did with the annotators, the version that was seen first at the top.

        Only reviewed annotations that had a prediction count. ``edits`` are all corrections but confirmations.
        """
        seen: dict[str, list[AnnotationLight]] = {}
        for one in self.annotations:
            if one.counts:
                seen.setdefault(one.shown_version, []).append(one)
        fields, edits = self.untouched(lambda one: one.model_version), dict.fromkeys(seen, 0)
        for each in self.corrections:
            if each.kind != "confirmed" and each.model_version in edits:
                edits[each.model_version] += each.number
        return [_use(version, mine, fields.get(version, (0, 0)), edits[version]) for version, mine in seen.items()]


@dataclass(frozen=True, slots=True)
class Misread:
    """A text that OCR misread: what it reads in the box, what was shown, and what was submitted."""

    ocr_text: str
    predicted_value: str
    final_value: str


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """A document with the signature of its newest prediction. ``edits`` counts corrections, None while it is not approved."""

    id: int
    task_id: int
    open: bool
    signature: tuple[float, ...]
    edits: int | None


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
            further = {(*alike,): number for *alike, number in connection.execute(_alike(mine, of_several=True))}
            rows = connection.execute(_alike(mine, of_several=False)).all()
            touched = sa.select(sa.func.count(sa.distinct(corrections.c.document_id)))
            made = touched.where(corrections.c.document_id.in_(mine), corrections.c.kind != "confirmed")
            corrected = connection.execute(made).scalar_one()
        found = [CorrectionCount(*(*alike, number, number - further.get((*alike,), 0))) for *alike, number in rows]
        return Counts(int(total), int(corrected), light, found)

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
        """The newest documents that have a signature, the newest first."""
        newest_one = (
            sa.select(
                predictions.c.document_id,
                predictions.c.signature,
                sa.func.row_number()
                .over(partition_by=predictions.c.document_id, order_by=predictions.c.pushed_at.desc())
                .label("place"),
            )
            .where(predictions.c.document_id.in_(_newest_with_prediction(project_uid, newest)))
            .subquery()
        )
        approved = sa.exists().where(
            annotation_table.c.document_id == documents.c.id, annotation_table.c.reviewed, ~annotation_table.c.skipped
        )
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
                sa.case((approved, edits)),
            )
            .join_from(documents, newest_one, newest_one.c.document_id == documents.c.id)
            .where(newest_one.c.place == 1)
            .order_by(documents.c.id.desc())
        )
        with self._database.read() as connection:
            return [SignedDocument(*row) for row in connection.execute(statement) if row.signature]


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


def _alike(mine: sa.Select[Any], of_several: bool) -> sa.Select[Any]:
    """Records by all that tells them apart, with their number; with ``of_several`` those that are not a field's first alone."""
    one, first = corrections.c, corrections.alias("first").c
    names = (one.kind, one.cause, one.label, one.predicted_label, one.engine, one.model_version, one.completed_by)
    # One text: SQLite sorts the rows to group them, and seven columns take it twice as long.
    key: sa.ColumnElement[Any] = sa.literal("")
    for name in names:
        key = key.concat(sa.func.coalesce(sa.cast(name, sa.Text), "")).concat(_SEPARATOR)
    statement = sa.select(*(sa.func.max(name) for name in names), sa.func.count()).where(one.document_id.in_(mine))
    if of_several:
        earlier = sa.exists().where(
            first.document_id == one.document_id,
            first.annotation_id == one.annotation_id,
            first.field_number == one.field_number,
            first.id < one.id,
        )
        statement = statement.where(one.kind.in_(("text", "label", "box")), earlier)
    return statement.group_by(key).order_by(key)


def _newest_with_prediction(project_uid: str, newest: int) -> sa.Select[Any]:
    there = sa.exists().where(predictions.c.document_id == documents.c.id)
    mine = sa.select(documents.c.id).where(documents.c.project_uid == project_uid, there)
    return mine.order_by(documents.c.id.desc()).limit(newest)


def _use(version: str, mine: Sequence[AnnotationLight], fields: tuple[int, int], edits: int) -> VersionUse:
    times = [one.lead_time for one in mine if one.lead_time is not None]
    return VersionUse(
        model_version=version,
        documents=len({one.document_id for one in mine}),
        fields=fields[1],
        untouched=fields[0],
        edits=edits,
        median_seconds=median(times) if times else None,
    )
