"""Samples whose words another reader saw than the one that reads the project now: they are read again.

A model learns from words as OCR reads them. After a new reader was promoted, or rolled back, the samples of before hold what the
earlier one made of their pages. Level-triggered, like the samples: each knows who read it, some are read again at every look, out
of the page files that are kept, else from Label Studio. The ledger stays: it says what the annotator was shown.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ml_backend.document.elements import Document
from ml_backend.errors import DocloopError
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.tasks import Task
from ml_backend.page_files import PageFiles
from ml_backend.predictor import Predictor
from ml_backend.store.store import Store
from training.pauses import Pauses

log = logging.getLogger(__name__)

BUDGET = 10.0  # seconds of one look: annotators wait for predictions by the new reader, nobody waits for this
_AT_ONCE = 500  # samples asked of the store in one go


@dataclass(frozen=True, slots=True)
class Rereading:
    """``files`` has the pages of confirmed documents; ``pauses`` remembers those that cannot be had."""

    store: Store
    predictor: Predictor
    files: PageFiles
    pauses: Pauses
    clock: Callable[[], float] = time.monotonic

    def run(self, project_uid: str, interface: Interface) -> int:
        """Read samples of a project again, for some seconds; how many were."""
        reader = self.predictor.reader(project_uid)
        ends, made = self.clock() + BUDGET, 0
        for document_id, content in self._read_by_others(project_uid, reader):
            key = "words", document_id, content, reader
            if not self.pauses.over(key):
                continue
            if self.clock() > ends:
                break
            words = self._words(document_id, content, project_uid, interface)
            if words is not None and self.store.samples.put_words(document_id, content, words, reader):
                self.pauses.worked(key)
                made += 1
            else:
                self.pauses.failed(key)
        return made

    def _read_by_others(self, project_uid: str, reader: str) -> Iterator[tuple[int, str]]:
        """(document id, content); first those whose pages are kept, so that no host that hangs stands in their way."""
        kept: set[str] | None = None
        for at_hand in (True, False):
            after = 0
            while rows := self.store.samples.read_by_others(project_uid, reader, _AT_ONCE, after):
                after = rows[-1][0]
                kept = self.files.contents() if kept is None else kept
                yield from (row for row in rows if (row[1] in kept) is at_hand)

    def _words(self, document_id: int, content: str, project_uid: str, interface: Interface) -> Document | None:
        """None where the pages cannot be had, or are others by now."""
        try:
            if pictures := tuple(self.files.pictures(content, self.predictor.load)):
                return self.predictor.read_pages(pictures, project_uid)
            document = self.store.documents.get(document_id)
            if document is None:
                return None
            task = Task(document.task_id, document.data)
            reading = self.predictor.read_task(task, interface, project_uid, whole=True)
        except DocloopError as error:
            log.warning("document %s: its words stay those of an earlier reader (%s)", document_id, error.code)
            return None
        return reading.document if reading.content == content else None
