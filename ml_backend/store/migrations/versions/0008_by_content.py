"""Documents and samples are found by their content: exports and releases ask for fifty contents at a time."""

from __future__ import annotations

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Two indexes."""
    from alembic import op

    op.create_index("documents_by_content", "documents", ["project_uid", "content"])
    op.create_index("samples_by_content", "samples", ["content", "document_id"])
