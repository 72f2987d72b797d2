"""Annotations that are made without the editor: as the editor would have written them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import found, interface, prediction
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.label_studio.edits import as_shown, edited
from ml_backend.label_studio.label_config import Interface, parse_interface
from ml_backend.label_studio.results import from_results, to_results

TWO = (
    found("total", "12.50", Box(0.5, 0.5, 0.6, 0.52), confidence=0.8, reason="beside “Total”"),
    found("date", "2026-01-31", Box(0.1, 0.1, 0.3, 0.12), page=1, confidence=0.4),
)
POLYGONS = (
    '<View><Image name="i" value="$image"/><Labels name="l" toName="i"><Label value="total"/><Label value="date"/></Labels>'
    '<Polygon name="p" toName="i"/><TextArea name="t" toName="i" perRegion="true"/></View>'
)


def shown(there: Interface) -> list[dict[str, Any]]:
    return to_results(prediction(*TWO, pages=2), there, 41)


def origins(results: list[dict[str, Any]]) -> dict[str, set[str]]:
    """By text, the origins of a region's parts."""
    texts = {field.id: field.text for field in from_results(results)}
    found: dict[str, set[str]] = {}
    for result in results:
        found.setdefault(texts[result["id"]], set()).add(result["origin"])
    return found


@pytest.mark.parametrize(
    "there",
    [interface("total", "date", paged=True), parse_interface(POLYGONS, lambda label: "text")],
    ids=["rectangles on pages", "polygons"],
)
def test_what_was_said_is_what_is_read_and_what_stayed_is_the_same_to_the_last_digit(there: Interface) -> None:
    results = shown(there)
    first, second = from_results(results)
    corrected = replace(first, text="12.60", confidence=1.0)
    new = Field("date", "2026-02-01", Box(0.7, 0.7, 0.8, 0.72))
    made = edited(results, [corrected, second, new], there, {0: (600, 900), 1: (600, 900)}, 41)
    assert from_results(made) == (corrected, second, new)
    assert [one for one in made if one["id"] == second.id] == as_shown([r for r in results if r["id"] == second.id])
    assert len({field.id for field in from_results(made)} - {first.id, second.id}) == 1


def test_origins_are_those_that_the_editor_writes() -> None:
    there = interface("total", "date", paged=True)
    results = shown(there)
    first, second = from_results(results)
    moved = replace(second, box=Box(0.1, 0.2, 0.3, 0.22), text="moved")
    made = edited(results, [replace(first, text="only the text"), moved, found(text="new")], there, {}, 41)
    assert origins(made) == {
        "only the text": {"prediction"},
        "moved": {"prediction-changed"},
        "new": {"manual"},
    }


def test_a_new_field_never_takes_the_id_of_one_that_was_shown_even_in_its_very_place() -> None:
    there = interface("total", "date", paged=True)
    results = shown(there)
    first = from_results(results)[0]
    twins = [replace(first, id=""), replace(first, id="")]
    made = from_results(edited(results, twins, there, {}, 41))
    assert len({field.id for field in made} | {first.id}) == 3
