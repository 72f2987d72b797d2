"""The first schema: projects, documents, predictions, the ledger, samples, releases, requests, runs, leases."""

from __future__ import annotations

import sqlalchemy as sa

revision = "0001"
down_revision = None

# As they were at this revision: whatever the store's own types become, this file goes on making the same tables.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """All tables. There is no way back: an older docloop refuses a newer database."""
    _projects_and_documents()
    _predictions_and_samples()
    _ledger()
    _runs()


def _projects_and_documents() -> None:
    from alembic import op

    op.create_table(
        "projects",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("uid", _TEXT, nullable=False),
        sa.Column("project_id", sa.BigInteger, nullable=False),
        sa.Column("title", _TEXT, nullable=False),
        sa.Column("fingerprint", _TEXT, nullable=False),
        sa.Column("label_config", _TEXT, nullable=False),
        sa.Column("cursor", _TEXT, nullable=False),
        sa.Column("swept_at", sa.Double, nullable=False),
        sa.Column("looked_at", sa.Double, nullable=False),
        sa.Column("fault", _TEXT, nullable=False),
        sa.Column("fault_since", sa.Double),
        sa.Column("answer", _TEXT, nullable=False),
        sa.Column("answered_at", sa.Double, nullable=False),
        sa.Column("refusal", _TEXT, nullable=False),
        sa.Column("trained_samples", sa.Integer, nullable=False),
        sa.Column("followed", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_projects_project_id", "projects", ["project_id"])
    op.create_table(
        "documents",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("project_uid", _TEXT, nullable=False),
        sa.Column("task_id", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TEXT, nullable=False),
        sa.Column("updated_at", _TEXT, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("content", _TEXT, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["project_uid"], ["projects.uid"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_uid", "task_id", "created_at", name="one_document_a_task"),
        sqlite_autoincrement=True,
    )
    op.create_index("documents_of_project", "documents", ["project_uid", "id"])


def _predictions_and_samples() -> None:
    from alembic import op

    op.create_table(
        "predictions",
        sa.Column("document_id", _ID, nullable=False),
        sa.Column("model_version", _TEXT, nullable=False),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("pushed_at", sa.Double, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("engines", sa.Text, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("document_id", "model_version"),
    )
    op.create_table(
        "samples",
        sa.Column("document_id", _ID, nullable=False),
        sa.Column("content", _TEXT, nullable=False),
        sa.Column("annotator", sa.BigInteger),
        sa.Column("confirmed_at", _TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("document_id"),
    )
    op.create_table(
        "releases",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("project_uid", _TEXT, nullable=False),
        sa.Column("splits", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _ledger() -> None:
    from alembic import op

    op.create_table(
        "annotations",
        sa.Column("document_id", _ID, nullable=False),
        sa.Column("annotation_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("created_at", _TEXT, nullable=False),
        sa.Column("updated_at", _TEXT, nullable=False),
        sa.Column("completed_by", sa.BigInteger),
        sa.Column("lead_time", sa.Double),
        sa.Column("skipped", sa.Boolean, nullable=False),
        sa.Column("ground_truth", sa.Boolean, nullable=False),
        sa.Column("reviewed", sa.Boolean, nullable=False),
        sa.Column("shown_version", _TEXT, nullable=False),
        sa.Column("shown_count", sa.Integer),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("shown", sa.Text),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("document_id", "annotation_id"),
    )
    op.create_table(
        "corrections",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("document_id", _ID, nullable=False),
        sa.Column("annotation_id", sa.BigInteger, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("cause", _TEXT, nullable=False),
        sa.Column("label", _TEXT, nullable=False),
        sa.Column("predicted_label", _TEXT, nullable=False),
        sa.Column("ocr_text", _TEXT, nullable=False),
        sa.Column("predicted_value", _TEXT, nullable=False),
        sa.Column("final_value", _TEXT, nullable=False),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("region_id", _TEXT, nullable=False),
        sa.Column("model_version", _TEXT, nullable=False),
        sa.Column("engine", _TEXT, nullable=False),
        sa.Column("lead_time", sa.Double),
        sa.Column("completed_by", sa.BigInteger),
        sa.Column("at", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id", "annotation_id"],
            ["annotations.document_id", "annotations.annotation_id"],
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("corrections_by_time", "corrections", ["at", "id"])
    op.create_index("corrections_of_annotation", "corrections", ["document_id", "annotation_id"])


def _runs() -> None:
    from alembic import op

    op.create_table(
        "requests",
        sa.Column("project_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("requested_by", _TEXT, nullable=False),
        sa.Column("requested_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("project_id"),
    )
    op.create_table(
        "runs",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("project_uid", _TEXT, nullable=False),
        sa.Column("project_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("requested_by", _TEXT, nullable=False),
        sa.Column("requested_at", sa.Double, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("heartbeat_at", sa.Double),
        sa.Column("finished_at", sa.Double),
        sa.Column("stage", _TEXT, nullable=False),
        sa.Column("progress", sa.Double, nullable=False),
        sa.Column("cancel", sa.Boolean, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("samples", sa.Integer, nullable=False),
        sa.Column("release", _TEXT, nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.Column("verdict", _TEXT, nullable=False),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_uid", "number", name="one_run_a_number"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "one_open_run_a_project",
        "runs",
        ["project_uid"],
        unique=True,
        sqlite_where=sa.text("state IN ('requested', 'running')"),
        postgresql_where=sa.text("state IN ('requested', 'running')"),
    )
    op.create_table(
        "leases",
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("holder", _TEXT, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
