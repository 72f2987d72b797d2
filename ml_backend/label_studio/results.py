"""Predictions to Label Studio's regions, and regions to fields.

One field is one region: a shape, its label and its text are results that share one id. Geometry is percent (document.geometry).
``from_results(to_results(p)) == p`` for everything that Label Studio can hold.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ml_backend.document.fields import Field, Prediction
from ml_backend.document.geometry import (
    Box,
    Quad,
    from_percent,
    points_from_percent,
    points_to_percent,
    to_percent,
    union,
)
from ml_backend.label_studio.label_config import Interface

_LABEL_KINDS = ("rectanglelabels", "polygonlabels", "labels")


def region_id(task_id: object, field: Field, twin: int = 0) -> str:
    """A region's id: the same for the same task, label and place; ``twin`` numbers fields that share even those.

    Ten base-32 characters of a hash: 50 bits, so 300 regions meet by chance once in 2e10 tasks.
    """
    digest = hashlib.sha256(repr((str(task_id), field.label, field.page, field.box, twin)).encode()).digest()
    number = int.from_bytes(digest[:7], "big")
    return "".join("abcdefghijklmnopqrstuvwxyz234567"[(number >> (5 * i)) & 31] for i in range(10))


def to_results(prediction: Prediction, interface: Interface, task_id: object) -> list[dict[str, Any]]:
    """The ``result`` list of a prediction. Fields whose label the interface does not offer are left out."""
    results: list[dict[str, Any]] = []
    taken: Counter[tuple[str, int, Box]] = Counter()
    for field in prediction.fields:
        if interface.control_of(field.label) is not None:
            place = (field.label, field.page, field.box)
            identity = region_id(task_id, field, twin=taken[place])
            taken[place] += 1
            results += region_results(field, interface, prediction.page_sizes[field.page], identity)
    return results


def region_results(field: Field, interface: Interface, size: tuple[int, int], identity: str) -> list[dict[str, Any]]:
    """The two or three results of one region: shape, label, text; none for a label that the interface does not offer."""
    control = interface.control_of(field.label)
    if control is None:
        return []
    if control.shape == "rectangle":
        value: dict[str, Any] = dict(to_percent(field.box))
    else:
        value = {"points": points_to_percent(Quad.of_box(field.box, *size).points), "closed": True}
    common: dict[str, Any] = {
        "id": identity,
        "to_name": interface.image,
        "score": _probability(field.confidence),
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
    }
    if interface.paged:
        common["item_index"] = field.page
    if field.reason:
        common["meta"] = {"text": [field.reason]}  # shown in the details of a region

    def result(name: str, kind: str, **content: Any) -> dict[str, Any]:
        return {**common, "from_name": name, "type": kind, "value": {**value, **content}}

    results = []
    if control.result_type == "labels":
        results.append(result(control.shape_name, control.shape))
    results.append(result(control.name, control.result_type, **{control.result_type: [field.label]}))
    if interface.text:
        # The text area is often required, and an empty one would stop the annotator's Submit without a word.
        results.append(result(interface.text, "textarea", text=[field.text]))
    return results


def to_prediction_body(prediction: Prediction, interface: Interface, task_id: object) -> dict[str, Any]:
    """One entry of ``/predict``'s ``results``; the score is always a number in [0, 1]."""
    return {
        "model_version": prediction.model_version,
        "score": _probability(prediction.score),
        "result": to_results(prediction, interface, task_id),
    }


def _probability(value: float) -> float:
    """``value`` as Label Studio takes scores: a finite number in [0, 1]; it sorts null differently on each database."""
    return 0.0 if math.isnan(value) else min(1.0, max(0.0, round(value, 6)))


def from_results(results: Sequence[Mapping[str, Any]]) -> tuple[Field, ...]:
    """The fields of a ``result`` list, in the order of their first appearance.

    Any tag names will do: regions are put together by id, labels and texts told by their ``type``. A region with several labels
    becomes one field a label, all with its id; a shape without a label becomes a field with the label ``""``. Results without
    geometry (choices, relations, document-level texts) are not fields.
    """
    regions: dict[str, list[Mapping[str, Any]]] = {}
    for number, result in enumerate(results):
        regions.setdefault(str(result.get("id", f"#{number}")), []).append(result)
    fields: list[Field] = []
    for identity, parts in regions.items():
        box = next((b for b in map(_box, parts) if b is not None), None)
        if box is None:
            continue
        labels = [
            label for part in parts if part.get("type") in _LABEL_KINDS for label in part["value"].get(part["type"], [])
        ]
        texts = [part["value"].get("text", "") for part in parts if part.get("type") == "textarea"]
        first = parts[0]
        score = first.get("score")
        fields += [
            Field(
                label=str(label),
                text="\n".join(_lines(texts[0])) if texts else "",
                box=box,
                page=int(first.get("item_index") or 0),
                confidence=float(score) if isinstance(score, int | float) else 1.0,
                id=identity,
                reason=" ".join(_lines((first.get("meta") or {}).get("text", []))),
            )
            for label in labels or [""]
        ]
    return tuple(fields)


def _lines(text: object) -> list[str]:
    return [str(line) for line in text] if isinstance(text, list) else [str(text)]


def _box(result: Mapping[str, Any]) -> Box | None:
    """The box of one result on the upright page, or None if it has no shape.

    ``image_rotation`` says how the annotator had turned the view and changes nothing: Label Studio stores the coordinates of the
    upright image all the same (tried with 1.23.2, for regions that were there and for one drawn in the turned view).
    """
    value = result.get("value") or {}
    if value.get("points"):
        return union(Box(x, y, x, y) for x, y in points_from_percent(value["points"]))
    if {"x", "y", "width", "height"} <= value.keys():
        return from_percent(value["x"], value["y"], value["width"], value["height"], value.get("rotation") or 0.0)
    return None


def from_prediction_body(body: Mapping[str, Any]) -> Prediction:
    """A prediction as Label Studio stores it. Page sizes are known for pages that carry a region."""
    results = body.get("result") or []
    sizes: dict[int, tuple[int, int]] = {}
    for result in results:
        if "original_width" in result:
            sizes[int(result.get("item_index") or 0)] = (int(result["original_width"]), int(result["original_height"]))
    return Prediction(
        fields=from_results(results),
        page_sizes=tuple(sizes.get(page, (0, 0)) for page in range(max(sizes, default=-1) + 1)),
        score=float(body.get("score") or 0.0),
        model_version=str(body.get("model_version") or ""),
    )
