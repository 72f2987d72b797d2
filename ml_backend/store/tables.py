"""The tables of the store. Columns are named as the attributes of the records they hold.

A change here needs a new numbered file in ``migrations/versions``; a test compares the two.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from ml_backend.store.column_types import Fields, Id, JsonObject, Number, Numbers, Strings, Text

metadata = sa.MetaData()

projects = sa.Table(
    "projects",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),  # the order in which docloop met them
    sa.Column("uid", Text, nullable=False, unique=True),
    sa.Column("project_id", Number, nullable=False, index=True),
    sa.Column("title", Text, nullable=False),
    sa.Column("fingerprint", Text, nullable=False),
    sa.Column("label_config", Text, nullable=False),
    sa.Column("cursor", Text, nullable=False),
    sa.Column("swept_at", sa.Double, nullable=False),
    sa.Column("looked_at", sa.Double, nullable=False),
    sa.Column("fault", Text, nullable=False),
    sa.Column("fault_since", sa.Double),
    sa.Column("answer", Text, nullable=False),
    sa.Column("answered_at", sa.Double, nullable=False),
    sa.Column("refusal", Text, nullable=False),
    sa.Column("trained_samples", sa.Integer, nullable=False),
    sa.Column("followed", sa.Boolean, nullable=False),
    sa.Column("seen_as", Text, nullable=False, server_default=""),
    sa.Column("deletions", sa.Integer, nullable=False, server_default="0"),  # how often documents of it were deleted
    sqlite_autoincrement=True,
)

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("project_uid", Text, sa.ForeignKey("projects.uid", ondelete="CASCADE"), nullable=False),
    sa.Column("task_id", Number, nullable=False),
    sa.Column("created_at", Text, nullable=False),
    sa.Column("updated_at", Text, nullable=False),
    sa.Column("data", JsonObject, nullable=False),
    sa.Column("content", Text, nullable=False),
    sa.Column("open", sa.Boolean, nullable=False),
    sa.Column("digests", Strings, nullable=False, server_default="[]"),
    sa.UniqueConstraint("project_uid", "task_id", "created_at", name="one_document_a_task"),
    sa.Index("documents_of_project", "project_uid", "id"),  # the order in which they are streamed
    sa.Index("documents_by_content", "project_uid", "content"),
    sqlite_autoincrement=True,  # an id is never given out again, so that a late answer cannot hit another document
)

predictions = sa.Table(
    "predictions",
    metadata,
    sa.Column("document_id", Id, sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("model_version", Text, primary_key=True),
    sa.Column("score", sa.Double, nullable=False),
    sa.Column("probability", sa.Double, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("pushed_at", sa.Double, nullable=False),
    sa.Column("reasons", Strings, nullable=False),
    sa.Column("engines", Strings, nullable=False),
    sa.Column("signature", Numbers, nullable=False),
    sa.Column("fields", Fields, nullable=False),  # last: what is light is read without it
)

annotation_table = sa.Table(
    "annotations",
    metadata,
    sa.Column("document_id", Id, sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("annotation_id", Number, primary_key=True, autoincrement=False),
    sa.Column("created_at", Text, nullable=False),
    sa.Column("updated_at", Text, nullable=False),
    sa.Column("completed_by", Number),
    sa.Column("lead_time", sa.Double),
    sa.Column("skipped", sa.Boolean, nullable=False),
    sa.Column("ground_truth", sa.Boolean, nullable=False),
    sa.Column("reviewed", sa.Boolean, nullable=False),
    sa.Column("shown_version", Text, nullable=False),
    sa.Column("shown_count", sa.Integer),  # of the fields in ``shown``, so that counting reads no JSON
    sa.Column("fields", Fields, nullable=False),
    sa.Column("shown", Fields),
)

corrections = sa.Table(
    "corrections",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("document_id", Id, nullable=False),
    sa.Column("annotation_id", Number, nullable=False),
    sa.Column("kind", Text, nullable=False),
    sa.Column("cause", Text, nullable=False),
    sa.Column("label", Text, nullable=False),
    sa.Column("predicted_label", Text, nullable=False),
    sa.Column("ocr_text", Text, nullable=False),
    sa.Column("predicted_value", Text, nullable=False),
    sa.Column("final_value", Text, nullable=False),
    sa.Column("page", sa.Integer, nullable=False),
    sa.Column("region_id", Text, nullable=False),
    sa.Column("model_version", Text, nullable=False),
    sa.Column("engine", Text, nullable=False),
    sa.Column("lead_time", sa.Double),
    sa.Column("completed_by", Number),
    sa.Column("at", Text, nullable=False),
    sa.Column("predicted_place", Numbers),
    sa.Column("field_number", sa.Integer),
    sa.ForeignKeyConstraint(
        ["document_id", "annotation_id"], ["annotations.document_id", "annotations.annotation_id"], ondelete="CASCADE"
    ),
    sa.Index("corrections_of_annotation", "document_id", "annotation_id"),
    sa.Index("corrections_by_time", "at", "id"),
    sqlite_autoincrement=True,
)

samples = sa.Table(
    "samples",
    metadata,
    sa.Column("document_id", Id, sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("content", Text, nullable=False),
    sa.Column("annotator", Number),
    sa.Column("confirmed_at", Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("told", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("reader", Text, nullable=False, server_default=""),
    sa.Index("samples_by_content", "content", "document_id"),
)

frozen_samples = sa.Table(
    "frozen_samples",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column(
        "document_id", Id, nullable=False
    ),  # of no foreign key: the row stays when the document goes, without its body
    sa.Column("content", Text, nullable=False),
    sa.Column("hash", Text, nullable=False),  # "" where an older docloop kept no text
    sa.Column("body", sa.LargeBinary),
    sa.Column("deleted_at", sa.Double),
    sa.UniqueConstraint("document_id", "content", "hash", name="one_row_a_state"),
    sa.Index("frozen_by_content", "content"),
    sa.Index("frozen_by_deletion", "deleted_at", "document_id"),
    sqlite_autoincrement=True,
)

releases = sa.Table(
    "releases",
    metadata,
    sa.Column("number", Id, primary_key=True, autoincrement=True),
    sa.Column("id", Text, nullable=False),  # by content: two projects may have the same one
    sa.Column("project_uid", Text, nullable=False),
    sa.Column("frozen_at", sa.Double, nullable=False),
    sa.Column("manifest", JsonObject, nullable=False),
    sa.UniqueConstraint("project_uid", "id", name="one_release_a_content"),
    sqlite_autoincrement=True,
)

release_samples = sa.Table(
    "release_samples",
    metadata,
    sa.Column("release", Id, sa.ForeignKey("releases.number", ondelete="CASCADE"), primary_key=True),
    sa.Column("sample", Id, sa.ForeignKey("frozen_samples.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("split", Text, nullable=False),
    sa.Column("annotator", Number),
    sa.Column("confirmed_at", Text, nullable=False),
    sa.Index("releases_of_sample", "sample"),
)

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("project_id", Number, primary_key=True, autoincrement=False),
    sa.Column("requested_by", Text, nullable=False),
    sa.Column("requested_at", sa.Double, nullable=False),
    sa.Column("options", JsonObject, nullable=False, server_default="{}"),
)

_OPEN_RUN = sa.text("state IN ('requested', 'running')")
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("project_uid", Text, nullable=False),
    sa.Column("project_id", Number, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("requested_by", Text, nullable=False),
    sa.Column("requested_at", sa.Double, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("started_at", sa.Double),
    sa.Column("heartbeat_at", sa.Double),
    sa.Column("finished_at", sa.Double),
    sa.Column("stage", Text, nullable=False),
    sa.Column("progress", sa.Double, nullable=False),
    sa.Column("cancel", sa.Boolean, nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("samples", sa.Integer, nullable=False),
    sa.Column("release", Text, nullable=False),
    sa.Column("version", Text, nullable=False),
    sa.Column("verdict", Text, nullable=False),
    sa.Column("metrics", JsonObject, nullable=False),
    sa.Column("options", JsonObject, nullable=False, server_default="{}"),
    sa.UniqueConstraint("project_uid", "number", name="one_run_a_number"),
    # The database itself holds that a project trains once at a time.
    sa.Index("one_open_run_a_project", "project_uid", unique=True, sqlite_where=_OPEN_RUN, postgresql_where=_OPEN_RUN),
    sqlite_autoincrement=True,
)

push_batches = sa.Table(
    "push_batches",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("project_uid", Text, sa.ForeignKey("projects.uid", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("version", Text, nullable=False),
    sa.Column("claimed_by", Text, nullable=False),
    sa.Column("claimed_until", sa.Double, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
    sqlite_autoincrement=True,  # an id is never given out again, so that a late answer cannot hit another batch
)

push_answers = sa.Table(
    "push_answers",
    metadata,
    sa.Column("document_id", Id, sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("batch", Id, sa.ForeignKey("push_batches.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("outcome", JsonObject),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("holder", Text, nullable=False),
    sa.Column("until", sa.Double, nullable=False),
)

_ALIVE = sa.text("revoked_at IS NULL")
tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("role", Text, nullable=False),
    sa.Column("email", Text, nullable=False),
    sa.Column("hash", Text, nullable=False, unique=True),
    sa.Column("made_at", sa.Double, nullable=False),
    sa.Column("expires_at", sa.Double),
    sa.Column("used_at", sa.Double),
    sa.Column("revoked_at", sa.Double),
    # The name of a revoked token may be given out again.
    sa.Index("one_token_a_name", "name", unique=True, sqlite_where=_ALIVE, postgresql_where=_ALIVE),
    sqlite_autoincrement=True,
)


def columns(record: type[Any], table: sa.Table, **instead: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """The columns of ``table`` in the order of the record's attributes, so that ``record(*row)`` is the record.

    ``instead`` gives the column of an attribute that another table holds.
    """
    return [instead[f.name] if f.name in instead else table.c[f.name] for f in fields(record)]


def values(record: Any, *leave_out: str) -> dict[str, Any]:
    """The attributes of a record by name, as they are."""
    return {f.name: getattr(record, f.name) for f in fields(record) if f.name not in leave_out}
