"""The documents of a project: one row a task."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import sqlalchemy as sa

from ml_backend.store.database import Database, in_chunks
from ml_backend.store.records import DocumentRecord
from ml_backend.store.tables import columns, documents, predictions, projects, values

_KEYS = ("project_uid", "task_id", "created_at")
_SELECT = sa.select(*columns(DocumentRecord, documents))


class Documents:
    """Documents by our own id, which is never given out twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_many(self, project_uid: str, records: Sequence[DocumentRecord]) -> dict[tuple[int, str], int]:
        """Insert or update by task id and creation time; the ids by (task_id, created_at).

        ``id`` and ``project_uid`` in the records are ignored. ``content`` "" keeps what is stored. The project must be there
        (StoreError).
        """
        statement = self._database.insert(documents)
        new = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=list(_KEYS),
            set_={
                "updated_at": new.updated_at,
                "data": new.data,
                "open": new.open,
                "content": sa.case((new.content == "", documents.c.content), else_=new.content),
            },
        )
        rows = {(record.task_id, record.created_at): values(record, "id") for record in records}
        ids = {}
        with self._database.write() as connection:
            for keys in in_chunks(sorted(rows)):  # sorted: two writers on PostgreSQL lock rows in the same order
                connection.execute(statement, [{**rows[key], "project_uid": project_uid} for key in keys])
                stored = sa.select(documents.c.task_id, documents.c.created_at, documents.c.id).where(
                    documents.c.project_uid == project_uid, documents.c.task_id.in_([task for task, _ in keys])
                )
                ids.update({(task, at): found for task, at, found in connection.execute(stored) if (task, at) in rows})
        return ids

    def get(self, document_id: int) -> DocumentRecord | None:
        """The document of this id."""
        with self._database.read() as connection:
            row = connection.execute(_SELECT.where(documents.c.id == document_id)).first()
        return None if row is None else DocumentRecord(*row)

    def get_many(self, ids: Collection[int], hold: bool = False) -> dict[int, DocumentRecord]:
        """Those of these documents that are there, by id; ``hold``: and that stay as they are until this transaction ends."""
        found: dict[int, DocumentRecord] = {}
        wanted = _SELECT.order_by(*(documents.c[key] for key in _KEYS))  # as ``put_many`` locks
        wanted = wanted.with_for_update(key_share=True) if hold else wanted
        with self._database.read() as connection:
            for chunk in in_chunks(sorted(set(ids))):
                rows = connection.execute(wanted.where(documents.c.id.in_(chunk)))
                found |= {record.id: record for record in (DocumentRecord(*row) for row in rows)}
        return found

    def numbers(self, project_uid: str) -> set[int]:
        """Our ids of all documents of a project."""
        mine = sa.select(documents.c.id).where(documents.c.project_uid == project_uid)
        with self._database.read() as connection:
            return set(connection.execute(mine).scalars())

    def ids(self, project_uid: str) -> dict[int, tuple[int, str, str]]:
        """Of every task: our document id, and Label Studio's ``created_at`` and ``updated_at``."""
        names = documents.c
        mine = sa.select(names.task_id, names.id, names.created_at, names.updated_at).where(
            names.project_uid == project_uid
        )
        with self._database.read() as connection:
            rows = connection.execute(mine.order_by(names.task_id, names.created_at))
            return {task: (found, created, updated) for task, found, created, updated in rows}

    def remove(self, ids: Collection[int]) -> None:
        """Forget documents with their predictions, annotations, corrections and samples. Unknown ids are no error."""
        with self._database.write() as connection:
            for chunk in in_chunks(sorted(set(ids))):
                mine = sa.select(documents.c.project_uid).where(documents.c.id.in_(chunk))
                counted = projects.update().values(deletions=projects.c.deletions + 1)
                connection.execute(counted.where(projects.c.uid.in_(mine)))  # first, as ``Projects.remove`` locks
                if connection.execute(documents.delete().where(documents.c.id.in_(chunk))).rowcount:
                    self._database.deleted()

    def set_content(self, document_id: int, content: str, digests: Sequence[str] = ()) -> None:
        """Note the SHA-256 of the document's pages once they were read, and that of each page."""
        self.set_contents({document_id: (content, digests)})

    def set_contents(self, read: Mapping[int, tuple[str, Sequence[str]]]) -> None:
        """``set_content`` of many documents, by id."""
        note = documents.update().where(documents.c.id == sa.bindparam("of"))
        note = note.values(content=sa.bindparam("what"), digests=sa.bindparam("pages"))
        rows = [{"of": of, "what": what, "pages": tuple(pages)} for of, (what, pages) in sorted(read.items())]
        with self._database.write() as connection:
            for chunk in in_chunks(rows):
                connection.execute(note, chunk)

    def digests(self) -> set[str]:
        """The pages of all documents of all projects, as far as they were read."""
        pages = sa.select(documents.c.digests).where(documents.c.content != "").distinct()
        with self._database.read() as connection:
            return {digest for row in connection.execute(pages).scalars() for digest in row}

    def count(self, project_uid: str, open_only: bool = False) -> int:
        """How many documents the project has, or how many open ones."""
        mine = sa.select(sa.func.count()).select_from(documents).where(documents.c.project_uid == project_uid)
        mine = mine.where(documents.c.open) if open_only else mine
        with self._database.read() as connection:
            return int(connection.execute(mine).scalar_one())

    def each(self, project_uid: str) -> Iterator[DocumentRecord]:
        """The documents of the project by id, a few hundred in memory at a time."""
        return self._database.pages(
            _SELECT.where(documents.c.project_uid == project_uid), (documents.c.id,), DocumentRecord
        )

    def unpredicted(self, project_uid: str, model_version: str) -> Iterator[DocumentRecord]:
        """The documents without a submitted annotation that no prediction of this version is recorded of; by id, a few hundred in
        memory at a time.

        No transaction stays open between them, so the loop over them may write.
        """
        recorded = sa.exists().where(
            predictions.c.document_id == documents.c.id, predictions.c.model_version == model_version
        )
        mine = _SELECT.where(documents.c.project_uid == project_uid, documents.c.open, ~recorded)
        return self._database.pages(mine, (documents.c.id,), DocumentRecord)
