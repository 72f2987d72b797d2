"""A new reader: open tasks are predicted anew, and samples get the words that it sees."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from loop_parts import Loop
from PIL import Image

from builders import interface, page, predictor, word
from contracts.store_builders import P, annotation, document, project
from ml_backend.batches import BatchPredictor
from ml_backend.document.elements import Page
from ml_backend.errors import FetchRefused
from ml_backend.images.pages import PageImage
from ml_backend.jobs.queue import JobQueue
from ml_backend.models.manifest import Manifest
from ml_backend.ocr.rapidocr import RapidOCREngine
from ml_backend.ocr.recogniser.alphabet import Alphabet
from ml_backend.ocr.recogniser.version import KIND, write_version
from ml_backend.page_files import PageFiles
from ml_backend.services import Services
from ml_backend.store.store import Store, open_store
from training.confirmed_pages import ConfirmedPages
from training.pauses import Pauses
from training.rereading import BUDGET, Rereading
from training.samples import SampleCollector

INTERFACE = interface("total", paged=True)


@dataclass
class Scene:
    """Confirmed documents whose pages are their URLs, a reader that can be changed, and a clock that moves with each page."""

    store: Store
    files: PageFiles
    reader: str = ""
    seconds: float = 0.0
    takes: float = 1.0  # seconds a page
    gone: bool = False  # whether Label Studio's files are
    fetched: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.predictor = replace(
            predictor(self.fetch), load=self.load, read=self.read, reader=lambda project: self.reader
        )
        self.pauses = Pauses(lambda: self.seconds)
        self.pages = ConfirmedPages(self.store, self.predictor, self.files, self.pauses)
        self.rereading = Rereading(self.store, self.predictor, self.files, self.pauses, lambda: self.seconds)

    def fetch(self, url: str, task: int) -> bytes:
        self.fetched.append(url)
        if self.gone:
            raise FetchRefused("fetch_timeout", "gone")
        return url.encode()

    def load(self, data: bytes) -> Generator[PageImage, None, None]:
        yield PageImage(Image.new("RGB", (60, 90)), digest=data.decode())

    def read(self, image: PageImage, project_uid: str) -> Page:
        self.seconds += self.takes
        return page(word(f"{image.digest} as {self.reader or 'the wheel'} sees it"))

    def confirm(self, *documents: list[str]) -> None:
        there = [document(number, data={"pages": pages}) for number, pages in enumerate(documents, 1)]
        for number, identity in enumerate(self.store.documents.put_many(P, there).values(), 1):
            self.store.ledger.put(identity, annotation(number), [])
        SampleCollector(self.store, self.predictor, self.pauses, keep=self.pages.keep).collect(P, INTERFACE)
        self.fetched.clear()

    def look(self) -> int:
        """The look of a minute later."""
        self.seconds += 60.0
        return self.rereading.run(P, INTERFACE)

    def words(self) -> set[str]:
        return {one.text for sample in self.store.samples.load(P) for one in sample.document.pages}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    store = open_store(f"sqlite:///{tmp_path / 'docloop.db'}")
    store.projects.put(project())
    yield Scene(store, PageFiles(tmp_path / "pages"))
    store.close()


def test_samples_get_the_words_of_a_new_reader_and_of_the_old_one_after_a_rollback_and_nobody_is_asked(
    scene: Scene,
) -> None:
    scene.confirm(["a", "b"], ["c"])
    before = scene.store.samples.load(P)
    scene.store.samples.told({number: one.confirmed_at for number, one in scene.store.samples.untold(P, 9)})
    assert scene.look() == 0
    scene.reader, scene.gone = "91c0de55", True
    assert [scene.look(), scene.look()] == [2, 0]
    assert scene.words() == {f"{name} as 91c0de55 sees it" for name in "abc"}
    assert scene.store.samples.untold(P, 9) == []
    scene.reader = ""
    assert scene.look() == 2
    assert (scene.store.samples.load(P), scene.fetched) == (before, [])


def test_a_sample_that_is_made_with_the_new_reader_is_not_read_again(scene: Scene) -> None:
    scene.reader = "91c0de55"
    scene.confirm(["a"])
    assert scene.look() == 0
    assert scene.words() == {"a as 91c0de55 sees it"}


def test_where_no_page_files_are_kept_label_studio_is_asked_but_not_at_every_look(scene: Scene) -> None:
    scene.confirm(["a"], ["b"])
    for content in scene.files.contents():
        scene.files.remove(content)
    scene.reader, scene.gone = "91c0de55", True
    assert [scene.look() for _ in range(10)] == [0] * 10
    assert 2 <= len(scene.fetched) < 2 * 10
    scene.gone, scene.seconds = False, scene.seconds + 3600.0
    assert scene.look() == 2
    assert scene.words() == {"a as 91c0de55 sees it", "b as 91c0de55 sees it"}


def test_hosts_that_hang_do_not_stand_in_the_way_of_pages_that_are_kept(scene: Scene) -> None:
    scene.confirm(["lost"], ["kept"])
    (lost,) = (one.content for one in scene.store.samples.load(P) if "lost" in one.document.pages[0].text)
    scene.files.remove(lost)
    scene.reader, scene.gone, scene.takes = "91c0de55", True, BUDGET + 1
    assert scene.look() == 1
    assert (scene.words(), scene.fetched) == ({"lost as the wheel sees it", "kept as 91c0de55 sees it"}, [])


def test_pages_that_are_others_by_now_leave_the_sample_alone(scene: Scene) -> None:
    scene.confirm(["a"])
    for content in scene.files.contents():
        scene.files.remove(content)
    scene.reader = "91c0de55"
    scene.store.documents.put_many(P, [document(1, data={"pages": ["another"]})])
    assert scene.look() == 0
    assert scene.words() == {"a as the wheel sees it"}


def test_a_look_reads_for_some_seconds_and_the_next_one_goes_on(scene: Scene) -> None:
    scene.confirm(*([str(number)] for number in range(5)))
    scene.reader, scene.takes = "91c0de55", BUDGET / 2 + 1
    assert [scene.look() for _ in range(4)] == [2, 2, 1, 0]


# -- in the loop -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def engine() -> RapidOCREngine:
    """One that can learn; the loop's papers are read without it."""
    return RapidOCREngine("onnxruntime")


