"""Documents know their pages, so that what was read of a page can go with the last document that has it; projects know who saw
them, so that nobody else is believed that they are gone."""

from __future__ import annotations

import sqlalchemy as sa

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Documents of before have none until their pages are read again; what was cached of them goes."""
    from alembic import op

    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("documents", sa.Column("digests", sa.Text, nullable=False, server_default="[]"))
    op.add_column("projects", sa.Column("seen_as", text, nullable=False, server_default=""))
