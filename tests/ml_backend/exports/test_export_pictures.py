"""Cut-outs: exact where nothing is turned, upright where something is."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops

from ml_backend.document.geometry import Box, Quad
from ml_backend.exports.pictures import crop, png

SIZE = (120, 80)


def striped(width: int, height: int) -> Image.Image:
    """Every column has its own red, every row its own green: only one way round looks like this."""
    picture = Image.new("RGB", (width, height))
    picture.putdata([(200 - 5 * x, 10 * y, 50) for y in range(height) for x in range(width)])
    return picture


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_turned_box_is_cut_out_upright_pixel_by_pixel(turn: int) -> None:
    text = striped(30, 12)
    page = Image.new("RGB", SIZE, "white")
    turned = text.rotate(-turn, expand=True)
    left, top = 40, 30
    page.paste(turned, (left, top))
    corner = {0: (0, 0), 90: (12, 0), 180: (30, 12), 270: (0, 30)}[turn]
    x, y = (left + corner[0]) / SIZE[0], (top + corner[1]) / SIZE[1]
    box = Box(x, y, x + 30 / SIZE[0], y + 12 / SIZE[1], float(turn))
    cut = crop(page, Quad.of_box(box, *SIZE))
    assert (cut.size, ImageChops.difference(cut, text).getbbox()) == (text.size, None)


def test_a_box_turned_by_some_degrees_shows_the_same_stripes() -> None:
    page = Image.new("RGB", SIZE, (200, 0, 50))
    page.paste(striped(30, 12), (40, 30))
    turned = page.rotate(-20, Image.Resampling.BICUBIC, center=(40, 30))
    cut = crop(turned, Quad.of_box(Box(40 / 120, 30 / 80, 70 / 120, 42 / 80, 20.0), *SIZE))
    inner = (2, 2, 28, 10)
    worst = max(high for _, high in ImageChops.difference(cut.crop(inner), striped(30, 12).crop(inner)).getextrema())
    assert (cut.size, worst <= 8) == ((30, 12), True)


@pytest.mark.parametrize(
    ("box", "size"),
    [
        (Box(0.0, 0.0, 1.0, 1.0), SIZE),
        (Box(0.104, 0.104, 0.196, 0.196), (12, 8)),  # part of a pixel counts as a pixel
        (Box(1.0, 1.0, 1.0, 1.0), (1, 1)),
        (Box(0.999, 0.5, 1.0, 0.5001, 45.0), (1, 1)),
    ],
)
def test_no_cut_out_is_empty_or_cuts_into_the_box(box: Box, size: tuple[int, int]) -> None:
    assert crop(Image.new("RGB", SIZE), Quad.of_box(box, *SIZE)).size == size


def test_a_png_has_the_same_pixels_and_no_time() -> None:
    picture = striped(30, 12)
    data = png(picture)
    assert data == png(picture.copy())
    assert b"tIME" not in data
