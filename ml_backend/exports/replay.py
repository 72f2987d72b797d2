"""Corrections played backwards give the prediction, forwards the answer: an exported line proves itself.

Forwards and backwards need nothing but the line. A field of the answer that was not added comes from one field of the
prediction; in the rebuilt prediction these stand first, in the answer's order, then the deleted ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ml_backend.exports.ground_truth import Correction

Result = Sequence[Mapping[str, Any]]

_PATH = re.compile(r"(initial_result|final_result)\[(\d+)\](?:\.(text|label|box))?")
_KEYS = {"text": "text", "label": "label", "box": "place"}


def backwards(final: Result, corrections: Sequence[Correction]) -> list[dict[str, Any]]:
    """The prediction that ``corrections`` made ``final`` of. Raises ValueError for a path that names no field."""
    fields = [dict(field) for field in final]
    added, deleted = set[int](), []
    for one in corrections:
        _, at, attribute = _parts(one, len(final))
        if one.kind == "deleted":
            deleted.append(dict(one.old_value))
        elif one.kind == "added":
            added.add(at)
        else:
            fields[at][attribute] = one.old_value
    return [field for at, field in enumerate(fields) if at not in added] + deleted


def forwards(initial: Result, corrections: Sequence[Correction]) -> list[dict[str, Any]]:
    """The answer that ``corrections`` make of ``initial`` (as ``backwards`` gave it). Raises ValueError as that."""
    gone = {_parts(one, None)[1] for one in corrections if one.kind == "deleted"}
    new = {_parts(one, None)[1]: one.new_value for one in corrections if one.kind == "added"}
    kept = iter([dict(field) for at, field in enumerate(initial) if at not in gone])
    size = len(initial) - len(gone) + len(new)
    try:
        fields = [dict(new[at]) if at in new else next(kept) for at in range(size)]
    except StopIteration:
        raise ValueError("the corrections name fields that the prediction does not have") from None
    for one in corrections:
        _, at, attribute = _parts(one, size if one.kind != "deleted" else None)
        if attribute:
            fields[at][attribute] = one.new_value
    return fields


def _parts(correction: Correction, size: int | None) -> tuple[str, int, str]:
    found = _PATH.fullmatch(correction.field_path)
    if found is None or (size is not None and found[1] == "final_result" and int(found[2]) >= size):
        raise ValueError(f"a correction of a field that is not there: {correction.field_path[:60]!r}")
    return found[1], int(found[2]), _KEYS.get(found[3] or "", "")
