"""The figures of a verdict as an admin reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNCHANGED = 0.005  # points of F1: less is nothing to speak of
CLOSE = 0.015  # points of F1: closer ones need a third digit, or rounding would contradict the verdict
NAMED = 4  # labels named one by one; a long interface has dozens


def number(value: float, digits: int = 2) -> str:
    """An F1 with two digits: ".71", "1.00"."""
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("0.") else text


def change(metrics: Mapping[str, Any], label: str = "") -> str:
    """ ".71 -> .78", over all fields or of one label; 1.00 for a side that rightly said nothing of the label."""
    before, after = (_f1(metrics[side], label) for side in ("champion", "challenger"))
    digits = 3 if 0 < abs(after - before) < CLOSE else 2
    return f"{number(before, digits)} -> {number(after, digits)}"


def sure(probability: float) -> str:
    """ "97 % sure"; never 100, which no sample can say."""
    return "over 99 % sure" if probability > 0.99 else f"{int(probability * 100)} % sure"


def fields_in_words(metrics: Mapping[str, Any]) -> str:
    """Which fields rose, which fell, which stayed: "total up .60 -> .75; date unchanged"."""
    labels = sorted({*metrics["champion"]["labels"], *metrics["challenger"]["labels"]})
    moves = {label: _f1(metrics["challenger"], label) - _f1(metrics["champion"], label) for label in labels}
    up = sorted((label for label in labels if moves[label] >= UNCHANGED), key=lambda label: -moves[label])
    down = sorted((label for label in labels if moves[label] <= -UNCHANGED), key=lambda label: moves[label])
    same = [label for label in labels if label not in (*up, *down)]
    parts = [
        _named([f"{label} up {change(metrics, label)}" for label in up], "rose"),
        _named([f"{label} down {change(metrics, label)}" for label in down], "fell"),
        f"{_named(same, 'are')} unchanged" if same else "",
    ]
    return "; ".join(part for part in parts if part)


def _named(items: list[str], verb: str) -> str:
    if len(items) <= NAMED:
        return ", ".join(items)
    return ", ".join(items[:NAMED]) + f" and {len(items) - NAMED} more" + ("" if verb == "are" else f" {verb}")


def _f1(figures: Mapping[str, Any], label: str) -> float:
    return float(figures["labels"].get(label, 1.0) if label else figures["f1"])
