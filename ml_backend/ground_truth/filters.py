"""Which lines of the ground truth are given out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ml_backend.document.times import utc
from ml_backend.document.version_names import is_ours, of_model
from ml_backend.exports.ground_truth import GroundTruth

_YES_NO = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_NUMBER = re.compile(r"[0-9]{1,18}")
NAMES = {
    "approved_only": "true (the default), or false: also what was skipped, or what nobody looked at",
    "has_corrections": "true: the prediction was corrected; false: it was right, or there was none",
    "since": "reviewed at this time or later, such as 2026-01-31 or 2026-01-31T08:00:00+01:00; UTC where it does not say",
    "until": "reviewed before this time",
    "fields": "labels with commas between them: their fields and corrections alone, of documents that have any",
    "model_version": "the version whose prediction was shown, such as fields-3; with its dots that very one",
    "annotator": "who reviewed it: Label Studio's number of the person",
    "limit": "this many documents at most, from 1",
}
"""What can be asked for, with a line for people."""


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

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Filters:
        """The filters that a request or a command names (``NAMES``); ``fields`` are labels with commas between them.

        Raises:
            ValueError: an unknown name, one that is named twice, no value or a bad one, quoted. An empty value is a mistake (a
                variable that was not set), and must not give out more than was meant; so is one that no document can pass.
        """
        given: dict[str, str] = {}
        for name, value in pairs:
            if name not in NAMES:
                raise ValueError(f"There is no filter {name[:40]!r}; there are: {', '.join(NAMES)}.")
            if name in given or not value.strip():
                raise ValueError(f"{name} is named twice." if name in given else f"{name} has no value.")
            given[name] = value
        asked = cls(
            approved_only=_yes_no("approved_only", given.get("approved_only", "true")),
            has_corrections=_yes_no("has_corrections", given["has_corrections"])
            if "has_corrections" in given
            else None,
            since=_time("since", given.get("since", "")),
            until=_time("until", given.get("until", "")),
            labels=tuple(label.strip() for label in given.get("fields", "").split(",") if label.strip()),
            model_version=given.get("model_version", ""),
            annotator=_number("annotator", given.get("annotator", "")),
            limit=_number("limit", given.get("limit", "")),
        )
        if asked.limit == 0:
            raise ValueError("limit is 1 or more: 0 is no document.")
        if asked.until and asked.since >= asked.until:
            raise ValueError(f"since ({asked.since}) is not before until ({asked.until}): no document is.")
        return asked

    def take(self, line: GroundTruth) -> bool:
        """Whether a line, cut to the labels, is one of those."""
        return (
            (line.approved or not self.approved_only)
            and self.has_corrections in (None, bool(line.corrections))
            and (not self.since or line.reviewed_at >= self.since)
            and (not self.until or line.reviewed_at < self.until)
            and (not self.labels or bool(line.final_result or line.initial_result))
            and self.takes_version(line.model_version)
            and self.annotator in (None, line.reviewed_by)
        )

    def asked(self) -> dict[str, Any]:
        """All filters by the names under which they are asked for (``NAMES``)."""
        return {"fields" if name == "labels" else name: value for name, value in asdict(self).items()}

    def takes_version(self, version: str) -> bool:
        """Whether a document that was shown a prediction of ``version`` is one of those; ``fields-3`` is all names of it,
        and ``fields-3.4bf1c2d9`` those by whichever reader."""
        asked = self.model_version
        model, _, fingerprint = asked.partition(".")
        named = version.startswith(f"{asked}.") or of_model(version, model, fingerprint)
        return asked in ("", version) or (is_ours(version) and named)


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


def _yes_no(name: str, text: str) -> bool:
    if text.lower() not in _YES_NO:
        raise ValueError(f"{name} is true or false, but it was: {text[:40]!r}.")
    return _YES_NO[text.lower()]


def _time(name: str, text: str) -> str:
    try:
        return utc(text)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{name} is a time such as 2026-01-31 or 2026-01-31T08:00:00Z, but it was: {text[:40]!r}."
        ) from None


def _number(name: str, text: str) -> int | None:
    if text and not _NUMBER.fullmatch(text):
        raise ValueError(f"{name} is a number from 0, but it was: {text[:40]!r}.")
    return int(text) if text else None
