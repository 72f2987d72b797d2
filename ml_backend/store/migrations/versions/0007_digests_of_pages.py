"""Documents know their pages, so that what was read of a page can go with the last document that has it."""

from __future__ import annotations

import sqlalchemy as sa

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Documents of before have none until their pages are read again; what was cached of them goes."""
    from alembic import op

    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("documents", sa.Column("digests", text, nullable=False, server_default="[]"))
