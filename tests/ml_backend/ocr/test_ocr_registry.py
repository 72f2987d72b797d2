import pytest
from PIL import Image

from ml_backend.document.elements import Page, Word
from ml_backend.document.geometry import Quad
from ml_backend.errors import EngineFailed, EngineUnavailable
from ml_backend.ocr import registry
from ml_backend.ocr.fake import FakeEngine
from ml_backend.ocr.registry import EngineOptions, FallbackEngine, create_engine

IMAGE = Image.new("RGB", (60, 90))
WORD = Word("12.50", Quad.clipped([(0, 0), (1, 0), (1, 1), (0, 1)]), 0.9)


@pytest.mark.parametrize("chain", ["paddle", "fake,paddle", ""])
def test_an_unknown_engine_is_refused_with_the_known_names(chain: str) -> None:
    with pytest.raises(EngineUnavailable, match="Known ones: rapidocr, tesseract") as caught:
        create_engine(chain)
    assert caught.value.code == "unknown_engine"
    assert repr(chain.split(",")[-1]) in caught.value.message


def test_one_name_is_that_engine_itself() -> None:
    assert create_engine(" fake ").read(IMAGE) == Page(60, 90, (), "fake")


def test_the_first_engine_reads_when_it_can_and_nothing_is_recorded() -> None:
    engine = FallbackEngine([FakeEngine([WORD], name="one"), FakeEngine(name="two")])
    assert engine.id == "one,two"
    assert engine.read(IMAGE) == Page(60, 90, (WORD,), "one", "")


def test_the_next_engine_reads_a_page_on_which_the_first_failed_and_says_why() -> None:
    engine = FallbackEngine([FakeEngine(fails=True, name="one"), FakeEngine([WORD], name="two")])
    assert engine.read(IMAGE) == Page(60, 90, (WORD,), "two", "one was told to fail.")


def test_only_the_page_that_failed_is_read_by_the_next_engine() -> None:
    engine = FallbackEngine([FakeEngine(fails=lambda image: image.width > 60, name="one"), FakeEngine(name="two")])
    assert [engine.read(Image.new("RGB", size)).engine for size in [(60, 9), (61, 9), (60, 9)]] == ["one", "two", "one"]


def test_when_every_engine_fails_the_error_holds_all_reasons() -> None:
    engine = FallbackEngine([FakeEngine(fails=True, name="one"), FakeEngine(fails=True, name="two")])
    with pytest.raises(EngineFailed, match=r"one was told to fail\. two was told to fail\."):
        engine.read(IMAGE)


def not_installed(options: EngineOptions) -> FakeEngine:
    raise EngineUnavailable("package_missing", "Not installed.", "Run: pip install it")


def test_an_engine_that_is_not_installed_is_passed_over_and_every_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ENGINES, "gone", not_installed)
    page = create_engine("gone,fake").read(IMAGE)
    assert (page.engine, page.fallback) == ("fake", "Not installed. Run: pip install it")
    assert create_engine("fake,gone").read(IMAGE).fallback == "", "a missing later engine changes nothing"


def test_a_chain_of_which_nothing_is_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ENGINES, "gone", not_installed)
    for chain in ("gone", "gone,gone"):
        with pytest.raises(EngineUnavailable, match="Run: pip install it"):
            create_engine(chain)


def test_the_options_reach_the_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[EngineOptions] = []
    monkeypatch.setitem(registry.ENGINES, "spy", lambda options: seen.append(options) or FakeEngine())
    create_engine("spy", runtime="onnxruntime", languages="deu+eng", threads=3)
    assert seen == [EngineOptions("onnxruntime", "deu+eng", 3)]


def test_a_real_chain_is_named_after_its_engines() -> None:
    assert create_engine("rapidocr,fake", runtime="onnxruntime").id == "rapidocr/onnxruntime,fake"
