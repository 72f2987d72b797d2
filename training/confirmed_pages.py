"""Sees to it that the page files of confirmed documents are kept, those of all samples and no others.

Level-triggered, like the samples: files that are missing (an older docloop made the sample, the disk was full) are fetched again,
files that no sample has any more are deleted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ml_backend.errors import DocloopError, StorageError
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.tasks import Task
from ml_backend.page_files import PageFiles
from ml_backend.predictor import Predictor
from ml_backend.store.store import Store
from training.pauses import Pauses

log = logging.getLogger(__name__)

BUDGET = 10.0  # seconds of one look
LEFT = 3600.0  # seconds after which nobody writes a page any more


@dataclass(frozen=True, slots=True)
class ConfirmedPages:
    """``pauses`` remembers pages that cannot be had, so that they are not asked for at every look. Where files are not
    ``wanted``, none is kept."""

    store: Store
    predictor: Predictor
    files: PageFiles
    pauses: Pauses
    wanted: bool = True
    clock: Callable[[], float] = time.monotonic

    def keep(self, content: str, files: Sequence[bytes]) -> None:
        """Keep the files of a document whose sample is stored: the other way round, ``drop_others`` of another process could
        take them for left-overs. A full disk costs pictures, never a sample."""
        try:
            if self.wanted:
                self.files.put(content, files)
        except OSError as error:
            log.warning("the pages of a confirmed document are not kept: %s", error.strerror)
        except StorageError as error:
            log.warning("the pages of a confirmed document are not kept yet: %s", error)

    def complete(self, project_uid: str, interface: Interface) -> int:
        """Fetch what is missing of a project, for some seconds; how many documents were completed.

        Raises:
            StorageError: nobody can say what is missing.
        """
        kept, ends, made = self.files.contents(), self.clock() + BUDGET, 0
        there = self.store.samples.contents(project_uid) if self.wanted else {}
        for content, document_id in there.items():
            key = "pages", document_id, content
            if content in kept or not self.pauses.over(key):
                continue
            if self.clock() > ends:
                break
            if self._fetch(content, document_id, interface):
                self.pauses.worked(key)
                made += 1
            else:
                self.pauses.failed(key)
        return made

    def drop_others(self) -> int:
        """Delete the files that no sample of any project has, and what killed writers left; how many documents that were.

        Raises:
            StorageError: nobody can say what is left; the next look tries again.
        """
        self.files.tidy(time.time() - LEFT)
        kept = self.files.traces()  # before the samples are read: what is kept from now on has its sample already
        left = kept - (self.store.samples.contents().keys() if kept and self.wanted else set())
        for content in left:
            self.files.remove(content)
        return len(left)

    def _fetch(self, content: str, document_id: int, interface: Interface) -> bool:
        if files := self.files.get(content):  # on this machine, since the bucket was away
            self.keep(content, files)
            return True
        document = self.store.documents.get(document_id)
        if document is None:
            return False
        try:
            task = Task(document.task_id, document.data)
            reading = self.predictor.read_task(task, interface, document.project_uid, whole=True)
        except DocloopError as error:
            log.warning("task %s: its pages cannot be kept (%s)", document.task_id, error.code)
            return False
        if reading.content == content:  # else the task shows another page by now, and a look will say so
            self.keep(content, reading.files)
        return reading.content == content
