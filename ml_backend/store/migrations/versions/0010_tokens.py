"""Tokens with roles, for programs that are not Label Studio. Only the SHA-256 of each is kept."""

from __future__ import annotations

import sqlalchemy as sa

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """One table."""
    from alembic import op

    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "tokens",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("name", text, nullable=False),
        sa.Column("role", text, nullable=False),
        sa.Column("email", text, nullable=False),
        sa.Column("hash", text, nullable=False, unique=True),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("used_at", sa.Double),
        sa.Column("revoked_at", sa.Double),
        sqlite_autoincrement=True,
    )
    alive = sa.text("revoked_at IS NULL")
    op.create_index("one_token_a_name", "tokens", ["name"], unique=True, sqlite_where=alive, postgresql_where=alive)
