"""The frame and its conversions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_backend.document.geometry import (
    Box,
    Quad,
    from_percent,
    points_from_percent,
    points_to_percent,
    to_percent,
    union,
)

coordinates = st.integers(0, 1_000_000).map(lambda n: n / 1_000_000)
boxes = st.builds(Box.clipped, coordinates, coordinates, coordinates, coordinates)
turned = st.builds(
    Box.clipped, coordinates, coordinates, coordinates, coordinates, st.integers(0, 3_599_999).map(lambda n: n / 10_000)
)


@given(turned)
def test_a_box_survives_percent_and_back_to_the_last_digit(box: Box) -> None:
    assert from_percent(**to_percent(box)) == box


@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9))
def test_polygon_corners_survive_percent_and_back(points: list[tuple[float, float]]) -> None:
    assert points_from_percent(points_to_percent(points)) == points


@given(st.floats(-9, 9), st.floats(-9, 9), st.floats(-9, 9), st.floats(-9, 9))
def test_whatever_comes_in_a_clipped_box_lies_on_the_page(a: float, b: float, c: float, d: float) -> None:
    box = Box.clipped(a, b, c, d)
    assert 0 <= box.left <= box.right <= 1
    assert 0 <= box.top <= box.bottom <= 1


@given(boxes)
def test_percent_never_leaves_the_image(box: Box) -> None:
    value = to_percent(box)
    assert 0 <= value["x"] <= value["x"] + value["width"] <= 100 + 1e-9
    assert 0 <= value["y"] <= value["y"] + value["height"] <= 100 + 1e-9


def test_a_box_turned_by_a_quarter_about_its_corner_stands_beside_it_in_pixels() -> None:
    """200 x 100 pixels at (400, 400) on a page of 1000 x 2000, turned clockwise: it hangs down to the left of its corner."""
    box = Box(0.4, 0.2, 0.6, 0.25, rotation=90)
    assert box.upright(1000, 2000) == Box(0.3, 0.2, 0.4, 0.3)


@pytest.mark.parametrize(
    ("a", "b", "expected", "why"),
    [
        (Box(0, 0, 0.5, 0.5), Box(0, 0, 0.5, 0.5), 1.0, "the same"),
        (Box(0, 0, 0.5, 0.5), Box(0.5, 0.5, 1, 1), 0.0, "touching corners share nothing"),
        (Box(0, 0, 0.5, 0.4), Box(0.25, 0, 0.75, 0.4), 1 / 3, "half of each"),
        (Box(0.1, 0.1, 0.1, 0.1), Box(0.1, 0.1, 0.1, 0.1), 0.0, "empty boxes"),
    ],
)
def test_iou(a: Box, b: Box, expected: float, why: str) -> None:
    assert a.iou(b) == pytest.approx(expected), why


def test_the_union_holds_all_boxes() -> None:
    assert union([Box(0.1, 0.2, 0.3, 0.4), Box(0.2, 0.1, 0.25, 0.5)]) == Box(0.1, 0.1, 0.3, 0.5)


def test_a_quad_has_four_corners() -> None:
    with pytest.raises(ValueError, match="3"):
        Quad.clipped([(0, 0), (1, 0), (1, 1)])
