"""What every OCR engine must do. Each engine's test class inherits ``OCREngineContract`` and says how the engine is made.

The page is drawn with Pillow's own font, so that it is the same on every machine.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageDraw, ImageFont

from ml_backend.document.elements import Page
from ml_backend.document.geometry import Box
from ml_backend.ocr.base import OCREngine

WIDTH, HEIGHT = 640, 240
# Each word with the pixel of its top left corner: two lines, a label and an amount far apart on each.
PLACES = {"Invoice": (30, 40), "Number": (180, 40), "4711": (480, 40), "Total": (30, 150), "12.50": (480, 150)}
TEXT = "Invoice Number 4711\nTotal 12.50"
_FONT_SIZE = 32


def drawn_page() -> Image.Image:
    """The page that every engine reads."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    for text, place in PLACES.items():
        pen.text(place, text, font=ImageFont.load_default(size=_FONT_SIZE), fill="black")
    return image


def blank_page() -> Image.Image:
    return Image.new("RGB", (WIDTH, HEIGHT), "white")


def ink(text: str) -> Box:
    """The box of the ink of a word of ``PLACES``."""
    left, top, right, bottom = ImageDraw.Draw(Image.new("1", (1, 1))).textbbox(
        PLACES[text], text, font=ImageFont.load_default(size=_FONT_SIZE)
    )
    return Box.clipped(left / WIDTH, top / HEIGHT, right / WIDTH, bottom / HEIGHT)


class OCREngineContract:
    """Inherit, and give ``reader`` as a fixture of class scope: one engine that reads ``drawn_page``."""

    name: str  # of the engine in the registry

    @pytest.fixture(scope="class")
    @classmethod
    def page(cls, reader: OCREngine) -> Page:
        return reader.read(drawn_page())

    def test_the_words_come_in_reading_order_with_their_lines(self, page: Page) -> None:
        assert page.text == TEXT
        assert [word.line for word in page.words] == [0, 0, 0, 1, 1]

    def test_the_page_has_the_size_of_the_image_and_names_the_engine(self, page: Page, reader: OCREngine) -> None:
        assert (page.width, page.height, page.engine, page.fallback) == (WIDTH, HEIGHT, reader.id, "")

    def test_the_box_of_each_word_covers_its_ink_and_no_other_word(self, page: Page) -> None:
        for word in page.words:
            covered = {text: word.box.intersection(ink(text)) / ink(text).area for text in PLACES}
            assert covered.pop(word.text) > 0.85, word
            assert max(covered.values()) < 0.1, word

    def test_every_corner_lies_on_the_page_and_the_first_edge_runs_along_the_text(self, page: Page) -> None:
        for word in page.words:
            corners = word.quad.points
            assert all(0 <= value <= 1 for point in corners for value in point)
            assert corners[0][0] < corners[1][0]
            assert corners[0][1] < corners[3][1]

    def test_the_confidence_of_a_clear_word_is_a_share_near_one(self, page: Page) -> None:
        assert all(0.5 < word.confidence <= 1 for word in page.words)

    def test_an_empty_page_is_a_page_without_words(self, reader: OCREngine) -> None:
        assert reader.read(blank_page()) == Page(WIDTH, HEIGHT, (), reader.id)

    def test_a_page_reads_the_same_after_other_pages(self, reader: OCREngine, page: Page) -> None:
        reader.read(blank_page().resize((90, 500)))
        assert reader.read(drawn_page()) == page

    def test_pages_read_at_the_same_time_come_out_as_one_after_the_other(self, reader: OCREngine, page: Page) -> None:
        with ThreadPoolExecutor(3) as threads:
            images = [drawn_page(), blank_page(), drawn_page(), drawn_page()]
            assert list(threads.map(reader.read, images)) == [page, reader.read(blank_page()), page, page]

    def test_the_id_and_the_settings_stay_the_same_and_the_id_starts_with_the_name(self, reader: OCREngine) -> None:
        before = reader.id, reader.settings
        reader.read(blank_page())
        assert (reader.id, reader.settings) == before
        assert reader.id.split("/")[0] == self.name
