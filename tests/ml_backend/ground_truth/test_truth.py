"""Which annotations count, on bodies recorded from the real Label Studio."""

from __future__ import annotations

from typing import Any

import pytest

from builders import recorded
from ml_backend.ground_truth.truth import reviewed, truth_of
from ml_backend.store.records import AnnotationRecord

BY_HAND = recorded("30_ui_submitted_annotations.json")


@pytest.mark.parametrize("body", BY_HAND.values(), ids=BY_HAND.keys())
def test_what_was_submitted_in_the_editor_counts_unless_it_was_skipped(body: dict[str, Any]) -> None:
    assert reviewed(body) is not body["was_cancelled"]


@pytest.mark.parametrize(
    ("body", "counts", "why"),
    [
        ({"lead_time": None, "parent_prediction": 201}, False, "made from a prediction in bulk: nobody looked"),
        ({"lead_time": None, "ground_truth": True}, True, "imported, or marked by a person"),
        ({"lead_time": None, "ground_truth": False}, False, "imported as no truth"),
        ({"lead_time": 0}, True, "quick, but the editor sent it"),
        ({"lead_time": 7.5, "was_cancelled": True}, False, "a skip carries the unchecked pre-annotation"),
        ({"ground_truth": True, "was_cancelled": True}, False, "a skip is never the truth"),
        ({}, False, "nothing says that anybody looked"),
    ],
)
def test_only_what_a_person_looked_at_and_meant_counts(body: dict[str, Any], counts: bool, why: str) -> None:
    assert reviewed(body) is counts, why


def made(number: int, updated_at: str, **more: Any) -> AnnotationRecord:
    return AnnotationRecord(number, "", updated_at, (), **{"reviewed": True, **more})


@pytest.mark.parametrize(
    ("annotations", "truth", "why"),
    [
        ([], None, "nothing was annotated"),
        ([made(1, "2026-01-01", reviewed=False), made(2, "2026-01-01", skipped=True)], None, "nobody meant any"),
        ([made(1, "2026-01-01"), made(2, "2026-01-02")], 2, "the one that was changed last"),
        ([made(1, "2026-01-01", ground_truth=True), made(2, "2026-01-02")], 1, "ground truth goes before age"),
        ([made(2, "2026-01-01"), made(1, "2026-01-01")], 2, "of one time, the one that was made last"),
    ],
)
def test_a_document_has_one_truth(annotations: list[AnnotationRecord], truth: int | None, why: str) -> None:
    found = truth_of(annotations)
    assert (found.annotation_id if found else None) == truth, why
