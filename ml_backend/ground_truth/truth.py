"""Which annotations count: what a person looked at, and which of several is the truth of a document.

The model never learns from its own unreviewed output, so this rule stands in one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ml_backend.store.records import AnnotationRecord


def reviewed(body: Mapping[str, Any]) -> bool:
    """Whether a person looked at an annotation (a body of Label Studio) and meant it.

    A skip carries the whole unchecked pre-annotation. "Create annotations from predictions" makes annotations that nobody saw:
    their ``lead_time`` is null, while the editor always sends one. Imported annotations have none either, but Label Studio marks
    them as ground truth, and nothing else does so unasked.
    """
    return not body.get("was_cancelled") and (bool(body.get("ground_truth")) or body.get("lead_time") is not None)


def truth_of(annotations: Iterable[AnnotationRecord]) -> AnnotationRecord | None:
    """The annotation a document is learned from: its ground truth, else the reviewed one that was changed last; or none."""
    candidates = [annotation for annotation in annotations if annotation.reviewed and not annotation.skipped]
    return max(candidates, key=lambda one: (one.ground_truth, one.updated_at, one.annotation_id), default=None)
