"""What an engine says when its package, model or language data is not there, and that nothing is sent from here."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from ml_backend.errors import EngineFailed, EngineUnavailable
from ml_backend.ocr import rapidocr, runtime, tesseract
from ml_backend.ocr.rapidocr import RapidOCREngine
from ml_backend.ocr.tesseract import TesseractEngine, find_data


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch):
    """Hides packages from ``find_spec``."""
    known = importlib.util.find_spec

    def hide(*names: str) -> None:
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *more: None if name in names else known(name, *more)
        )

    return hide


def test_auto_is_openvino_where_it_is_installed_and_onnx_runtime_elsewhere(without) -> None:
    without("openvino")
    assert RapidOCREngine("auto").id == "rapidocr/onnxruntime"
    without()
    assert RapidOCREngine("auto").id == f"rapidocr/{runtime.choose_runtime('auto')}"


@pytest.mark.parametrize(
    ("hidden", "wanted", "code", "fix"),
    [
        ("openvino", "openvino", "runtime_missing", r"pip install 'docloop\[openvino\]'"),
        ("onnxruntime", "onnxruntime", "runtime_missing", "pip install 'onnxruntime'"),
        ("", "cuda", "unknown_runtime", "Known ones: auto, onnxruntime, openvino"),
    ],
)
def test_a_runtime_that_is_not_there_is_refused_with_the_fix(
    without, hidden: str, wanted: str, code: str, fix: str
) -> None:
    without(hidden)
    with pytest.raises(EngineUnavailable, match=fix) as caught:
        RapidOCREngine(wanted)
    assert (caught.value.code, wanted in caught.value.message) == (code, True)


def test_a_missing_model_is_named_with_the_fix_and_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "DETECTOR", "PP-OCRv9.onnx")
    with pytest.raises(EngineUnavailable, match=r"PP-OCRv9\.onnx.*pip install"):
        runtime.load_detector("onnxruntime", 1)


def test_whatever_breaks_inside_is_one_clear_error_without_the_text_of_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret text of the page")

    monkeypatch.setattr(rapidocr, "load_detector", lambda *_: None)
    monkeypatch.setattr(rapidocr, "load_recogniser", lambda *_: (None, ()))
    monkeypatch.setattr(rapidocr, "read_words", broken)
    with pytest.raises(EngineFailed) as caught:
        RapidOCREngine("onnxruntime").read(rapidocr.Image())
    assert str(caught.value) == "rapidocr/onnxruntime broke on a page: RuntimeError."


def test_tesseract_without_a_package_says_how_to_install_one(without) -> None:
    without("tesserocr", "pytesseract")
    with pytest.raises(EngineUnavailable, match=r"docloop\[tesseract\]") as caught:
        TesseractEngine()
    assert caught.value.code == "package_missing"


def test_tesseract_uses_pytesseract_only_with_the_program(without, monkeypatch: pytest.MonkeyPatch) -> None:
    without("tesserocr")
    monkeypatch.setattr(tesseract.shutil, "which", lambda name: None)
    with pytest.raises(EngineUnavailable):
        TesseractEngine()


@pytest.fixture
def tessdata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which language data is looked for."""
    monkeypatch.setattr(tesseract, "_DATA", ())
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("below", ["", "tessdata"])
def test_language_data_is_found_at_the_prefix_or_below_it(tessdata: Path, below: str) -> None:
    folder = tessdata / below
    folder.mkdir(exist_ok=True)
    for name in ("eng", "deu"):
        (folder / f"{name}.traineddata").touch()
    assert find_data("eng+deu") == folder


def test_missing_language_data_is_named_with_the_packages_to_install(tessdata: Path) -> None:
    (tessdata / "eng.traineddata").touch()
    with pytest.raises(EngineUnavailable, match="apt-get install tesseract-ocr-chi-sim tesseract-ocr-heb,") as caught:
        find_data("eng+chi_sim+heb")
    assert (caught.value.code, caught.value.message) == (
        "language_missing",
        "Tesseract has no data for 'chi_sim', 'heb'.",
    )


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="openvino is not installed")
def test_loading_openvino_opens_no_connection() -> None:
    script = """
import socket, threading
def refuse(*args, **kwargs): raise SystemExit("a connection was opened")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from ml_backend.ocr.runtime import load_detector, load_recogniser
load_detector("openvino", 1), load_recogniser(None, "openvino", 1)
import sys
assert sys.modules["openvino_telemetry"] is None
assert not [t.name for t in threading.enumerate() if t is not threading.main_thread()]
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
