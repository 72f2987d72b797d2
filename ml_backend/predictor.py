"""The pipeline: a task's URLs, their bytes, page images, words, fields, one prediction.

The parts are handed in, so that this file reads as the story of one page. What is shared by many requests (caches, threads,
time limits) belongs to ``batches``; how the parts are made, to ``services``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from ml_backend.counters import PAGE_FAILURES
from ml_backend.document.elements import Document, Page
from ml_backend.document.fields import Extraction, Field, FieldSpec, Prediction
from ml_backend.document.geometry import Box
from ml_backend.document.version_names import version_name
from ml_backend.errors import DocloopError, EngineFailed
from ml_backend.images.pages import PageImage, content_of
from ml_backend.images.squeezed import squeezed
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.tasks import Task
from ml_backend.models.base import FieldExtractor
from ml_backend.models.score import document_score

log = logging.getLogger(__name__)


Observer = Callable[[Document, Extraction, Sequence[FieldSpec]], object]
"""Of a document, what was extracted, and what was asked for."""


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """The words of a task's pages. ``content`` is the SHA-256 of the pages' pixels, ``digests`` are those of each page,
    ``failures`` why some pages are empty, ``files`` the bytes of each page where it was read whole."""

    document: Document
    content: str
    failures: tuple[DocloopError, ...] = ()
    files: tuple[bytes, ...] = ()
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Predictor:
    """``fetch`` turns (URL, task id) into bytes, ``load`` bytes into upright pages, one at a time,
    ``read`` a page image of a project (by its uid) into words; ``champion`` names the project's field model, ``reader`` is the
    mark of who reads its pages, empty where nothing was learned. ``observe`` notes what a ranking wants to know of a document,
    while its words are at hand. ``remembers`` is a mark of what a project's champion was told since its version was made: with
    another mark its answers may be others."""

    fetch: Callable[[str, int], bytes]
    load: Callable[[bytes], Generator[PageImage, None, None]]
    read: Callable[[PageImage, str], Page]
    champion: Callable[[str], FieldExtractor]
    observe: Observer = lambda document, extraction, specs: None
    remembers: Callable[[str], Hashable] = lambda project_uid: None
    reader: Callable[[str], str] = lambda project_uid: ""

    def version(self, interface: Interface, project_uid: str) -> str:
        """The model version of predictions for ``interface``: another interface, or reader, makes the stored ones outdated."""
        return version_name(self.champion(project_uid).version, interface.fingerprint, self.reader(project_uid))

    def predict(self, task: Task, interface: Interface, project_uid: str) -> Prediction:
        """The prediction for one task, by its project's champion.

        A page that fails is left empty and noted; the other pages of the document are still read.

        Raises:
            DocloopError: no page could be read; the first page's reason.
        """
        reader = self.reader(project_uid)  # before: another one may be promoted meanwhile, and outdates this then
        reading = self.read_task(task, interface, project_uid)
        extractor = self.champion(project_uid)
        prediction = self.of_document(reading.document, interface.specs, extractor)
        return replace(
            prediction,
            model_version=version_name(extractor.version, interface.fingerprint, reader),
            notes=prediction.notes + tuple(error.message for error in reading.failures),
            content=reading.content,
            digests=reading.digests,
        )

    def read_task(self, task: Task, interface: Interface, project_uid: str, whole: bool = False) -> ReadDocument:
        """The words of all pages of a project's task. ``whole``: all of them or none; after one that failed no other is tried.

        Raises:
            DocloopError: no page could be read, or with ``whole`` not every one; the reason of the first that failed.
        """
        pages: list[Page] = []
        digests: list[str] = []
        files: list[bytes] = []
        failures: list[DocloopError] = []
        for number, url in enumerate(task.page_urls(interface)):
            try:
                data = self.fetch(url, task.id)
                picture = self._picture(data)
                digests.append(picture.digest)
                pages.append(self._seen(picture, project_uid))
                files += [data] if whole else []
            except DocloopError as error:
                log.warning("task %s page %s: %s", task.id, number + 1, error.code)
                PAGE_FAILURES.labels(error.code).inc()
                if whole:
                    raise
                failures.append(error)
                pages.append(Page(1, 1))
        if len(failures) == len(pages):
            raise failures[0]
        return ReadDocument(Document(tuple(pages)), content_of(digests), tuple(failures), tuple(files), tuple(digests))

    def read_pages(self, pictures: Sequence[PageImage], project_uid: str) -> Document:
        """The words of a document of a project whose pages are at hand. Raises EngineFailed."""
        return Document(tuple(self._seen(picture, project_uid) for picture in pictures))

    def of_bytes(self, data: bytes, specs: Sequence[FieldSpec], project_uid: str = "") -> tuple[Document, Prediction]:
        """The words and the prediction of a whole file, all its pages, by the champion of a project, or without one by the model
        that every project begins with."""
        with closing(self.load(data)) as images:
            document = Document(tuple(self._seen(image, project_uid) for image in images))
        return document, self.of_document(document, specs, self.champion(project_uid))

    def of_document(self, document: Document, specs: Sequence[FieldSpec], extractor: FieldExtractor) -> Prediction:
        """The prediction for pages that have been read."""
        extraction = extractor.extract(document, specs)
        learned = extraction.score
        return Prediction(
            fields=tuple(_with_doubts(field, document.pages[field.page]) for field in extraction.fields),
            page_sizes=tuple((page.width, page.height) for _, page in document),
            score=document_score(specs, extraction.fields) if learned is None else learned,
            model_version=extractor.version,
            engines=tuple(page.engine for _, page in document),
            notes=tuple(page.fallback for _, page in document if page.fallback),
            observed=self.observe(document, extraction, specs),
        )

    def read_region(self, task: Task, interface: Interface, drawn: Field, project_uid: str) -> Prediction:
        """What stands inside the box an annotator has just drawn, with the label it was drawn with.

        The words of the whole page are used, as they are mostly in the cache; when none lies inside, the box is read on its own.
        """
        url = task.page_urls(interface)[drawn.page]
        image = self._picture(self.fetch(url, task.id))
        page = self.read(image, project_uid)
        box = drawn.box.upright(page.width, page.height)
        inside = [i for i, word in enumerate(page.words) if word.box.intersection(box) > 0.5 * word.box.area]
        text, confidence = page.text_of(inside), min((page.words[i].confidence for i in inside), default=0.0)
        if not inside:
            crop = self.read(_crop(image, box), project_uid)
            text, confidence = crop.text.replace("\n", " "), min((w.confidence for w in crop.words), default=0.0)
        if not text:
            raise EngineFailed(
                "region_empty", f"No text was found in the box drawn on task {task.id}.", "Type it by hand."
            )
        field = replace(drawn, text=text, confidence=confidence, words=tuple(inside))
        sizes = [(1, 1)] * drawn.page + [(page.width, page.height)]
        return Prediction((field,), tuple(sizes), confidence, self.version(interface, project_uid), (page.engine,))

    def _seen(self, image: PageImage, project_uid: str) -> Page:
        """The words of a page, and what it looks like, which no cache of words has."""
        return replace(self.read(image, project_uid), picture=squeezed(image.image))

    def _picture(self, data: bytes) -> PageImage:
        """A page of Label Studio is one picture: of a file with several, its editor shows the first, and no more is decoded."""
        with closing(self.load(data)) as images:
            return next(images)


def _with_doubts(field: Field, page: Page) -> Field:
    """The field, its reason saying also what a person should know of the reading: doubtful words, another engine."""
    doubts = ["read with doubt"] if any(page.words[i].uncertain for i in field.words) else []
    return replace(field, reason="; ".join(filter(None, [field.reason, *doubts, page.fallback])))


def _crop(image: PageImage, box: Box) -> PageImage:
    """The part of a page inside ``box``, with a margin of a fifth of its height for the detector to see its edges."""
    width, height = image.image.size
    margin = 0.2 * box.height * height
    left, top = max(0.0, box.left * width - margin), max(0.0, box.top * height - margin)
    right, bottom = min(width, box.right * width + margin), min(height, box.bottom * height + margin)
    part = (int(left), int(top), max(int(left) + 1, int(right)), max(int(top) + 1, int(bottom)))
    place = ",".join(map(str, part))
    return PageImage(image.image.crop(part), f"{image.digest}/{place}")  # a cache forgets it with its page
