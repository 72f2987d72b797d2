"""What one training is to do other than the settings say: with its request, and with the run made from that."""

from __future__ import annotations

import sqlalchemy as sa

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Requests and runs of before say nothing."""
    from alembic import op

    for table in ("requests", "runs"):
        op.add_column(table, sa.Column("options", sa.Text, nullable=False, server_default="{}"))
