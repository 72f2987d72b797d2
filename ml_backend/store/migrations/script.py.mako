"""${message}."""

from __future__ import annotations

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """What is new. There is no way back: an older docloop refuses a newer database."""
    import sqlalchemy as sa
    from alembic import op

    ${upgrades if upgrades else "pass"}
