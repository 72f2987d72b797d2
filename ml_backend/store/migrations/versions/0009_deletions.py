"""How often documents of a project were deleted: a mark by which every process sees that it has something to forget."""

from __future__ import annotations

import sqlalchemy as sa

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """It counts from now on."""
    from alembic import op

    op.add_column("projects", sa.Column("deletions", sa.Integer, nullable=False, server_default="0"))
