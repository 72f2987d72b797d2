"""Which field a correction is about, and where it had been shown, so that corrections alone give the prediction back."""

from __future__ import annotations

import sqlalchemy as sa

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Corrections of before have none; they come with the next look at their annotation."""
    from alembic import op

    op.add_column("corrections", sa.Column("predicted_place", sa.LargeBinary))
    op.add_column("corrections", sa.Column("field_number", sa.Integer))
