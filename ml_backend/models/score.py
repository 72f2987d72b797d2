"""One number for a document: how likely it is that nobody has to correct anything."""

from __future__ import annotations

from collections.abc import Sequence

from ml_backend.document.fields import Field, FieldSpec

REQUIRED_MISSING = 0.05  # a required label without a field is nearly always a miss of ours
OPTIONAL_MISSING = 0.85  # an optional label is often really absent


def document_score(specs: Sequence[FieldSpec], fields: Sequence[Field]) -> float:
    """The probability in ``[0, 1]`` that a document needs no correction at all; the lowest is asked first.

    The product over all asked labels of the confidence of their fields (several for a label that repeats), as if fields were
    right or wrong independently. A label without a field counts with a fixed chance that it is really absent.
    """
    score = 1.0
    for spec in specs:
        confidences = [field.confidence for field in fields if field.label == spec.label]
        if not confidences:
            score *= REQUIRED_MISSING if spec.required else OPTIONAL_MISSING
        for confidence in confidences:
            score *= confidence
    return min(1.0, max(0.0, score))
