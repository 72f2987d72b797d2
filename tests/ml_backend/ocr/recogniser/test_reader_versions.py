"""The wheel's own recogniser taken apart and put together, and what is refused as a version."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from contracts.ocr_engine_contract import TEXT, drawn_page
from ml_backend.errors import ModelRejected
from ml_backend.ocr.rapidocr import RapidOCREngine
from ml_backend.ocr.recogniser.alphabet import Alphabet
from ml_backend.ocr.recogniser.features import FeatureReader
from ml_backend.ocr.recogniser.graph import Graph
from ml_backend.ocr.recogniser.head import Head
from ml_backend.ocr.recogniser.version import ALPHABET, MODEL, Recogniser, wheel_recogniser, write_version
from ml_backend.ocr.runtime import load_recogniser
from training.reading.general import general_lines
from training.reading.reading_back import read_lines

RUNTIME = "onnxruntime"
NEW = ("ש", "ל")


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph(wheel_recogniser())


@pytest.fixture(scope="module")
def changed(graph: Graph) -> Head:
    """The wheel's layer with two more characters, one of which it now sees instead of an O."""
    wide = graph.head.with_more(NEW, -8.0)
    weights, bias = wide.weights.copy(), wide.bias.copy()
    (letter,), (new,) = wide.alphabet.encode("O"), wide.alphabet.encode(NEW[0])
    weights[:, new], bias[new] = weights[:, letter], bias[letter] + 1
    return Head(weights, bias, wide.alphabet)


@pytest.fixture
def folder(graph: Graph, changed: Head, tmp_path: Path) -> Path:
    write_version(tmp_path, graph.with_head(changed), changed.alphabet)
    return tmp_path


def whole(path: Path) -> tuple[Callable[[np.ndarray], np.ndarray], tuple[str, ...]]:
    return load_recogniser(path, RUNTIME, 1)


def a_line() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (1, 3, 48, 320)).astype(np.float32)


@pytest.mark.slow
def test_features_and_the_last_layer_give_what_the_whole_network_gives(graph: Graph) -> None:
    line = general_lines(1, seed=5)[0]
    features = FeatureReader(graph, RUNTIME).read(line.image)
    assert list(read_lines(graph.head, [features])) == [line.text]
    network, characters = whole(wheel_recogniser())
    assert characters == (*graph.head.alphabet.characters, " ")
    body = FeatureReader(graph, RUNTIME)._run(a_line())[0]
    assert graph.head.probabilities(body) == pytest.approx(network(a_line())[0], abs=1e-4)


@pytest.mark.slow
def test_a_changed_layer_answers_in_the_file_as_in_numpy_and_old_classes_are_the_same(
    graph: Graph, changed: Head, folder: Path
) -> None:
    network, characters = whole(folder / MODEL)
    assert characters == (*graph.head.alphabet.characters, *NEW, " ")
    answer = network(a_line())[0]
    body = FeatureReader(graph, RUNTIME)._run(a_line())[0]
    assert changed.probabilities(body) == pytest.approx(answer, abs=1e-4)
    old = [*range(graph.head.alphabet.classes - 1), -1]
    assert changed.logits(body)[:, old] == pytest.approx(graph.head.logits(body), abs=1e-5)
    assert (changed.weights[:, old] == graph.head.weights).all()
    again = Graph(folder / MODEL).head
    assert (again.alphabet, again.weights.tobytes()) == (changed.alphabet, changed.weights.tobytes())


@pytest.mark.slow
def test_the_engine_reads_with_the_version_and_says_so(folder: Path) -> None:
    version = Recogniser.load(folder, "reader-3", RUNTIME)
    engine, plain = RapidOCREngine(RUNTIME, recogniser=version), RapidOCREngine(RUNTIME)
    assert engine.id == "rapidocr/onnxruntime+reader-3"
    assert version.digest in engine.settings
    assert engine.settings != plain.settings
    assert engine.read(drawn_page()).text == TEXT.replace("O", NEW[0])


@pytest.mark.slow
def test_openvino_reads_the_version_too(folder: Path) -> None:
    pytest.importorskip("openvino")
    engine = RapidOCREngine("openvino", recogniser=Recogniser.load(folder, "reader-3", "openvino"))
    assert engine.read(drawn_page()).text == TEXT


def _alphabet(value: object) -> Callable[[Path], None]:
    return lambda folder: (folder / ALPHABET).write_text(json.dumps(value), encoding="utf-8") and None


def _other_network(folder: Path) -> None:
    (folder / MODEL).write_bytes(wheel_recogniser().read_bytes())


def _cut_off(folder: Path) -> None:
    (folder / MODEL).write_bytes((folder / MODEL).read_bytes()[:-5_000_000])


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_alphabet({"format": 1, "characters": ["a", "b"]}), "another alphabet"),
        (_alphabet({"format": 2, "characters": ["a"]}), "format 1"),
        (_alphabet({"format": 1, "characters": [["a"]]}), "no character"),
        (_alphabet({"format": 1, "characters": ["a", "a"]}), "each once"),
        (_alphabet([]), "format 1"),
        (lambda folder: (folder / ALPHABET).write_bytes(b"\xff" * 2_000_000), "too large"),
        (lambda folder: (folder / ALPHABET).unlink(), "FileNotFoundError"),
        (lambda folder: (folder / MODEL).unlink(), "FileNotFoundError"),
        (_other_network, "another alphabet"),
        (_cut_off, "reader-3"),
        (lambda folder: (folder / MODEL).write_bytes(b"no network"), "reader-3"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(folder: Path, harm: Callable[[Path], None], said: str) -> None:
    harm(folder)
    with pytest.raises(ModelRejected, match=said) as caught:
        Recogniser.load(folder, "reader-3", RUNTIME)
    assert (caught.value.code, "Roll back" in caught.value.fix) == ("model_files", True)


def test_a_network_without_such_a_last_layer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(b"\x08\x07")
    with pytest.raises(ModelRejected, match="not a recogniser"):
        Graph(tmp_path / "other.onnx")


def test_a_layer_that_does_not_fit_its_alphabet_is_no_layer() -> None:
    with pytest.raises(ValueError, match="3 classes"):
        Head(np.zeros((4, 5), np.float32), np.zeros(5, np.float32), Alphabet("a"))
