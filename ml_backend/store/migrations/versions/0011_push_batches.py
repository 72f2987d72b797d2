"""A push is shared by several workers: batches of documents, and what came of each."""

from __future__ import annotations

import sqlalchemy as sa

revision = "0011"
down_revision = "0010"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Two tables."""
    from alembic import op

    op.create_table(
        "push_batches",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("project_uid", _TEXT, nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.Column("claimed_by", _TEXT, nullable=False),
        sa.Column("claimed_until", sa.Double, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["project_uid"], ["projects.uid"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_push_batches_project_uid", "push_batches", ["project_uid"])
    op.create_table(
        "push_answers",
        sa.Column("document_id", _ID, autoincrement=False, nullable=False),
        sa.Column("batch", _ID, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["batch"], ["push_batches.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("document_id"),
    )
    op.create_index("ix_push_answers_batch", "push_answers", ["batch"])
