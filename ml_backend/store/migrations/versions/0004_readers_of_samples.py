"""Which reader saw the words of each sample."""

from __future__ import annotations

import sqlalchemy as sa

revision = "0004"
down_revision = "0003"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Samples of before count as read by the wheel's recogniser: where another one reads, they are read once more."""
    from alembic import op

    op.add_column("samples", sa.Column("reader", _TEXT, nullable=False, server_default=""))
