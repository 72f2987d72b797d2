"""Every engine of the registry under the one contract."""

import importlib.util
import os
from functools import cache

import pytest
from PIL import Image, ImageDraw, ImageFont

from contracts.ocr_engine_contract import PLACES, OCREngineContract, blank_page, ink
from ml_backend.document.elements import Page, Word
from ml_backend.document.geometry import Quad
from ml_backend.errors import EngineUnavailable
from ml_backend.ocr.base import OCREngine
from ml_backend.ocr.fake import FakeEngine
from ml_backend.ocr.rapidocr import RapidOCREngine
from ml_backend.ocr.registry import ENGINES
from ml_backend.ocr.tesseract import TesseractEngine


@cache
def rapidocr(runtime: str) -> RapidOCREngine:
    """One for all tests: it takes its time to load, and no call changes it."""
    return RapidOCREngine(runtime)


def skip_unless(present: bool, what: str) -> None:
    if not present and os.environ.get("REQUIRE_SERVICES") != "1":
        pytest.skip(f"{what} is not installed")


class TestFakeEngine(OCREngineContract):
    name = "fake"

    @pytest.fixture(scope="class")
    @classmethod
    def reader(cls) -> OCREngine:
        words = [Word(text, Quad.of_box(ink(text)), 0.9) for text in PLACES]
        return FakeEngine(answer=lambda image: words if image.getextrema() != blank_page().getextrema() else [])


class TestRapidOCRUnderONNXRuntime(OCREngineContract):
    name = "rapidocr"

    @pytest.fixture(scope="class")
    @classmethod
    def reader(cls) -> OCREngine:
        return rapidocr("onnxruntime")


@pytest.mark.slow
class TestRapidOCRUnderOpenVINO(OCREngineContract):
    name = "rapidocr"

    @pytest.fixture(scope="class")
    @classmethod
    def reader(cls) -> OCREngine:
        skip_unless(importlib.util.find_spec("openvino") is not None, "openvino")
        return rapidocr("openvino")


class TesseractContract(OCREngineContract):
    name = "tesseract"
    binding: str

    @pytest.fixture(scope="class")
    @classmethod
    def reader(cls) -> OCREngine:
        skip_unless(importlib.util.find_spec(cls.binding) is not None, cls.binding)
        try:
            return TesseractEngine("eng", cls.binding)
        except EngineUnavailable as error:
            skip_unless(False, f"Tesseract's English data ({error.code})")
            raise


class TestTesseractByTesserocr(TesseractContract):
    binding = "tesserocr"


@pytest.mark.slow
class TestTesseractByPytesseract(TesseractContract):
    binding = "pytesseract"


def test_every_registered_engine_is_under_the_contract() -> None:
    tested = {value.name for value in globals().values() if isinstance(value, type) and hasattr(value, "name")}
    assert tested == set(ENGINES)


@pytest.mark.parametrize("runtime", ["onnxruntime", pytest.param("openvino", marks=pytest.mark.slow)])
def test_rapidocr_reads_nothing_on_an_image_too_small_for_a_letter(runtime: str) -> None:
    skip_unless(importlib.util.find_spec(runtime) is not None, runtime)
    engine = rapidocr(runtime)
    sizes = [(1, 1), (3, 200), (2000, 2)]
    assert [engine.read(Image.new("RGB", size, "white")) for size in sizes] == [
        Page(*size, (), engine.id) for size in sizes
    ]


def test_rapidocr_reads_a_box_drawn_around_a_single_letter() -> None:
    image = Image.new("RGB", (20, 36), "white")
    ImageDraw.Draw(image).text((2, 0), "7", font=ImageFont.load_default(size=28), fill="black")
    assert rapidocr("onnxruntime").read(image).text == "7"


@pytest.mark.slow
def test_rapidocr_shrinks_a_long_narrow_receipt_only_as_far_as_it_stays_legible() -> None:
    image = Image.new("RGB", (500, 4000), "white")
    pen = ImageDraw.Draw(image)
    lines = [f"Item {n:02d}" for n in range(1, 13)]
    for n, line in enumerate(lines):
        pen.text((30, 300 * n + 60), line, font=ImageFont.load_default(size=22), fill="black")
    assert rapidocr("onnxruntime").read(image).text == "\n".join(lines)
