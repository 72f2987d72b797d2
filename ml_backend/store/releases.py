"""Releases: sets of samples that are named by what they say, kept so that they can be trained on again.

The id is the same for the same content on any machine (``ml_backend/document/release_id.py``); who froze it, when and under
which licence stands beside it. When a document is deleted, the releases that hold it are *tainted*: its text is gone from them,
its hash stays, and their ids go on naming what they were.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version as installed_version
from typing import Any

import sqlalchemy as sa

from ml_backend.document.fields import FieldSpec
from ml_backend.document.release_id import SCHEMA, release_id
from ml_backend.document.samples import Sample
from ml_backend.document.splits import split_of
from ml_backend.errors import DocloopError, StoreError
from ml_backend.store.database import Database
from ml_backend.store.frozen import FrozenSamples
from ml_backend.store.packing import json_of, unpacked
from ml_backend.store.records import ProjectRecord
from ml_backend.store.release_records import SHORT, Held, Release
from ml_backend.store.tables import frozen_samples, projects, release_samples, releases

log = logging.getLogger(__name__)

_START = re.compile(r"[0-9a-f]{4,64}")


class Releases:
    """Releases by project and id."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._frozen = FrozenSamples(database)

    def freeze(
        self,
        project: ProjectRecord,
        specs: Sequence[FieldSpec],
        now: float,
        licence: str = "",
        newest: int | None = None,
    ) -> Release:
        """Freeze the samples of a project: all, or the ``newest`` contents. A ``licence`` replaces the one that was noted.

        The same content is the same release, and costs nothing a second time.

        Raises:
            DocloopError: ``release_empty``: nothing was confirmed yet.
        """
        states = self._frozen.freeze(project.uid, newest)
        if not states:
            raise DocloopError(
                "release_empty",
                "There are no confirmed documents to freeze.",
                "Submit some annotations in Label Studio.",
            )
        parent = next(iter(self._many(releases.c.project_uid == project.uid, limit=1)), None)
        manifest = {
            "project": project.title,
            "label_config_sha256": hashlib.sha256(project.label_config.encode("utf-8", "surrogatepass")).hexdigest(),
            "licence": licence,
            "parents": [parent.id] if parent else [],
        }
        held = [
            Held(s.content, split_of(s.content), s.hash, s.number, False, s.annotator, s.confirmed_at) for s in states
        ]
        return self._write(project.uid, specs, held, manifest, now)

    def part(self, release: Release, contents: Collection[str], now: float) -> Release:
        """A release of these documents of ``release`` alone: what is left of a tainted one is content of its own."""
        held = [one for one in self.held(release) if one.content in contents]
        manifest = {**release.manifest, "parents": [release.id]}
        return self._write(release.project_uid, release.labels, held, manifest, now)

    def _write(
        self,
        project_uid: str,
        specs: Sequence[FieldSpec],
        held: Sequence[Held],
        manifest: Mapping[str, Any],
        now: float,
    ) -> Release:
        name = release_id(specs, [(one.content, one.split, one.hash) for one in held])
        who = Counter("" if one.annotator is None else str(one.annotator) for one in held)
        whole = {
            **manifest,
            "schema": SCHEMA,
            "labels": [asdict(spec) for spec in specs],
            "documents": dict(Counter(one.split for one in held)),
            "annotators": dict(who.most_common()),
            "docloop": installed_version("docloop"),
        }
        row = {"id": name, "project_uid": project_uid, "frozen_at": now, "manifest": whole}
        with self._database.write() as connection:
            insert = self._database.insert(releases).values(row).on_conflict_do_nothing()
            made = connection.execute(insert.returning(releases.c.number)).first()
            there = self._one(project_uid, name)
            # A document that was deleted and came back, word for word, is there again.
            if made is not None or there.deleted:
                connection.execute(release_samples.delete().where(release_samples.c.release == there.number))
                connection.execute(release_samples.insert(), [_row(there.number, one) for one in held])
            if made is None and (licence := manifest.get("licence")) and licence != there.manifest.get("licence"):
                self._note(there.number, {**there.manifest, "licence": licence})
            self._frozen.forget_gone(now)  # a document may have been deleted while it was frozen
            return self._one(project_uid, name)

    # -- what there is -------------------------------------------------------------------------------------------------

    def get(self, project_uid: str, name: str) -> Release | None:
        """The project's release of this id."""
        return next(iter(self._many(releases.c.project_uid == project_uid, releases.c.id == name)), None)

    def all(self, project_uid: str) -> list[Release]:
        """The project's releases, the newest first."""
        return self._many(releases.c.project_uid == project_uid)

    def find(self, start: str, project_uid: str | None = None) -> Release:
        """The release, of a project or of any, whose id begins with ``start`` (4 digits or more).

        Raises:
            DocloopError: ``release_unknown``, or ``release_ambiguous``: several do.
        """
        mine = () if project_uid is None else (releases.c.project_uid == project_uid,)
        found = self._many(releases.c.id.startswith(start), *mine) if _START.fullmatch(start) else []
        if len({one.id for one in found}) > 1:
            known = ", ".join(sorted({one.id[:SHORT] for one in found})[:5])
            raise DocloopError(
                "release_ambiguous", f"Several releases begin with {start!r}: {known}.", "Give more digits."
            )
        if not found:
            raise DocloopError(
                "release_unknown",
                f"There is no release {start[:64]!r}.",
                "docloop releases --project N lists them; 4 digits or more will do.",
            )
        return found[0]

    def held(self, release: Release) -> list[Held]:
        """The documents of a release, by content."""
        names, frozen = release_samples.c, frozen_samples.c
        statement = (
            sa.select(
                frozen.content,
                names.split,
                frozen.hash,
                frozen.id,
                frozen.deleted_at.is_not(None),
                names.annotator,
                names.confirmed_at,
            )
            .join_from(release_samples, frozen_samples, frozen.id == names.sample)
            .where(names.release == release.number)
            .order_by(frozen.content)
        )
        with self._database.read() as connection:
            return [Held(*row) for row in connection.execute(statement)]

    def load(self, release: Release) -> list[Sample]:
        """The samples of a release by content, without those that were deleted. A broken one is left out and logged."""
        held = {one.state: one for one in self.held(release)}
        found = []
        for number, body in self._frozen.bodies(held):
            one = held[number]
            try:
                found.append(unpacked(one.content, body, one.annotator, one.confirmed_at))
            except StoreError as error:
                log.warning("left out of the release: %s", error)
        return sorted(found, key=lambda sample: sample.content)

    def bodies(self, held: Sequence[Held]) -> Iterator[tuple[int, dict[str, Any]]]:
        """By the number of its state the ``document`` and ``fields`` of each, as JSON values, of those that can be read."""
        contents = {one.state: one.content for one in held}
        for number, body in self._frozen.bodies(contents):
            try:
                yield number, json_of(contents[number], body)
            except StoreError as error:
                log.warning("%s", error)

    # -- what is deleted -----------------------------------------------------------------------------------------------

    def forget_gone(self, now: float) -> list[str]:
        """Delete from all releases the text of documents that are not in the store any more; their contents.

        The titles of projects that are gone go, too. It compares what is with what should be: ask it after every look. The
        releases are tainted from then on.
        """
        there = sa.exists().where(projects.c.uid == releases.c.project_uid)
        orphaned = sa.select(releases.c.number, releases.c.manifest).where(~there)
        with self._database.read() as connection:
            titled = [
                (number, manifest) for number, manifest in connection.execute(orphaned) if manifest.get("project")
            ]
        for number, manifest in titled:
            self._note(number, {**manifest, "project": ""})
        return self._frozen.forget_gone(now)

    def forget(self, contents: Collection[str], now: float) -> list[str]:
        """Delete the text of these contents from the releases of all projects, which are tainted then; those that were found."""
        return self._frozen.forget(contents, now)

    def tainted(self, project_uid: str) -> dict[str, int]:
        """The tainted releases of a project by id: how many of their documents were deleted."""
        return {one.id: one.deleted for one in self.all(project_uid) if one.deleted}

    def _note(self, number: int, manifest: Mapping[str, Any]) -> None:
        with self._database.write() as connection:
            connection.execute(releases.update().where(releases.c.number == number).values(manifest=manifest))
            self._database.deleted()

    def _one(self, project_uid: str, name: str) -> Release:
        [found] = self._many(releases.c.project_uid == project_uid, releases.c.id == name)
        return found

    def _many(self, *where: sa.ColumnElement[bool], limit: int | None = None) -> list[Release]:
        names, frozen = releases.c, frozen_samples.c
        gone = (
            sa.select(
                release_samples.c.release,
                sa.func.count().label("deleted"),
                sa.func.min(frozen.deleted_at).label("deleted_at"),
            )
            .join_from(frozen_samples, release_samples, frozen.id == release_samples.c.sample)
            .where(frozen.deleted_at.is_not(None))
            .group_by(release_samples.c.release)
            .subquery()
        )
        statement = (
            sa.select(
                *(names.number, names.id, names.project_uid, names.frozen_at, names.manifest),
                *(sa.func.coalesce(gone.c.deleted, 0), gone.c.deleted_at),
            )
            .outerjoin_from(releases, gone, gone.c.release == names.number)
            .where(*where)
            .order_by(names.number.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [Release(*row) for row in connection.execute(statement)]


def _row(number: int, held: Held) -> dict[str, Any]:
    return {
        "release": number,
        "sample": held.state,
        "split": held.split,
        "annotator": held.annotator,
        "confirmed_at": held.confirmed_at,
    }
