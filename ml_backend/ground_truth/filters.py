"""Which lines of the ground truth are given out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ml_backend.exports.ground_truth import GroundTruth


@dataclass(frozen=True, slots=True)
class Filters:
    """Which lines are given out. ``since`` and ``until`` (not included) are about ``reviewed_at``, ISO in UTC.

    With ``labels`` a line has only their fields and corrections, and documents without any of them are left out.
    """

    approved_only: bool = True
    has_corrections: bool | None = None
    since: str = ""
    until: str = ""
    labels: tuple[str, ...] = ()
    model_version: str = ""
    annotator: int | None = None
    limit: int | None = None

    def take(self, line: GroundTruth) -> bool:
        """Whether a line, cut to the labels, is one of those."""
        return (
            (line.approved or not self.approved_only)
            and self.has_corrections in (None, bool(line.corrections))
            and (not self.since or line.reviewed_at >= self.since)
            and (not self.until or line.reviewed_at < self.until)
            and (not self.labels or bool(line.final_result or line.initial_result))
            and self.model_version in ("", line.model_version)
            and self.annotator in (None, line.reviewed_by)
        )


def only(line: GroundTruth, labels: Sequence[str]) -> GroundTruth:
    """The line with these labels alone; paths still count all fields of the document."""
    return replace(
        line,
        initial_result=None
        if line.initial_result is None
        else [f for f in line.initial_result if f["label"] in labels],
        final_result=[field for field in line.final_result if field["label"] in labels],
        corrections=[one for one in line.corrections if one.label in labels],
    )
