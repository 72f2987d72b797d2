"""Which samples the open documents of their layout have been told of."""

from __future__ import annotations

import sqlalchemy as sa

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Samples of before have been trained from, or will be: the open documents need not be told of them."""
    from alembic import op

    op.add_column("samples", sa.Column("told", sa.Boolean, nullable=False, server_default=sa.true()))
