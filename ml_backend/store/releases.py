"""Releases: which samples a version was trained on, by their hashes.

No text of a document is kept here, so a release may outlive its documents and still say what a version has seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ml_backend.document.json_form import document_to_json, fields_to_json
from ml_backend.document.samples import Sample
from ml_backend.store.column_types import compact
from ml_backend.store.database import Database
from ml_backend.store.tables import columns, releases, values


@dataclass(frozen=True, slots=True)
class Release:
    """A frozen set of samples. ``splits`` says of each content (SHA-256 of the pages) what it was used for."""

    id: str
    project_uid: str
    splits: Mapping[str, str]


class Releases:
    """Releases by id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def freeze(self, project_uid: str, samples: Sequence[Sample], splits: Mapping[str, str]) -> str:
        """Note the samples and their splits; the id is the SHA-256 of all of it, so the same data has the same id.

        The order of ``samples`` does not matter. Raises ValueError where a sample has no split or a split no sample.
        """
        contents = {sample.content for sample in samples}
        if contents != set(splits) or len(contents) != len(samples):
            raise ValueError(f"every sample needs one split: {len(samples)} samples, {len(splits)} splits")
        whole = hashlib.sha256(compact(project_uid).encode())
        for sample in sorted(samples, key=lambda sample: sample.content):
            whole.update(_line(sample, splits[sample.content]).encode())
        release = Release(whole.hexdigest(), project_uid, dict(sorted(splits.items())))
        statement = self._database.insert(releases).on_conflict_do_nothing()
        with self._database.write() as connection:
            connection.execute(statement, values(release))
        return release.id

    def get(self, release_id: str) -> Release | None:
        """The release of this id."""
        statement = sa.select(*columns(Release, releases)).where(releases.c.id == release_id)
        with self._database.read() as connection:
            row = connection.execute(statement).first()
        return None if row is None else Release(*row)


def _line(sample: Sample, split: str) -> str:
    return "\n" + compact(
        [
            sample.content,
            split,
            document_to_json(sample.document),
            fields_to_json(sample.fields),
            sample.annotator,
            sample.confirmed_at,
        ]
    )
