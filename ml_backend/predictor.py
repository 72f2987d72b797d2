"""The pipeline: a task's URLs, their bytes, page images, words, fields, one prediction.

The parts are handed in, so that this file reads as the story of one page. What is shared by many requests (caches, threads,
time limits) belongs to ``batches``; how the parts are made, to ``services``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from ml_backend.counters import PAGE_FAILURES
from ml_backend.document.elements import Document, Page
from ml_backend.document.fields import Field, FieldSpec, Prediction
from ml_backend.document.geometry import Box
from ml_backend.errors import DocloopError, EngineFailed
from ml_backend.images.pages import PageImage
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.tasks import Task
from ml_backend.models.base import FieldExtractor
from ml_backend.models.score import document_score

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Predictor:
    """``fetch`` turns (URL, task id) into bytes, ``load`` bytes into upright pages, one at a time,
    ``read`` a page image into words."""

    fetch: Callable[[str, int], bytes]
    load: Callable[[bytes], Generator[PageImage, None, None]]
    read: Callable[[PageImage], Page]
    extractor: FieldExtractor

    def version(self, interface: Interface) -> str:
        """The model version of predictions for ``interface``: another interface makes the stored ones outdated."""
        return f"{self.extractor.version}.{interface.fingerprint}"

    def predict(self, task: Task, interface: Interface) -> Prediction:
        """The prediction for one task.

        A page that fails is left empty and noted; the other pages of the document are still read.

        Raises:
            DocloopError: no page could be read; the first page's reason.
        """
        pages: list[Page] = []
        failures: list[DocloopError] = []
        for number, url in enumerate(task.page_urls(interface)):
            try:
                pages.append(self.read(self._picture(url, task)))
            except DocloopError as error:
                log.warning("task %s page %s: %s", task.id, number + 1, error.code)
                PAGE_FAILURES.labels(error.code).inc()
                failures.append(error)
                pages.append(Page(1, 1))
        if len(failures) == len(pages):
            raise failures[0]
        prediction = self.of_document(Document(tuple(pages)), interface.specs)
        notes = prediction.notes + tuple(error.message for error in failures)
        return replace(prediction, model_version=self.version(interface), notes=notes)

    def of_bytes(self, data: bytes, specs: Sequence[FieldSpec]) -> tuple[Document, Prediction]:
        """The words and the prediction of a whole file, all its pages."""
        with closing(self.load(data)) as images:
            document = Document(tuple(self.read(image) for image in images))
        return document, self.of_document(document, specs)

    def of_document(self, document: Document, specs: Sequence[FieldSpec]) -> Prediction:
        """The prediction for pages that have been read."""
        fields = self.extractor.extract(document, specs).fields
        return Prediction(
            fields=tuple(_with_doubts(field, document.pages[field.page]) for field in fields),
            page_sizes=tuple((page.width, page.height) for _, page in document),
            score=document_score(specs, fields),
            model_version=self.extractor.version,
            engines=tuple(page.engine for _, page in document),
            notes=tuple(page.fallback for _, page in document if page.fallback),
        )

    def read_region(self, task: Task, interface: Interface, drawn: Field) -> Prediction:
        """What stands inside the box an annotator has just drawn, with the label it was drawn with.

        The words of the whole page are used, as they are mostly in the cache; when none lies inside, the box is read on its own.
        """
        url = task.page_urls(interface)[drawn.page]
        image = self._picture(url, task)
        page = self.read(image)
        box = drawn.box.upright(page.width, page.height)
        inside = [i for i, word in enumerate(page.words) if word.box.intersection(box) > 0.5 * word.box.area]
        text, confidence = page.text_of(inside), min((page.words[i].confidence for i in inside), default=0.0)
        if not inside:
            crop = self.read(_crop(image, box))
            text, confidence = crop.text.replace("\n", " "), min((w.confidence for w in crop.words), default=0.0)
        if not text:
            raise EngineFailed(
                "region_empty", f"No text was found in the box drawn on task {task.id}.", "Type it by hand."
            )
        field = replace(drawn, text=text, confidence=confidence, words=tuple(inside))
        sizes = [(1, 1)] * drawn.page + [(page.width, page.height)]
        return Prediction((field,), tuple(sizes), confidence, self.version(interface), (page.engine,))

    def _picture(self, url: str, task: Task) -> PageImage:
        """A page of Label Studio is one picture: of a file with several, its editor shows the first, and no more is decoded."""
        with closing(self.load(self.fetch(url, task.id))) as images:
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
    return PageImage.of(image.image.crop(part))
