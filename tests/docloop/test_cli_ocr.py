"""``docloop train-ocr`` and ``docloop readers``: from the confirmed documents of a project to a reader of its own."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hebrew_lines import LEFT, STEP, hebrew, hebrew_font, page_of
from typer.testing import CliRunner, Result

from builders import page, png, word
from contracts.store_builders import DAY, document
from contracts.store_builders import sample as one_sample
from docloop import terminal
from docloop.cli import app
from ml_backend.document.elements import Document
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.document.samples import Sample
from ml_backend.images.loader import PageLoader
from ml_backend.images.pages import content_of
from ml_backend.models.manifest import Manifest
from ml_backend.models.registry import ModelRegistry
from ml_backend.ocr.rapidocr import RapidOCREngine
from ml_backend.ocr.recogniser.alphabet import Alphabet
from ml_backend.ocr.recogniser.version import KIND, write_version
from ml_backend.page_files import PageFiles
from ml_backend.readers import EVERY_PROJECT, READERS, Readers
from ml_backend.services import make_hints, page_files, store_url
from ml_backend.settings import Settings
from ml_backend.store.records import ProjectRecord
from ml_backend.store.store import open_store
from training.reading import learning
from training.reading.general import GeneralLine
from training.reading.reading_back import Errors, errors

UID, NUMBER = "7.1795000000", 7
Run = Callable[..., Result]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(data_dir=tmp_path, ocr_runtime="onnxruntime")
    store = open_store(store_url(made))
    store.projects.put(ProjectRecord(UID, NUMBER, "Receipts"))
    store.close()
    return made


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DOCLOOP_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("DOCLOOP_OCR_RUNTIME", "onnxruntime")
    monkeypatch.setattr(terminal.out, "_width", 200)  # made when it was imported, with whatever COLUMNS was then
    return lambda *arguments: CliRunner().invoke(app, arguments)


def confirm(settings: Settings, *samples: Sample) -> None:
    store = open_store(store_url(settings))
    documents = [document(number, project_uid=UID) for number in range(1, len(samples) + 1)]
    for number, sample in zip(store.documents.put_many(UID, documents).values(), samples, strict=True):
        store.samples.put(number, sample)
    store.close()


def publish(settings: Settings, uid: str, version: str) -> None:
    registry = ModelRegistry(settings.data_dir / READERS)
    manifest = Manifest(version, KIND, "2026-11-20T18:00:00+00:00", verdict=f"Promoted {version}: fewer errors.")
    registry.publish(uid, manifest, lambda folder: write_version(folder, version.encode(), Alphabet("ab")))
    registry.activate(uid, version)


@pytest.mark.parametrize("arguments", [(), ("--lines", ".", "--project", "7")])
def test_lines_come_from_a_folder_or_a_project_and_not_from_both_or_none(run: Run, arguments: tuple[str, ...]) -> None:
    answer = run("train-ocr", *arguments)
    assert answer.exit_code == 2
    assert "Give one of the two: docloop train-ocr --lines DIR, or docloop train-ocr --project N." in answer.stderr


def test_a_project_without_confirmed_documents_or_without_their_pages_says_what_is_to_be_done(
    run: Run, settings: Settings
) -> None:
    assert "No document of this project was confirmed yet" in run("train-ocr", "--project", "7").stderr
    confirm(settings, one_sample("0" * 64), one_sample("1" * 64))
    answer = run("train-ocr", "--project", "7")
    assert answer.exit_code == 2
    assert "The pages of this project's 2 confirmed documents are not kept." in answer.stderr
    assert "DOCLOOP_KEEP_PAGES=true" in answer.stderr


@pytest.mark.slow
def test_too_few_lines_of_a_project_say_how_many_there_are(run: Run, settings: Settings) -> None:
    files = page_files(settings)
    data = png("12.50")
    with PageLoader(children=1) as loader:
        content = content_of([loader.load(data)[0].digest])
    words = Document((page(word("12.5O", 0.1, 0.3, 0.4, 0.6)),))
    confirm(settings, Sample(content, words, (Field("total", "12.50", Box(0.1, 0.3, 0.4, 0.6)),), 1, DAY.format(1)))
    files.put(content, [data])
    answer = run("train-ocr", "--project", "7")
    assert (answer.exit_code, "needs 20 lines, but there are: 1" in answer.stderr) == (2, True), answer.output


def test_readers_are_shown_and_rolled_back_for_each_project_and_the_one_that_reads_is_marked(
    run: Run, settings: Settings
) -> None:
    def marked(*arguments: str) -> str:
        lines = [line for line in run("readers", *arguments).output.split("\n") if "●" in line]
        return re.split(r"\s{2,}", lines[0].strip("● "))[0] if len(lines) == 1 else repr(lines)

    wheel = "the recogniser of the wheel"
    assert [marked(), marked("--project", "7")] == [wheel, wheel]
    publish(settings, EVERY_PROJECT, "reader-1")
    assert [marked(), marked("--project", "7")] == ["reader-1", "reader-1 of all projects"]
    publish(settings, UID, "reader-1")
    publish(settings, UID, "reader-2")
    assert [marked(), marked("--project", "7")] == ["reader-1", "reader-2"]
    said = [run("readers", "--project", "7", "--rollback").output for _ in range(2)]
    assert said[0].startswith("Project 7 is read by reader-1 from the next page on; open tasks are read")
    assert said[1].startswith("Project 7 is read by reader-1 of all projects from the next page on")
    assert list(make_hints(settings).take()) == [NUMBER]
    assert "There is no earlier model version" in run("readers", "--project", "7", "--rollback").stderr
    assert "Every project without a reader of its own is read by the rec" in run("readers", "--rollback").output


def test_where_the_engine_cannot_learn_a_change_of_readers_says_that_it_changes_nothing(
    run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(settings, EVERY_PROJECT, "reader-1")
    publish(settings, EVERY_PROJECT, "reader-2")
    monkeypatch.setenv("DOCLOOP_OCR_ENGINE", "tesseract")
    answer = run("readers", "--rollback")
    assert "reader-1 reads nothing: DOCLOOP_OCR_ENGINE is tesseract." in answer.stderr
    assert "from the next page" not in answer.output


# -- the whole way ---------------------------------------------------------------------------------------------------------


def confirmed(lines: list[GeneralLine], loader: PageLoader, engine: RapidOCREngine) -> tuple[Sample, bytes]:
    """A page of these lines as OCR sees it, each line a field with its true text; and its file."""
    buffer = io.BytesIO()
    page_of(lines).save(buffer, "PNG")
    (picture,) = loader.load(buffer.getvalue())
    wide, high = picture.image.size

    def box(number: int) -> Box:
        top, (height, width) = STEP * number + 30, lines[number].image.shape[:2]
        return Box.clipped(LEFT / wide, (top - 5) / high, (LEFT + width) / wide, (top + height + 5) / high)

    fields = tuple(Field("line", line.text, box(number)) for number, line in enumerate(lines))
    words = Document((engine.read(picture.image),))
    return Sample(content_of([picture.digest]), words, fields, 1, DAY.format(1)), buffer.getvalue()


def keep(files: PageFiles, made: list[tuple[Sample, bytes]]) -> None:
    """The pages of all documents but one; of another one they are broken."""
    for sample, data in made[1:]:
        files.put(sample.content, [data])
    files.remove(made[1][0].content)
    files.put(made[1][0].content, [b"no picture"])


@pytest.mark.slow
def test_a_project_learns_to_read_from_what_was_confirmed_in_it_and_nobody_else_does(
    run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "REPLAYED", 150)
    monkeypatch.setattr(learning, "JUDGING", 100)
    engine, font = RapidOCREngine("onnxruntime"), hebrew_font()
    with PageLoader(children=1) as loader:
        made = [confirmed(hebrew(8, seed, font), loader, engine) for seed in range(11)]
    confirm(settings, *(sample for sample, _ in made))
    keep(page_files(settings), made)
    answer = run("train-ocr", "--project", "7")
    assert (answer.exit_code, "Promoted reader-1" in answer.output) == (0, True), answer.output
    counted = "2 of 11 confirmed documents cannot be read: kept pages broken 1, pages not kept 1."
    assert counted in " ".join(answer.stderr.split())
    assert "Project 7 is read by reader-1 from the next page on" in answer.output
    registry = ModelRegistry(settings.data_dir / READERS)
    assert (registry.active(UID), registry.active(EVERY_PROJECT)) == ("reader-1", "")
    assert registry.versions(UID)[0].samples == 9
    unseen = hebrew(6, 99, font)
    truths = [line.text for line in unseen]
    readers = Readers(registry, engine, "onnxruntime")
    for uid, worst, best in ((UID, 0.15, 0.0), ("8.1795000000", 9.0, 0.5)):
        read = readers.engine(uid).read(page_of(unseen)).text.split("\n")
        assert len(read) == len(truths)
        assert best <= sum(errors(read, truths), Errors()).cer <= worst
