"""Frozen samples: every state of a document that a release holds, kept once, whatever becomes of its annotation.

A state is named by its hash. When its document is deleted its text goes, and the hash stays.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ml_backend.errors import StoreError
from ml_backend.store.database import Database, in_chunks
from ml_backend.store.packing import state_of
from ml_backend.store.samples import newest_contents
from ml_backend.store.tables import documents, frozen_samples, samples

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """A frozen sample by the number of its row, with who confirmed it and when."""

    number: int
    content: str
    hash: str
    annotator: int | None
    confirmed_at: str


class FrozenSamples:
    """States by number."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def freeze(self, project_uid: str, newest: int | None) -> list[State]:
        """The samples of a project as they are now, frozen, by content: all, or the ``newest`` contents.

        Of documents with the same content the newest confirmation counts. One that cannot be read is left out and logged.
        What is frozen already is neither read nor written. A few hundred are in memory at a time, and in one commit.
        """
        mine = newest_contents(project_uid, newest) if newest is not None else _contents(project_uid)
        with self._database.read() as connection:
            contents = sorted(row[0] for row in connection.execute(mine))
        return [state for chunk in in_chunks(contents) for state in self._freeze(project_uid, chunk)]

    def _freeze(self, project_uid: str, contents: Sequence[str]) -> Iterator[State]:
        with self._database.read() as connection:
            rows = connection.execute(_samples(project_uid, contents)).all()
        found: list[tuple[Any, str]] = []
        for row in rows:
            if not found or found[-1][0].content != row.content:
                found += _hashed(row)
        numbers = self._keep([(row, name) for row, name in found if row.number is None])
        for row, name in found:
            number = row.number or numbers[row.document_id, row.content, name]
            yield State(number, row.content, name, row.annotator, row.confirmed_at)

    def _keep(self, new: Sequence[tuple[Any, str]]) -> dict[tuple[int, str, str], int]:
        """Write states; one that is there keeps its body. Their numbers by document, content and hash."""
        if not new:
            return {}
        statement, names = self._database.insert(frozen_samples), frozen_samples.c
        statement = statement.on_conflict_do_update(
            index_elements=["document_id", "content", "hash"],
            set_={"body": sa.func.coalesce(names.body, statement.excluded.body), "deleted_at": None},
        )
        rows = [
            {"document_id": row.document_id, "content": row.content, "hash": name, "body": row.body}
            for row, name in sorted(new, key=lambda one: one[0].document_id)  # as everywhere: writers lock in one order
        ]
        there = sa.select(names.document_id, names.content, names.hash, names.id).where(
            names.document_id.in_([row["document_id"] for row in rows])
        )
        with self._database.write() as connection:
            connection.execute(statement, rows)
            return {(document, content, name): number for document, content, name, number in connection.execute(there)}

    def bodies(self, numbers: Collection[int]) -> Iterator[tuple[int, bytes]]:
        """(number, packed sample) of those whose text is there, a few hundred in memory at a time."""
        names = frozen_samples.c
        for chunk in in_chunks(sorted(numbers)):
            here = sa.select(names.id, names.body).where(names.id.in_(chunk), names.body.is_not(None))
            with self._database.read() as connection:
                rows = connection.execute(here.order_by(names.id)).all()
            yield from ((number, body) for number, body in rows)

    def forget_gone(self, now: float) -> list[str]:
        """Delete the text of all states whose document is not there any more; the contents that were found.

        It compares, so it may be asked at any time, and finds what a freeze wrote while its document was deleted.
        """
        names = frozen_samples.c
        there = sa.exists().where(documents.c.id == names.document_id)
        gone = sa.select(names.id).where(names.deleted_at.is_(None), ~there)
        with self._database.read() as connection:
            found = list(connection.execute(gone).scalars())
        return self._forget(names.id, found, now)

    def forget(self, contents: Collection[str], now: float) -> list[str]:
        """Delete the text of all states of these contents, whoever's they are; the contents that were found."""
        return self._forget(frozen_samples.c.content, sorted(set(contents)), now)

    def _forget(self, column: sa.Column[Any], those: Sequence[Any], now: float) -> list[str]:
        names, found = frozen_samples.c, set[str]()
        for chunk in in_chunks(those):
            marked = frozen_samples.update().where(column.in_(chunk), names.deleted_at.is_(None))
            with self._database.write() as connection:
                rows = connection.execute(marked.values(body=None, deleted_at=now).returning(names.content))
                found.update(rows.scalars())
                self._database.deleted()
        return sorted(found)


def _contents(project_uid: str) -> sa.Select[Any]:
    mine = samples.c.document_id == documents.c.id
    return (
        sa.select(samples.c.content)
        .distinct()
        .join_from(samples, documents, mine)
        .where(documents.c.project_uid == project_uid)
    )


def _samples(project_uid: str, contents: Sequence[str]) -> sa.Select[Any]:
    """The samples of these contents with their frozen state, where its body is the very same; else with their body."""
    here, frozen = samples.c, frozen_samples.c
    same = sa.and_(frozen.document_id == here.document_id, frozen.content == here.content, frozen.body == here.body)
    return (
        sa.select(
            here.document_id,
            here.content,
            here.annotator,
            here.confirmed_at,
            frozen.id.label("number"),
            frozen.hash,
            sa.case((frozen.id.is_(None), here.body)).label("body"),
        )
        .join_from(samples, documents, here.document_id == documents.c.id)
        .outerjoin(frozen_samples, same)
        .where(documents.c.project_uid == project_uid, here.content.in_(contents))
        .order_by(here.content, here.confirmed_at.desc(), here.document_id.desc())
    )


def _hashed(row: Any) -> list[tuple[Any, str]]:
    """The sample with its hash; nothing for one that cannot be read."""
    if row.number is not None:
        return [(row, row.hash)]
    try:
        return [(row, state_of(row.content, row.body))]
    except StoreError as error:
        log.warning("left out of the release: %s", error)
        return []
