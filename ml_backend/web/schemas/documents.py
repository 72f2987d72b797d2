"""Documents of a project: which one next, and what was corrected."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ml_backend.web.schemas.base import Answer, Limited, example


class Recommendation(Answer):
    """A document that is worth annotating."""

    task: int
    priority: Literal["high", "medium", "low"]
    score: float = Field(description="What Label Studio orders by: lowest first.")
    probability: float = Field(description="That nothing needs correcting.")
    reasons: list[str]
    fields: dict[str, list[str]]
    model_version: str
    link: str = Field(description="To the task in Label Studio.")


class Recommendations(Answer):
    """Open documents, the one most worth annotating first."""

    model_config = example(
        project=7,
        model_version="fields-3.4bf1c2d9",
        recommendations=[
            {
                "task": 41,
                "priority": "high",
                "score": 0.2,
                "probability": 0.2,
                "reasons": ["required field total is missing"],
                "fields": {"date": ["2026-01-31"]},
                "model_version": "fields-3.4bf1c2d9",
                "link": "http://localhost:8080/projects/7/data?task=41",
            }
        ],
    )

    project: int
    model_version: str
    recommendations: list[Recommendation]


class CorrectionsAsked(Limited):
    """Which corrections are wanted."""

    all: bool = Field(False, description="Also fields that were confirmed as they were.")


class Correction(Answer):
    """One difference between what was shown and what was submitted."""

    kind: Literal["text", "label", "box", "deleted", "added", "confirmed"]
    cause: str
    label: str
    predicted_label: str
    ocr_text: str
    predicted_value: str
    final_value: str
    page: int
    region_id: str
    model_version: str
    engine: str
    lead_time: float | None
    completed_by: int | None
    at: str
    task_id: int
    annotation_id: int
    predicted_place: list[float] | None
    field_number: int | None


class Corrections(Answer):
    """The newest corrections first."""

    model_config = example(
        project=7,
        corrections=[
            {
                "kind": "text",
                "cause": "misread characters",
                "label": "total",
                "predicted_label": "total",
                "ocr_text": "12.5O",
                "predicted_value": "12.5O",
                "final_value": "12.50",
                "page": 0,
                "region_id": "a1b2c3d4e5",
                "model_version": "fields-3.4bf1c2d9",
                "engine": "rapidocr",
                "lead_time": 8.5,
                "completed_by": 3,
                "at": "2026-01-31T08:00:00.000000Z",
                "task_id": 41,
                "annotation_id": 17,
                "predicted_place": None,
                "field_number": 0,
            }
        ],
    )

    project: int
    corrections: list[Correction]
