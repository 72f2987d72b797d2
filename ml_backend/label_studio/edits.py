"""The annotation that somebody makes of a prediction without Label Studio's editor, written as the editor would write it.

Regions that stay are the prediction's own, to the last digit; a text that was corrected keeps ``origin: "prediction"``, another
label or box makes it ``"prediction-changed"``, a new region is ``"manual"``. All keep their ids, by which the ledger pairs them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ml_backend.document.fields import Field
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.results import from_results, region_id, region_results

Results = Sequence[Mapping[str, Any]]
Sizes = Mapping[int, tuple[int, int]]


def as_shown(results: Results) -> list[dict[str, Any]]:
    """The annotation of who found nothing to correct."""
    return [{**result, "origin": "prediction"} for result in results]


def edited(results: Results, final: Sequence[Field], interface: Interface, sizes: Sizes, task_id: int) -> list[Any]:
    """The annotation that says ``final`` where ``results`` were shown.

    A field of ``final`` whose ``id`` is one of those shown is that one; all others are new. ``sizes`` are pixels of the pages.
    """
    shown = {field.id: field for field in reversed(from_results(results)) if field.label}
    raw: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        raw.setdefault(str(result.get("id")), []).append(dict(result))
    taken: Counter[str] = Counter()
    made: list[dict[str, Any]] = []
    for field in final:
        before = shown.get(field.id)
        if before is not None and before == replace(field, confidence=before.confidence):
            made += as_shown(raw[field.id])
            continue
        identity = field.id if before is not None else _new_id(task_id, field, taken, shown)
        moved = before is None or (before.label, before.box, before.page) != (field.label, field.box, field.page)
        origin = "manual" if before is None else "prediction-changed" if moved else "prediction"
        size = sizes.get(field.page, (1, 1))
        made += [{**one, "origin": origin} for one in region_results(field, interface, size, identity)]
    return made


def _new_id(task_id: int, field: Field, taken: Counter[str], shown: Mapping[str, Field]) -> str:
    """An id that none of the shown has: the field is not the one that stood there."""
    while True:
        identity = region_id(f"{task_id} by hand", field, twin=taken[field.label])
        taken[field.label] += 1
        if identity not in shown:
            return identity
