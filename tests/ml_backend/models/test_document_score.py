"""The probability that a document needs no correction."""

from __future__ import annotations

import pytest

from builders import found
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.models.score import OPTIONAL_MISSING, REQUIRED_MISSING, document_score

TOTAL = FieldSpec("total", "amount", required=True)
DATE = FieldSpec("date", "date")


@pytest.mark.parametrize(
    ("specs", "fields", "score", "reason"),
    [
        ([], [], 1.0, "nothing asked, nothing to correct"),
        ([TOTAL], [found("total", confidence=0.8)], 0.8, "one field"),
        ([TOTAL, DATE], [found("total", confidence=0.8), found("date", confidence=0.5)], 0.4, "the product"),
        ([TOTAL], [], REQUIRED_MISSING, "a required label without a field"),
        ([DATE], [], OPTIONAL_MISSING, "an optional label without a field"),
        (
            [DATE],
            [found("date", confidence=0.5), found("date", confidence=0.5)],
            0.25,
            "all fields of a label that repeats",
        ),
        (
            [DATE],
            [found("date", confidence=0.5), found("other", confidence=0.1)],
            0.5,
            "a label that was not asked for",
        ),
        ([TOTAL], [found("total", confidence=0.0)], 0.0, "never below zero"),
    ],
)
def test_the_score(specs: list[FieldSpec], fields: list[Field], score: float, reason: str) -> None:
    assert document_score(specs, fields) == pytest.approx(score), reason
