"""What each project's annotators have confirmed, at hand for the next document: the champion with a memory that is up to date.

A trained version changes by training alone. Its memory does not wait for that: a document confirmed now is remembered in the
next answer. How far the memory is believed beside the trained model is part of the version, and was learned; before that, both
are believed as far as they believe themselves.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_backend.document.elements import Document
from ml_backend.document.fields import Extraction, FieldSpec
from ml_backend.errors import StoreError
from ml_backend.models.base import FieldExtractor

if TYPE_CHECKING:
    from ml_backend.models.combined.combiner import Combiner
    from ml_backend.models.memory import LayoutMemory
    from ml_backend.store.samples import Samples, SamplesState, SampleStamps
    from ml_backend.store.store import Store

log = logging.getLogger(__name__)

MEMORY = "memory"  # the member of a combined version
CHAMPION = "champion"
MOST = 1_000  # documents of a project that are remembered: the newest
_PATIENCE = 2.0  # seconds for a question that takes a millisecond
_SILENT = 10.0  # seconds that a database which hung is not asked again


@dataclass(frozen=True, slots=True)
class _Known:
    state: SamplesState
    stamps: SampleStamps
    memory: LayoutMemory


class Memories:
    """The memories of all projects, from their samples in the store. Safe for threads."""

    def __init__(
        self, champion: Callable[[str], FieldExtractor], store: Callable[[], Store], country: str = ""
    ) -> None:
        self._champion = champion
        self._store = store
        self._country = country
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()
        self._silent_until = 0.0

    def champion(self, project_uid: str) -> FieldExtractor:
        """The model that answers for a project, with what was confirmed until it is asked.

        Returns at once: what was confirmed is read with the first question, which may take seconds.
        """
        return _Remembering(self._champion(project_uid), lambda: self._memory(project_uid))

    def mark(self, project_uid: str) -> Hashable:
        """Another one when what is remembered has changed."""
        if not project_uid:  # a file of the command line
            return None
        try:
            return self._state(project_uid)
        except StoreError:
            return None

    def forget(self) -> None:
        """Let go of the memories of samples that are not the same any more; the next question reads those that there are then.

        Raises StoreError if the store does not answer: all are let go then.
        """
        with self._lock:
            known = dict(self._known)
            self._known.clear()
            samples = self._store().samples
            self._known |= {uid: one for uid, one in known.items() if samples.state(uid) == one.state}

    def _memory(self, project_uid: str) -> LayoutMemory | None:
        """The memory of a project; None where there is nothing to remember. New samples are added, the others are kept.

        A store that does not answer is logged: the champion answers without it.
        """
        if not project_uid:
            return None
        try:
            state = self._state(project_uid)
            if not state[0]:
                return None
            samples = self._store().samples
            with self._lock:
                known = self._known.get(project_uid)
                if known is None or known.state != state:
                    known = self._known[project_uid] = self._read(samples, project_uid, state)
                return known.memory
        except StoreError as error:
            log.warning("project %s is answered without its memory: %s", project_uid, error)
            return None

    def _state(self, project_uid: str) -> SamplesState:
        """Raises StoreError, at the latest after ``_PATIENCE`` seconds: ``/predict`` must not wait for a database that hangs."""
        if time.monotonic() < self._silent_until:
            raise StoreError("store_silent", "The database did not answer a moment ago.")
        answer: queue.SimpleQueue[SamplesState | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(self._store().samples.state(project_uid))
            except Exception as error:
                answer.put(error)

        threading.Thread(target=ask, name="state", daemon=True).start()
        try:
            found = answer.get(timeout=_PATIENCE)
        except queue.Empty:
            self._silent_until = time.monotonic() + _SILENT
            raise StoreError("store_silent", f"The database does not answer within {_PATIENCE:g} s.") from None
        if isinstance(found, Exception):
            raise found
        return found

    def _read(self, samples: Samples, project_uid: str, state: SamplesState) -> _Known:
        from ml_backend.models.memory import LayoutMemory

        known, stamps = self._known.get(project_uid), samples.stamps(project_uid, MOST)
        if known is None or not known.stamps.keys() <= stamps.keys():  # the first time, or something was taken away
            memory = LayoutMemory.of(samples.load(project_uid, newest=MOST), version=MEMORY, country=self._country)
        else:
            new = [content for content, stamp in stamps.items() if known.stamps.get(content) != stamp]
            memory = known.memory.plus(samples.load(project_uid, only=new), MEMORY)
        return _Known(state, stamps, memory)


@dataclass(frozen=True, slots=True)
class _Remembering:
    """A champion and the memory of today."""

    champion: FieldExtractor
    memory: Callable[[], LayoutMemory | None]

    @property
    def version(self) -> str:
        return self.champion.version

    def extract(self, document: Document, specs: Sequence[FieldSpec]) -> Extraction:
        return self._today().extract(document, specs)

    def _today(self) -> FieldExtractor:
        """The champion alone, where nobody has confirmed anything."""
        from ml_backend.models.combined import Combined

        memory = self.memory()
        if memory is None:
            return self.champion
        if isinstance(self.champion, Combined):
            return self.champion.remembering(memory)
        return Combined(_unlearned(), {CHAMPION: self.champion, MEMORY: memory}, self.champion.version)


def _unlearned() -> Combiner:
    """Before anything was learned each is believed as far as it believes itself; where both say the same, both count."""
    from ml_backend.models.combined.combiner import POOLED, Combiner

    return Combiner((CHAMPION, MEMORY), {POOLED: (1.0, 0.5, 0.0, 1.0, 0.5, 0.0, 0.0)}, {}, {})
