"""Which recogniser reads for a project: its own, that of all projects, or the wheel's; followed from page to page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from builders import interface_xml
from contracts.ocr_engine_contract import TEXT, drawn_page
from ml_backend.models.manifest import Manifest
from ml_backend.models.registry import ModelRegistry
from ml_backend.ocr.cache import PageCache
from ml_backend.ocr.fake import FakeEngine
from ml_backend.ocr.pool import OCRPool
from ml_backend.ocr.rapidocr import RapidOCREngine
from ml_backend.ocr.recogniser.alphabet import Alphabet
from ml_backend.ocr.recogniser.graph import Graph
from ml_backend.ocr.recogniser.head import Head
from ml_backend.ocr.recogniser.version import KIND, MODEL, wheel_recogniser, write_version
from ml_backend.ocr.registry import FallbackEngine
from ml_backend.readers import EVERY_PROJECT, READERS, Readers, best_reader, mark_of
from ml_backend.services import build_services, reader_mark
from ml_backend.settings import Settings

MINE, OTHER = "7.1795000000", "8.1795000000"
RUNTIME = "onnxruntime"
WHEEL = f"rapidocr/{RUNTIME}"


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(tmp_path / READERS)


@pytest.fixture
def readers(registry: ModelRegistry) -> Readers:
    """No network is loaded until a page is read."""
    return Readers(registry, RapidOCREngine(RUNTIME), RUNTIME)


def publish(
    registry: ModelRegistry, uid: str, version: str, network: bytes, alphabet: Alphabet | None = None, kind: str = KIND
) -> str:
    """Promote a version of these bytes; its mark."""
    manifest = Manifest(version, kind, "2026-11-20T18:00:00+00:00", promoted=True)
    registry.publish(uid, manifest, lambda folder: write_version(folder, network, alphabet or Alphabet("ab")))
    registry.activate(uid, version)
    return mark_of(registry.best(uid))


def test_the_reader_of_a_project_comes_before_that_of_all_and_a_rollback_goes_the_way_back(
    registry: ModelRegistry, readers: Readers
) -> None:
    marks = [readers.mark(MINE)]
    every = publish(registry, EVERY_PROJECT, "reader-1", b"for all")
    first = publish(registry, MINE, "reader-1", b"mine")
    second = publish(registry, MINE, "reader-2", b"mine, better")
    for _ in range(3):
        marks.append(readers.mark(MINE))
        assert mark_of(best_reader(registry, MINE)) == readers.mark(MINE)
        if registry.active(MINE):
            registry.rollback(MINE)
    assert marks == ["", second, first, every]
    assert len({"", every, first, second}) == 4
    assert readers.mark(OTHER) == every
    registry.rollback(EVERY_PROJECT)
    assert (readers.mark(MINE), best_reader(registry, MINE).version) == ("", "")


def test_the_mark_before_is_the_one_that_a_rollback_brings_back(registry: ModelRegistry, readers: Readers) -> None:
    assert readers.earlier_mark(MINE) == ""
    publish(registry, EVERY_PROJECT, "reader-1", b"for all")
    assert readers.earlier_mark(MINE) == ""
    every = publish(registry, EVERY_PROJECT, "reader-2", b"for all, better")
    publish(registry, MINE, "reader-1", b"mine")
    before = readers.mark(MINE)
    assert readers.earlier_mark(MINE) == every
    publish(registry, MINE, "reader-2", b"mine, better")
    assert readers.earlier_mark(MINE) == before
    registry.rollback(MINE)
    assert readers.mark(MINE) == before


@pytest.mark.parametrize("uid", ["", "../..", "seven", EVERY_PROJECT])
def test_a_uid_that_no_project_has_is_read_by_the_reader_of_all(
    registry: ModelRegistry, readers: Readers, uid: str
) -> None:
    every = publish(registry, EVERY_PROJECT, "reader-1", b"for all")
    assert readers.mark(uid) == every


@pytest.mark.parametrize(("kind", "said"), [("token-classifier", "not a recogniser"), (KIND, "cannot be used")])
def test_a_version_that_is_no_reader_is_passed_over_and_said_once(
    registry: ModelRegistry, readers: Readers, kind: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    publish(registry, MINE, "reader-1", b"no network", kind=kind)
    with caplog.at_level(logging.ERROR):
        assert [readers.engine(MINE).id for _ in range(3)] == [WHEEL] * 3
    assert caplog.text.count(said) == 1
    assert readers.mark(MINE) == ""  # predictions say who has really read


def test_engines_that_cannot_learn_read_as_they_are(registry: ModelRegistry) -> None:
    publish(registry, EVERY_PROJECT, "reader-1", b"for all")
    engine = FakeEngine()
    readers = Readers(registry, FallbackEngine([engine]))
    assert (readers.mark(MINE), readers.earlier_mark(MINE)) == ("", "")
    assert readers.engine(MINE).id == "fake"


def test_a_new_reader_outdates_the_stored_predictions_and_a_rollback_makes_them_current_again(
    settings: Settings,
) -> None:
    config = interface_xml("total")
    services = build_services(settings, RapidOCREngine(RUNTIME))
    try:
        interface = services.interface(config)
        before = services.version(config, MINE)
        assert before == f"keywords-1.{interface.fingerprint}"
        mark = publish(services.readers.registry, MINE, "reader-1", b"mine")
        read = f"keywords-1.{mark}.{interface.fingerprint}"
        assert services.version(config, MINE) == services.predictor.version(interface, MINE) == read
        assert services.version(config, OTHER) == before
        assert reader_mark(settings, MINE) == mark
        assert reader_mark(settings.model_copy(update={"ocr_engine": "tesseract"}), MINE) == ""
        services.readers.registry.rollback(MINE)
        assert services.version(config, MINE) == before
    finally:
        services.close()


# -- with real networks: each reader sees another letter where a T stands ----------------------------------------------------


@pytest.fixture(scope="module")
def network() -> Graph:
    return Graph(wheel_recogniser())


def seeing(graph: Graph, letter: str) -> tuple[bytes, Alphabet]:
    """The wheel's network, which takes each T for ``letter``."""
    weights, bias = graph.head.weights.copy(), graph.head.bias.copy()
    (old,), (new,) = graph.head.alphabet.encode("T"), graph.head.alphabet.encode(letter)
    weights[:, new], bias[new] = weights[:, old], bias[old] + 1
    return graph.with_head(Head(weights, bias, graph.head.alphabet)), graph.head.alphabet


