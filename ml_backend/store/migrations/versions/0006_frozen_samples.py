"""Releases keep their samples: each state of a document once, and of each release the list of its states."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

revision = "0006"
down_revision = "0005"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Releases of before keep their ids and what they held by hash; their text was never kept."""
    from alembic import op

    connection = op.get_bind()
    before = connection.execute(sa.text("SELECT id, project_uid, splits FROM releases ORDER BY id")).all()
    op.drop_table("releases")
    frozen, releases, held = _frozen_samples(), _releases(), _held()
    states = _states(connection, frozen, before)
    for name, uid, splits in before:
        by_content: dict[str, str] = json.loads(splits)
        manifest = json.dumps({"documents": Counter(by_content.values())})
        row = {"id": name, "project_uid": uid, "frozen_at": 0.0, "manifest": manifest}
        number = connection.execute(releases.insert().values(row).returning(releases.c.number)).scalar_one()
        rows = [
            {"release": number, "sample": states[uid, content], "split": split, "confirmed_at": ""}
            for content, split in by_content.items()
        ]
        if rows:
            connection.execute(held.insert(), rows)


def _frozen_samples() -> sa.Table:
    from alembic import op

    made = op.create_table(
        "frozen_samples",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("document_id", _ID, nullable=False),
        sa.Column("content", _TEXT, nullable=False),
        sa.Column("hash", _TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("deleted_at", sa.Double),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("document_id", "content", "hash", name="one_row_a_state"),
        sqlite_autoincrement=True,
    )
    op.create_index("frozen_by_content", "frozen_samples", ["content"])
    op.create_index("frozen_by_deletion", "frozen_samples", ["deleted_at", "document_id"])
    return made


def _releases() -> sa.Table:
    from alembic import op

    return op.create_table(
        "releases",
        sa.Column("number", _ID, autoincrement=True, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("project_uid", _TEXT, nullable=False),
        sa.Column("frozen_at", sa.Double, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("project_uid", "id", name="one_release_a_content"),
        sqlite_autoincrement=True,
    )


def _held() -> sa.Table:
    from alembic import op

    made = op.create_table(
        "release_samples",
        sa.Column("release", _ID, nullable=False),
        sa.Column("sample", _ID, nullable=False),
        sa.Column("split", _TEXT, nullable=False),
        sa.Column("annotator", sa.BigInteger),
        sa.Column("confirmed_at", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(["release"], ["releases.number"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sample"], ["frozen_samples.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("release", "sample"),
    )
    op.create_index("releases_of_sample", "release_samples", ["sample"])
    return made


def _states(connection: sa.Connection, frozen: sa.Table, before: Sequence[Any]) -> dict[tuple[str, str], int]:
    """A row for each document of the releases, by project and content.

    The document is the one that has this content today; where none does it is number 0, and is found to be deleted.
    """
    there = sa.text("SELECT project_uid, content, min(id) FROM documents GROUP BY project_uid, content")
    documents = {(uid, content): number for uid, content, number in connection.execute(there)}
    keys = {(uid, content) for _, uid, splits in before for content in json.loads(splits)}
    made: dict[tuple[int, str], int] = {}
    for key in sorted(keys):
        same = documents.get(key, 0), key[1]
        if same not in made:
            row = {"document_id": same[0], "content": same[1], "hash": ""}
            made[same] = connection.execute(frozen.insert().values(row).returning(frozen.c.id)).scalar_one()
    return {key: made[documents.get(key, 0), key[1]] for key in keys}
