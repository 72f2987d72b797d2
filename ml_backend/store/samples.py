"""Samples: confirmed documents with their words, ready to train on, and which of them are missing or out of date.

The truth of a document is its reviewed ground-truth annotation, else its newest reviewed one; a skipped one never is. A sample
is of that state when its ``annotator`` and ``confirmed_at`` are the annotation's ``completed_by`` and ``updated_at``, and when
its content is the document's. Who read its words is known by the reader's mark, "" for the wheel's recogniser.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from ml_backend.document.elements import Document
from ml_backend.document.samples import Sample
from ml_backend.errors import StoreError
from ml_backend.store.database import Database
from ml_backend.store.packing import packed, unpacked
from ml_backend.store.records import AnnotationRecord, DocumentRecord
from ml_backend.store.tables import annotation_table, columns, documents, samples

log = logging.getLogger(__name__)

SamplesState = tuple[int, str, int]
"""How many samples, the newest confirmation, and the bytes of all."""
SampleStamps = Mapping[str, tuple[str, int]]
"""By content: the last confirmation, and the bytes."""

_PACKED = samples.c.document_id, samples.c.content, samples.c.body, samples.c.annotator, samples.c.confirmed_at


class Samples:
    """At most one sample a document."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, document_id: int, sample: Sample, reader: str = "") -> None:
        """Write the document's sample in place of an older one; nothing where the document is gone.

        ``reader`` is the mark of who read its words.

        Raises StoreError ``sample_too_large`` for one that ``load`` would not read back.
        """
        row = {
            "document_id": document_id,
            "content": sample.content,
            "annotator": sample.annotator,
            "confirmed_at": sample.confirmed_at,
            "body": packed(sample),
            "told": False,
            "reader": reader,
        }
        with self._database.write() as connection:
            if self._database.still_there(connection, documents.c.id, [document_id]):
                connection.execute(self._database.upsert(samples, ["document_id"], tuple(row)), row)

    def remove(self, document_id: int) -> None:
        """Forget the document's sample."""
        with self._database.write() as connection:
            if connection.execute(samples.delete().where(samples.c.document_id == document_id)).rowcount:
                self._database.deleted()

    def load(self, project_uid: str, newest: int | None = None, only: Collection[str] | None = None) -> list[Sample]:
        """The samples of the project by content: all, or the ``newest`` contents by their last confirmation, or ``only`` some.

        Of documents with the same content only the newest confirmation is there. A stored sample that cannot be read is left
        out and logged, since one broken row must not end all training.
        """
        return [sample for _, sample in self.with_documents(project_uid, newest, only)]

    def with_documents(
        self, project_uid: str, newest: int | None = None, only: Collection[str] | None = None
    ) -> list[tuple[int, Sample]]:
        """As ``load``, each with the id of the document that it is of."""
        order = samples.c.confirmed_at.desc(), samples.c.document_id.desc()
        statement = (
            sa.select(*_PACKED)
            .join_from(samples, documents, samples.c.document_id == documents.c.id)
            .order_by(samples.c.content, *order)
        )
        if only is None:
            statement = statement.where(documents.c.project_uid == project_uid)
        else:  # as an expression no index of documents has it, so SQLite begins with these contents and not with the project
            mine = documents.c.project_uid.concat("") == project_uid
            statement = statement.where(mine, samples.c.content.in_(only))
        if newest is not None:
            statement = statement.where(samples.c.content.in_(newest_contents(project_uid, newest)))
        loaded: list[tuple[int, Sample]] = []
        with self._database.read() as connection:
            for number, content, *rest in connection.execute(statement):
                if loaded and loaded[-1][1].content == content:
                    continue
                try:
                    loaded.append((number, unpacked(content, *rest)))
                except StoreError as error:
                    log.warning("left out of training: %s", error)
        return loaded

    def count(self, project_uid: str) -> int:
        """How many samples ``load`` would give if it can read all of them."""
        statement = (
            sa.select(sa.func.count(sa.distinct(samples.c.content)))
            .join_from(samples, documents, samples.c.document_id == documents.c.id)
            .where(documents.c.project_uid == project_uid)
        )
        with self._database.read() as connection:
            return int(connection.execute(statement).scalar_one())

    def contents(self, project_uid: str | None = None) -> dict[str, int]:
        """The contents of a project's samples, or of all, each with the id of a document that has it."""
        statement = sa.select(samples.c.content, sa.func.min(samples.c.document_id)).group_by(samples.c.content)
        if project_uid is not None:
            mine = samples.c.document_id == documents.c.id
            statement = statement.join_from(samples, documents, mine).where(documents.c.project_uid == project_uid)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

    def untold(self, project_uid: str, limit: int) -> list[tuple[int, Sample]]:
        """Samples that the open documents like them were not told of yet, by document id; a broken one is left out."""
        statement = (
            sa.select(*_PACKED)
            .join_from(samples, documents, samples.c.document_id == documents.c.id)
            .where(documents.c.project_uid == project_uid, sa.not_(samples.c.told))
            .order_by(samples.c.document_id)
            .limit(limit)
        )
        found: list[tuple[int, Sample]] = []
        with self._database.read() as connection:
            for number, *row in connection.execute(statement):
                try:
                    found.append((number, unpacked(*row)))
                except StoreError as error:
                    log.warning("nobody is told of: %s", error)
        return found

    def told(self, told: Mapping[int, str]) -> None:
        """They were told of these (document id to ``confirmed_at``); one that was confirmed anew meanwhile stays untold."""
        with self._database.write() as connection:
            for number, at in sorted(told.items()):
                same = samples.c.document_id == number, samples.c.confirmed_at == at
                connection.execute(samples.update().where(*same).values(told=True))

    def read_by_others(self, project_uid: str, reader: str, limit: int, after: int = 0) -> list[tuple[int, str]]:
        """(document id, content) of the samples that another reader read than the one with this mark, by document id.

        Only documents with an id above ``after``.
        """
        statement = (
            sa.select(samples.c.document_id, samples.c.content)
            .join_from(samples, documents, samples.c.document_id == documents.c.id)
            .where(documents.c.project_uid == project_uid, samples.c.reader != reader, samples.c.document_id > after)
            .order_by(samples.c.document_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [(row[0], row[1]) for row in connection.execute(statement)]

    def put_words(self, document_id: int, content: str, words: Document, reader: str) -> bool:
        """Give a sample the ``words`` that another reader saw on the same pages; whether it has them now.

        One that is gone, of other pages by now, or cannot be read, is left alone.
        """
        row = samples.c.document_id == document_id, samples.c.content == content
        known = sa.select(samples.c.content, samples.c.body, samples.c.annotator, samples.c.confirmed_at).where(*row)
        with self._database.write() as connection:
            found = connection.execute(known).first()
            if found is None:
                return False
            try:
                body = packed(replace(unpacked(*found), document=words))
            except StoreError as error:
                log.warning("its words stay as they were: %s", error)
                return False
            connection.execute(samples.update().where(*row).values(body=body, reader=reader))
            return True

    def state(self, project_uid: str) -> SamplesState:
        """A mark of all samples of the project: another one when any of them has changed. Cheap, to be asked for often."""
        mark = sa.func.count(), sa.func.max(samples.c.confirmed_at), sa.func.sum(sa.func.length(samples.c.body))
        statement = (
            sa.select(*mark)
            .join_from(samples, documents, samples.c.document_id == documents.c.id)
            .where(documents.c.project_uid == project_uid)
        )
        with self._database.read() as connection:
            count, newest, size = connection.execute(statement).one()
        return int(count), newest or "", int(size or 0)

    def stamps(self, project_uid: str, newest: int) -> SampleStamps:
        """When each of the ``newest`` contents was last confirmed, and how large its samples are: what tells a changed one."""
        with self._database.read() as connection:
            rows = connection.execute(
                newest_contents(project_uid, newest).add_columns(
                    sa.func.max(samples.c.confirmed_at), sa.func.sum(sa.func.length(samples.c.body))
                )
            )
            return {content: (at, int(size)) for content, at, size in rows}

    def missing(
        self, project_uid: str, limit: int | None = None, after: int = 0
    ) -> list[tuple[DocumentRecord, AnnotationRecord]]:
        """Documents with a truth that have no sample of it yet, with that truth, by document id; ``limit`` at most.

        Only documents with an id above ``after``: with the last id of one page the caller gets the next.
        """
        truth = _truths(project_uid, after)
        names, at, by = samples.c, annotation_table.c.updated_at, annotation_table.c.completed_by
        changed = sa.or_(
            names.document_id.is_(None),
            names.confirmed_at != at,
            names.annotator.is_distinct_from(by),
            sa.and_(documents.c.content != "", names.content != documents.c.content),
        )
        both = [*columns(DocumentRecord, documents), *columns(AnnotationRecord, annotation_table)]
        here = sa.and_(
            annotation_table.c.document_id == truth.c.document_id,
            annotation_table.c.annotation_id == truth.c.annotation_id,
        )
        statement = (
            sa.select(*both)
            .join_from(truth, annotation_table, here)
            .join(documents, documents.c.id == truth.c.document_id)
            .outerjoin(samples, names.document_id == truth.c.document_id)
            .where(truth.c.place == 1, changed)
            .order_by(documents.c.id)
            .limit(limit)
        )
        cut = len(columns(DocumentRecord, documents))
        with self._database.read() as connection:
            rows = connection.execute(statement)
            return [(DocumentRecord(*row[:cut]), AnnotationRecord(*row[cut:])) for row in rows]

    def stale(self, project_uid: str) -> list[int]:
        """The documents whose sample has no truth any more, by id."""
        truth = _truths(project_uid)
        statement = (
            sa.select(samples.c.document_id)
            .join_from(samples, documents, samples.c.document_id == documents.c.id)
            .where(documents.c.project_uid == project_uid, samples.c.document_id.not_in(sa.select(truth.c.document_id)))
            .order_by(samples.c.document_id)
        )
        with self._database.read() as connection:
            return list(connection.execute(statement).scalars())


def newest_contents(project_uid: str, number: int) -> sa.Select[Any]:
    """The contents of a project's samples that were confirmed last, that many of them."""
    confirmed = sa.func.max(samples.c.confirmed_at)
    return (
        sa.select(samples.c.content)
        .join_from(samples, documents, samples.c.document_id == documents.c.id)
        .where(documents.c.project_uid == project_uid)
        .group_by(samples.c.content)
        .order_by(confirmed.desc(), samples.c.content)
        .limit(number)
    )


def _truths(project_uid: str, after: int = 0) -> sa.Subquery:
    """What may be the truth of a document with an id above ``after``; ``place`` 1 is it.

    An annotation that was not reviewed never is, ground truth or not: docloop could not read it, or nobody looked at it.
    """
    names = annotation_table.c
    first = (names.ground_truth.desc(), names.updated_at.desc(), names.annotation_id.desc())
    return (
        sa.select(
            names.document_id,
            names.annotation_id,
            sa.func.row_number().over(partition_by=names.document_id, order_by=first).label("place"),
        )
        .join_from(annotation_table, documents, names.document_id == documents.c.id)
        .where(documents.c.project_uid == project_uid, documents.c.id > after, names.reviewed, ~names.skipped)
        .subquery()
    )
