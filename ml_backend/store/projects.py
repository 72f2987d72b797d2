"""The projects docloop follows, and how far it is with each."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from ml_backend.store.database import Database
from ml_backend.store.records import ProjectRecord
from ml_backend.store.tables import columns, projects, requests, runs, values

_LARGEST_NUMBER = 2**63 - 1  # of a column
_NAMES = tuple(f.name for f in fields(ProjectRecord))
_SELECT = sa.select(*columns(ProjectRecord, projects))


class Projects:
    """Projects by uid."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, uid: str) -> ProjectRecord | None:
        """The project of this uid."""
        return self._one(_SELECT.where(projects.c.uid == uid))

    def by_number(self, project_id: int) -> ProjectRecord | None:
        """The project that docloop met last with Label Studio's number ``project_id`` (SQLite gives numbers out again)."""
        if abs(project_id) > _LARGEST_NUMBER:
            return None  # somebody typed it; the database would refuse it
        return self._one(_SELECT.where(projects.c.project_id == project_id).order_by(projects.c.id.desc()).limit(1))

    def all(self) -> list[ProjectRecord]:
        """All projects in the order docloop met them."""
        with self._database.read() as connection:
            return [ProjectRecord(*row) for row in connection.execute(_SELECT.order_by(projects.c.id))]

    def put(self, project: ProjectRecord) -> None:
        """Insert, or take all attributes over."""
        with self._database.write() as connection:
            connection.execute(self._database.upsert(projects, ["uid"], _NAMES), values(project))

    def update(self, uid: str, **changes: Any) -> None:
        """Set some attributes; nothing happens where the project is gone. Raises ValueError for an unknown name."""
        unknown = set(changes) - set(_NAMES[1:])
        if unknown:
            raise ValueError(f"a project has no {sorted(unknown)}; what can be set: {', '.join(_NAMES[1:])}")
        if changes:
            with self._database.write() as connection:
                connection.execute(projects.update().where(projects.c.uid == uid).values(**changes))

    def deletions(self) -> str:
        """Another text when documents or projects were deleted: what is kept outside of the store is then to be compared with it.

        Cheap, to be asked for often. It may change without a deletion, too.
        """
        statement = sa.select(projects.c.uid, projects.c.deletions).order_by(projects.c.uid)
        with self._database.read() as connection:
            found = [list(row) for row in connection.execute(statement)]
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()

    def remove(self, uid: str) -> None:
        """Forget the project with its documents and all that hangs on them, and a request to train it.

        Runs stay, since they hold no text, and releases by their hashes: ``Releases.forget_gone`` takes their text. A run that
        is under way is asked to stop.
        """
        with self._database.write() as connection:
            gone = connection.execute(
                projects.delete().where(projects.c.uid == uid).returning(projects.c.project_id)
            ).scalar()
            if gone is None:
                return
            self._database.deleted()
            namesake = sa.exists().where(projects.c.project_id == gone)
            connection.execute(requests.delete().where(requests.c.project_id == gone, ~namesake))
            under_way = runs.c.state.in_(("requested", "running"))
            connection.execute(runs.update().where(runs.c.project_uid == uid, under_way).values(cancel=True))

    def _one(self, statement: sa.Select[Any]) -> ProjectRecord | None:
        with self._database.read() as connection:
            row = connection.execute(statement).first()
        return None if row is None else ProjectRecord(*row)