def seen(letter: str) -> str:
    return TEXT.replace("T", letter)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[OCRPool]:
    with OCRPool(RapidOCREngine(RUNTIME), 2, PageCache(tmp_path / "cache", 10**7)) as made:
        yield made


@pytest.mark.slow
def test_running_processes_follow_a_promotion_and_a_rollback_and_no_cache_mixes_readers(
    registry: ModelRegistry, pool: OCRPool, network: Graph
) -> None:
    readers = Readers(registry, pool.engine, RUNTIME)

    def read(uid: str) -> tuple[str, str]:
        page = pool.read(drawn_page(), "the same page", engine=readers.engine(uid))
        return page.text, page.engine

    assert read(MINE) == (TEXT, WHEEL)
    elsewhere = ModelRegistry(registry._folder)  # another process
    publish(elsewhere, EVERY_PROJECT, "reader-1", *seeing(network, "Y"))
    assert read(MINE) == read(OTHER) == (seen("Y"), f"{WHEEL}+reader-1")
    publish(elsewhere, MINE, "reader-1", *seeing(network, "X"))
    assert read(MINE) == (seen("X"), f"{WHEEL}+reader-1")  # the same name, another reader
    assert read(OTHER) == (seen("Y"), f"{WHEEL}+reader-1")
    elsewhere.rollback(MINE)
    assert read(MINE) == (seen("Y"), f"{WHEEL}+reader-1")
    elsewhere.rollback(EVERY_PROJECT)
    assert read(MINE) == (TEXT, WHEEL)


@pytest.mark.slow
def test_a_reader_that_is_damaged_gives_way_to_the_last_good_one(
    registry: ModelRegistry, readers: Readers, network: Graph, caplog: pytest.LogCaptureFixture
) -> None:
    publish(registry, MINE, "reader-1", *seeing(network, "X"))
    publish(registry, MINE, "reader-2", *seeing(network, "Y"))
    file = registry.get(MINE, "reader-2")[1] / MODEL
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    assert readers.engine(MINE).read(drawn_page()).text == seen("X")
    assert readers.mark(MINE) == mark_of(best_reader(registry, MINE))
    assert "reader-2 is not loaded" in caplog.text


@pytest.mark.slow
def test_many_threads_of_many_projects_share_few_readers_and_each_gets_its_own_words(
    registry: ModelRegistry, network: Graph
) -> None:
    readers = Readers(registry, RapidOCREngine(RUNTIME), RUNTIME, kept=2)
    letters = {f"{number}.1795000000": letter for number, letter in enumerate("XYZ", 1)}
    for uid, letter in letters.items():
        publish(registry, uid, "reader-1", *seeing(network, letter))
    asked = [*letters, OTHER] * 6
    page = drawn_page()
    with ThreadPoolExecutor(4) as threads:
        texts = list(threads.map(lambda uid: readers.engine(uid).read(page).text, asked))
    assert texts == [seen(letters.get(uid, "T")) for uid in asked]
    assert len(readers._engines) == 2
    assert len({id(engine._detectors) for engine in readers._engines.values()}) == 1  # type: ignore[attr-defined]
