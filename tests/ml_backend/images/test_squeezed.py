"""The small picture that is kept of a page: what LayoutLMv3 would have made of the page itself."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ml_backend.document.elements import MOST_PICTURE
from ml_backend.images.squeezed import squeezed
from ml_backend.models.layout_model.looks import Look, opened


def receipt(width: int = 900, height: int = 1300) -> Image.Image:
    """Dark lines of text-like strokes and a red stamp on paper that gets darker towards its end."""
    shade = np.linspace(255, 200, height).astype(np.uint8)
    image = Image.fromarray(np.repeat(np.repeat(shade[:, None, None], width, 1), 3, 2))
    draw = ImageDraw.Draw(image)
    for row in range(40, height - 40, 30):
        draw.rectangle((60, row, 60 + (row * 37) % (width - 120), row + 12), fill=(30, 30, 30))
    draw.ellipse((width // 2, height // 2, width // 2 + 200, height // 2 + 200), outline=(200, 20, 20), width=16)
    return image


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (224, 224), (900, 1300)])
def test_every_page_becomes_a_small_square_jpeg(size: tuple[int, int]) -> None:
    made = squeezed(Image.new("RGB", size, "white"))

    with Image.open(io.BytesIO(made)) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (224, 224), "RGB")
    assert squeezed(Image.new("RGB", size, "white")) == made


def test_a_page_of_noise_is_within_what_is_read_back() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8))

    assert len(squeezed(noise)) < MOST_PICTURE
    assert opened(squeezed(noise)) is not None


@pytest.mark.slow
def test_the_network_sees_nearly_what_transformers_would_show_it() -> None:
    from transformers.models.layoutlmv3.image_processing_pil_layoutlmv3 import LayoutLMv3ImageProcessorPil

    page = receipt()
    wanted = LayoutLMv3ImageProcessorPil(apply_ocr=False)(page, return_tensors="np")["pixel_values"][0]

    seen = Look().pixels([squeezed(page)])[0]

    assert seen.shape == wanted.shape
    assert np.abs(seen - wanted).mean() < 0.03  # of a range of 2; the rest is the JPEG's
    assert np.corrcoef(seen.ravel(), wanted.ravel())[0, 1] > 0.99
