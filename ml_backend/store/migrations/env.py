"""How Alembic runs our migrations: on the connection that the store hands over, in the transaction that is open there."""

from __future__ import annotations


def run() -> None:
    """Bring the connection to the revision that was asked for."""
    from alembic import context

    from ml_backend.store.tables import metadata

    context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
    context.run_migrations()


run()
