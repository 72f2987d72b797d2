"""The whole way with the wheel's own recogniser: a folder of Hebrew lines, a version, an engine that reads Hebrew."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hebrew_lines import hebrew, hebrew_font, page_of
from PIL import Image, ImageFont
from typer.testing import CliRunner

from docloop.cli import app
from ml_backend.errors import ModelRejected
from ml_backend.models.manifest import Manifest
from ml_backend.models.registry import ModelRegistry
from ml_backend.ocr.rapidocr import RapidOCREngine
from ml_backend.ocr.recogniser.graph import Graph
from ml_backend.ocr.recogniser.version import KIND, wheel_recogniser, write_version
from ml_backend.readers import EVERY_PROJECT, READERS, promoted_reader
from training.reading import general, learning
from training.reading.gate import FORGIVEN
from training.reading.line_files import LineFolder
from training.reading.lines import LEAST_HELD, SeenLine, TranscribedLine, divide, see
from training.reading.publishing import champion_of, next_version
from training.reading.reading_back import Errors, errors


@pytest.fixture(scope="module")
def font() -> ImageFont.FreeTypeFont:
    return hebrew_font()


def write_folder(folder: Path, lines: list[general.GeneralLine]) -> None:
    rows = []
    for number, line in enumerate(lines):
        Image.fromarray(line.image).save(folder / f"{number}.png")
        rows.append(f"{number}.png\t{line.text}")
    (folder / "rec_gt.txt").write_text("\n".join(rows), encoding="utf-8")


@pytest.mark.slow
def test_a_folder_of_lines_in_a_new_script_becomes_a_version_that_reads_it(
    tmp_path: Path, font: ImageFont.FreeTypeFont, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCLOOP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(learning, "REPLAYED", 150)
    monkeypatch.setattr(learning, "JUDGING", 100)
    (tmp_path / "lines").mkdir()
    write_folder(tmp_path / "lines", hebrew(70, 1, font))
    result = CliRunner().invoke(app, ["train-ocr", "--lines", str(tmp_path / "lines")])
    assert (result.exit_code, "Promoted reader-1" in result.output) == (0, True), result.output
    assert "new characters" in result.output
    registry = ModelRegistry(tmp_path / "data" / READERS)
    best = registry.best(EVERY_PROJECT)
    assert best.folder is not None
    assert best.manifest is not None
    assert best.manifest.metrics["general_cer"] <= best.manifest.metrics["general_cer_before"] + FORGIVEN
    assert re.search(r"●\s+reader-1", CliRunner().invoke(app, ["readers"]).output)
    unseen = hebrew(6, 2, font)
    truths = [line.text for line in unseen]
    learned = RapidOCREngine("onnxruntime", recogniser=promoted_reader(registry, EVERY_PROJECT, "onnxruntime"))
    assert learned.id.endswith("+reader-1")
    read = learned.read(page_of(unseen)).text.split("\n")
    assert len(read) == len(truths)
    assert sum(errors(read, truths), Errors()).cer <= 0.1
    before = RapidOCREngine("onnxruntime").read(page_of(unseen)).text.split("\n")
    assert sum(errors(before, truths), Errors()).cer > 0.5
    said = " ".join(CliRunner().invoke(app, ["readers", "--rollback"]).output.split())  # in whatever width
    assert "is read by the recogniser of the wheel from the next page on" in said
    assert promoted_reader(registry, EVERY_PROJECT, "onnxruntime") is None


@pytest.mark.slow
def test_too_few_lines_are_refused_with_what_is_needed(tmp_path: Path, font: ImageFont.FreeTypeFont) -> None:
    write_folder(tmp_path, hebrew(3, 1, font))
    with pytest.raises(ModelRejected, match="needs 20 lines, but there are: 3"):
        learning.learn(Graph(wheel_recogniser()), LineFolder.open(tmp_path).lines(), learning.Order("reader-1"))


def test_a_folder_without_labels_is_an_error_with_the_format(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train-ocr", "--lines", str(tmp_path)])
    assert result.exit_code == 2
    assert "rec_gt.txt" in result.stderr
    assert "a tab" in result.stderr


def test_general_lines_are_the_same_for_a_seed_and_do_not_depend_on_how_many() -> None:
    few, many, other = general.general_lines(3, 1), general.general_lines(5, 1), general.general_lines(3, 2)
    assert [one.text for one in few] == [one.text for one in many[:3]]
    assert all((one.image == same.image).all() for one, same in zip(few, many, strict=False))
    assert [one.text for one in few] != [one.text for one in other]
    assert all(one.image.ndim == 3 and one.image.shape[2] == 3 and one.image.dtype == np.uint8 for one in many)


def seen(number: int, document: str) -> SeenLine:
    return SeenLine(np.full((4, 2), number, np.float16), f"line {number}", document)


def test_a_document_learns_or_judges_as_a_whole_and_stays_where_it_is() -> None:
    lines = [seen(number, f"document {number // 5}") for number in range(400)]
    learning_lines, held = divide(lines)
    assert {one.document for one in held}.isdisjoint({one.document for one in learning_lines})
    assert 0.1 < len(held) / len(lines) < 0.35
    more = divide([*lines, *(seen(number, f"more {number}") for number in range(100))])[1]
    assert {one.text for one in held} <= {one.text for one in more}


def test_lines_of_one_document_are_held_out_one_by_one() -> None:
    learning_lines, held = divide([seen(number, "the only one") for number in range(100)])
    assert LEAST_HELD <= len(held) < 50
    assert len(learning_lines) + len(held) == 100


class Blank:
    """A network that sees nothing."""

    def read(self, image: np.ndarray, quad: object = None) -> np.ndarray:
        return np.zeros((1, 2), np.float16)


def test_lines_without_or_with_endless_text_are_passed_over() -> None:
    line = TranscribedLine(np.zeros((4, 4, 3), np.uint8), " a\u200f  b ", "one")
    lines = [line, replace(line, text=" \u200f "), replace(line, text="x" * 501)]
    assert [one.text for one in see(Blank(), lines)] == ["a b"]  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_promoted_reader_is_the_champion_unless_it_is_of_another_wheel(tmp_path: Path) -> None:
    graph, registry = Graph(wheel_recogniser()), ModelRegistry(tmp_path / READERS)
    assert champion_of(registry, EVERY_PROJECT, graph, "base").version == learning.WHEEL
    head = graph.head.with_more(("ש",), -8.0)
    network = graph.with_head(head)
    made = Manifest("reader-1", KIND, "2026-11-20T18:00:00+00:00", settings={"base_sha256": "base"})
    registry.publish(EVERY_PROJECT, made, lambda folder: write_version(folder, network, head.alphabet))
    registry.activate(EVERY_PROJECT, "reader-1")
    champion = champion_of(registry, EVERY_PROJECT, graph, "base")
    assert (champion.version, champion.head.alphabet) == ("reader-1", head.alphabet)
    assert champion_of(registry, EVERY_PROJECT, graph, "another").version == learning.WHEEL
    assert next_version(registry, EVERY_PROJECT) == "reader-2"
