"""The ground truth: which of it is wanted, and what it says in figures."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ml_backend.web.schemas.base import Answer, Asked, example


class TruthAsked(Asked):
    """Which documents of the ground truth are wanted; the filters of docloop export."""

    approved_only: str | None = Field(None, description="`true` (the default) or `false`.")
    has_corrections: str | None = Field(None, description="`true` or `false`.")
    since: str | None = Field(None, description="Reviewed at this time or later, such as 2026-01-31.")
    until: str | None = Field(None, description="Reviewed before this time.")
    fields: str | None = Field(None, description="Only these labels, with commas between them.")
    model_version: str | None = Field(None, description="Only what was shown by this version.")
    annotator: str | None = Field(None, description="Only what this annotator reviewed (Label Studio's number).")
    limit: str | None = Field(None, description="How many at most.")


class Forecast(Answer):
    """What more documents would bring."""

    model_config = example(
        project=7,
        version="fields-3",
        serves="fields-3",
        sentence="about 12 more documents for +2.0 points of total's F1 (0.8-3.4)",
        overall={"label": "", "state": "not enough evidence", "versions": 1},
        fields=[],
        layouts=[],
    )

    project: int
    version: str = Field(description="Whose F1 the figures begin with: the newest one that was judged; empty if none.")
    serves: str = Field(description="The version that serves, which may be another one.")
    sentence: str
    overall: dict[str, Any]
    fields: list[dict[str, Any]]
    layouts: list[dict[str, Any]]


class Statistics(Answer):
    """What the corrections of a project say; docs/statistics.md explains each figure."""

    model_config = example(
        project=7,
        title="Receipts",
        documents={"total": 500, "annotated": 121, "approved": 120},
        accuracy={"untouched": 279, "fields": 300, "rate": 0.93},
        by_field=[{"field": "total", "untouched": 38, "fields": 40, "rate": 0.95}],
        by_engine=[],
        by_version=[],
        by_annotator=[],
        median_seconds=8.5,
        median_seconds_without_prediction=None,
        corrected_fields=[{"field": "total", "corrections": 2, "text": 2}],
        confused_characters=[{"read": "O", "meant": "0", "count": 2}],
        characters_of=2,
        confused_fields=[],
        causes=[{"cause": "misread characters", "count": 2, "share": 1.0}],
        next_steps=[],
        forecast={
            "project": 7,
            "version": "",
            "serves": "fields-3",
            "sentence": "not enough evidence",
            "overall": {},
            "fields": [],
            "layouts": [],
        },
    )

    project: int
    title: str
    documents: dict[str, int]
    accuracy: dict[str, Any]
    by_field: list[dict[str, Any]]
    by_engine: list[dict[str, Any]]
    by_version: list[dict[str, Any]]
    by_annotator: list[dict[str, Any]]
    median_seconds: float | None
    median_seconds_without_prediction: float | None
    corrected_fields: list[dict[str, Any]]
    confused_characters: list[dict[str, Any]]
    characters_of: int
    confused_fields: list[dict[str, Any]]
    causes: list[dict[str, Any]]
    next_steps: list[dict[str, Any]]
    forecast: Forecast