@pytest.mark.slow
def test_open_tasks_are_pushed_anew_when_the_reader_changes_and_what_a_rollback_needs_stays(
    services: Services, queue: JobQueue
) -> None:
    loop = Loop.of(services, queue, documents=12)
    plain = services.predictor

    def read(image: PageImage, project_uid: str) -> Page:
        seen = plain.read(image, project_uid)
        return seen.with_engine(f"made+{services.readers.mark(project_uid)}")

    services.batches.close()
    services.batches = BatchPredictor(replace(plain, read=read), workers=2)
    loop.turn()
    loop.annotate(3)
    loop.turn()
    model, interface = loop.record_version.split(".")
    registry = services.readers.registry

    def promote(version: str) -> str:
        manifest = Manifest(version, KIND, "2026-11-20T18:00:00+00:00")
        network = version.encode()
        registry.publish(loop.uid, manifest, lambda folder: write_version(folder, network, Alphabet("ab")))
        registry.activate(loop.uid, version)
        loop.turn()
        loop.turn()
        return services.readers.mark(loop.uid)

    first = promote("reader-1")
    assert loop.record_version == f"{model}.{first}.{interface}"
    assert loop.open_versions() == {f"{model}.{first}.{interface}"}
    engines = {one.engine for sample in services.store.samples.load(loop.uid) for one in sample.document.pages}
    assert engines == {f"made+{first}"}
    second = promote("reader-2")
    open_tasks = [task for task in loop.there.tasks_of(loop.project) if not loop.there.of_task(task)]
    kept = {one.model_version for one in loop.there.predictions.values() if one.task in open_tasks}
    # the one before stays, those before that are tidied
    assert kept == {f"{model}.{first}.{interface}", f"{model}.{second}.{interface}"}
    registry.rollback(loop.uid)
    loop.turn()
    assert loop.record_version == f"{model}.{first}.{interface}"
