"""A prediction as JSON values, on its way from the worker that made it to the one that ranks and imports it. Never a pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from active_learning.signals import Observed, Signals
from ml_backend.document.fields import Prediction
from ml_backend.document.json_form import fields_from_json, fields_to_json

_BROKEN = (ValueError, KeyError, TypeError, AttributeError, OverflowError)


def outcome_to_json(made: Prediction, data: Mapping[str, Any]) -> dict[str, Any]:
    """``made``, which was predicted of a task's ``data``, with all that a ranking noted."""
    observed = made.observed
    if not isinstance(observed, Observed):
        raise TypeError("predictions that are shared are made with the ranking's observer")
    return {
        "data": digest(data),
        "fields": fields_to_json(made.fields),
        "page_sizes": made.page_sizes,
        "score": made.score,
        "model_version": made.model_version,
        "engines": made.engines,
        "notes": made.notes,
        "content": made.content,
        "digests": made.digests,
        "signals": asdict(observed.signals),
        "signature": observed.signature,
    }


def outcome_from_json(value: Mapping[str, Any], data: Mapping[str, Any]) -> Prediction | None:
    """The prediction of ``outcome_to_json``; None where there is none, or it was made of other data than these."""
    try:
        if value["data"] != digest(data):
            return None
        signals = {**value["signals"], "missing": _strings(value["signals"]["missing"])}
        return Prediction(
            fields=fields_from_json(value["fields"]),
            page_sizes=tuple((int(width), int(height)) for width, height in value["page_sizes"]),
            score=float(value["score"]),
            model_version=str(value["model_version"]),
            engines=_strings(value["engines"]),
            notes=_strings(value["notes"]),
            content=str(value["content"]),
            digests=_strings(value["digests"]),
            observed=Observed(Signals(**signals), tuple(float(one) for one in value["signature"])),
        )
    except _BROKEN:
        return None


def digest(data: Mapping[str, Any]) -> str:
    """Tells a task's data from others; some hold whole pictures."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


def _strings(values: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in values)
