"""Predictions to regions and back, and what the real Label Studio recorded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import found, interface, prediction, recorded, recorded_config
from ml_backend.document.fields import Field, Prediction
from ml_backend.document.geometry import Box
from ml_backend.label_studio.label_config import parse_interface
from ml_backend.label_studio.results import (
    from_prediction_body,
    from_results,
    region_id,
    to_prediction_body,
    to_results,
)

coordinates = st.integers(0, 1_000_000).map(lambda n: n / 1_000_000)
probabilities = st.integers(0, 1_000_000).map(lambda n: n / 1_000_000)
angles = st.one_of(st.just(0.0), st.integers(0, 3_599_999).map(lambda n: n / 10_000))


def fields(labels: list[str], pages: int, angle: st.SearchStrategy[float]) -> st.SearchStrategy[list[Field]]:
    boxes = st.builds(Box.clipped, coordinates, coordinates, coordinates, coordinates, angle)
    one = st.builds(
        Field,
        label=st.sampled_from(labels),
        text=st.text(),
        box=boxes,
        page=st.integers(0, pages - 1),
        confidence=probabilities,
    )
    return st.lists(one, max_size=6)


@given(fields(["total", "date"], 1, angles), probabilities)
def test_a_prediction_survives_rectangles_and_back(fields: list[Field], score: float) -> None:
    before = Prediction(tuple(fields), ((600, 900),), score, "v1")
    assert from_prediction_body(to_prediction_body(before, interface("total", "date"), 7)) == before_with_sizes(before)


@given(fields(["total", "date"], 3, angles))
def test_a_prediction_of_several_pages_survives(fields: list[Field]) -> None:
    paged = interface("total", "date", paged=True)
    assert from_results(to_results(prediction(*fields, pages=3), paged, 7)) == tuple(fields)


@pytest.mark.parametrize("shape", ["Rectangle", "Polygon"])
@given(drawn=fields(["total", "date"], 1, st.just(0.0)))
def test_a_prediction_survives_labels_with_a_shape_of_its_own(shape: str, drawn: list[Field]) -> None:
    xml = (
        '<View><Image name="i" value="$image"/><Labels name="l" toName="i"><Label value="total"/><Label value="date"/></Labels>'
        f'<{shape} name="s" toName="i"/><TextArea name="t" toName="i" perRegion="true"/></View>'
    )
    config = parse_interface(xml, lambda name: "text")
    assert from_results(to_results(prediction(*drawn), config, 7)) == tuple(drawn)


def before_with_sizes(before: Prediction) -> Prediction:
    """Label Studio keeps a page's size with its regions only: a prediction without regions comes back without sizes."""
    sizes = before.page_sizes if before.fields else ()
    return Prediction(before.fields, sizes, before.score, before.model_version)


def test_a_field_becomes_a_box_and_a_text_under_one_id() -> None:
    field = found("total", "12.50", Box(0.25, 0.5, 0.375, 0.525, 0.0), confidence=0.84)
    shared = {
        "id": region_id(7, field),
        "to_name": "image",
        "score": 0.84,
        "original_width": 600,
        "original_height": 900,
        "image_rotation": 0,
    }
    place = {"x": 25.0, "y": 50.0, "width": 12.5, "height": 2.5, "rotation": 0.0}
    assert to_results(prediction(field), interface("total"), 7) == [
        {**shared, "from_name": "label", "type": "rectanglelabels", "value": {**place, "rectanglelabels": ["total"]}},
        {**shared, "from_name": "transcription", "type": "textarea", "value": {**place, "text": ["12.50"]}},
    ]


def test_the_reason_travels_as_a_note_on_the_region() -> None:
    results = to_results(prediction(found(reason="right of 'TOTAL'")), interface("total"), 7)
    assert [result["meta"] for result in results] == [{"text": ["right of 'TOTAL'"]}] * 2
    assert from_results(results)[0].reason == "right of 'TOTAL'"


def test_pages_carry_their_index_and_their_own_size() -> None:
    second = Prediction((found(page=1),), ((600, 900), (1200, 800)), 0.5, "v1")
    results = to_results(second, interface("total", paged=True), 7)
    assert {(r["item_index"], r["original_width"], r["original_height"]) for r in results} == {(1, 1200, 800)}


def test_a_label_the_interface_does_not_offer_is_left_out() -> None:
    assert to_results(prediction(found("colour")), interface("total"), 7) == []


def test_two_fields_in_the_same_place_stay_two_regions() -> None:
    twins = prediction(found(text="1"), found(text="2"))
    assert from_results(to_results(twins, interface("total"), 7)) == twins.fields


@pytest.mark.parametrize(
    ("score", "expected"), [(float("nan"), 0.0), (-1.0, 0.0), (7.5, 1.0), (0.12345678, 0.123457), (1, 1.0)]
)
def test_a_score_is_always_a_number_that_label_studio_takes(score: float, expected: float) -> None:
    body = to_prediction_body(prediction(score=score), interface(), 7)
    assert body == {"model_version": "v1", "score": expected, "result": []}


def test_ids_are_stable_and_differ_by_task_label_and_place() -> None:
    field = found()
    others = [
        region_id(8, field),
        region_id(7, found("date")),
        region_id(7, found(page=1)),
        region_id(7, field, twin=1),
    ]
    assert region_id(7, field) == region_id("7", found(text="other", words=(3,)))
    assert len({region_id(7, field), *others}) == 5


def test_a_box_drawn_in_a_turned_view_lies_on_the_upright_page() -> None:
    """As the real editor stored it: drawn near the top left of a view turned to the right, so at the bottom left of the page."""
    drawn = {
        "original_width": 1203,
        "original_height": 1397,
        "image_rotation": 90,
        "value": {
            "x": 4.010695187165776,
            "y": 88.48755354292429,
            "width": 13.36898395721925,
            "height": 6.907467874245441,
            "rotation": 0,
            "rectanglelabels": ["total"],
        },
        "id": "zFtXHoXF4a",
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "origin": "manual",
    }
    assert from_results([drawn]) == (Field("total", "", Box(0.040107, 0.884876, 0.173797, 0.95395)),)


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ("T0 accept as is", {"vendor": "Café Morgenröte GmbH", "date": "17.11.2026"}),
        ("T4 add region", {}),
    ],
)
def test_recorded_annotations_of_the_real_editor_are_read(done: str, expected: dict[str, str]) -> None:
    fields = from_results(recorded("30_ui_submitted_annotations.json")[done]["result"])
    texts = {field.label: field.text for field in fields}
    assert texts.items() >= expected.items()
    assert all(0 <= field.box.left <= field.box.right <= 1 for field in fields)


def test_a_submitted_annotation_differs_from_what_was_shown_exactly_where_the_annotator_corrected_it() -> None:
    body = recorded("32_webhook_ANNOTATION_CREATED_from_UI_text_corrected.json")["request"]["body"]["annotation"]
    shown = {field.id: field for field in from_prediction_body(body["prediction"]).fields}
    changed = [(shown[f.id].text, f.text) for f in from_results(body["result"]) if f != shown[f.id]]
    assert changed == [("Cr0issant", "Croissant")]


def test_the_recorded_prediction_survives_being_read_and_written() -> None:
    body = recorded("24_predict_response_example.json")["response"]["body"]["results"][0]
    config = parse_interface(recorded_config(), lambda name: "text")
    read = from_prediction_body(body)
    again = from_prediction_body(to_prediction_body(read, config, 1))
    assert again == read
    assert [field.label for field in read.fields][:2] == ["vendor", "address"]


@pytest.mark.parametrize(
    "odd",
    [
        {"id": "c", "type": "choices", "value": {"choices": ["x"]}},
        {"id": "r", "type": "relation", "from_id": "a", "to_id": "b"},
        {"type": "textarea", "value": {"text": ["document-level text"]}},
    ],
)
def test_results_without_a_place_are_not_fields(odd: dict[str, object]) -> None:
    assert from_results([odd]) == ()


def test_a_region_with_two_labels_is_two_fields_and_one_without_label_is_kept() -> None:
    place = {"x": 10, "y": 10, "width": 10, "height": 10}
    two = {"id": "a", "type": "rectanglelabels", "value": {**place, "rectanglelabels": ["total", "tax"]}}
    none = {"id": "b", "type": "rectangle", "value": place}
    box = Box(0.1, 0.1, 0.2, 0.2)
    assert from_results([two, none]) == (Field("total", "", box), Field("tax", "", box), Field("", "", box))
