"""Who reads for a project: the recogniser promoted for it, else the one promoted for all projects, else the wheel's own.

Readers have a registry of their own beside the field models, so that fields and reading are promoted and rolled back apart. As
with field models the pointers are read at every question, so that a promotion or a rollback in another process is followed with
the next page. A version that does not verify never reads: the last good one does, and the reason is logged once.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace

from ml_backend.errors import ModelRejected
from ml_backend.models.registry import Best, ModelRegistry
from ml_backend.ocr.base import OCREngine
from ml_backend.ocr.recogniser.version import KIND, MODEL, Recogniser
from ml_backend.ocr.registry import learns, with_recogniser

EVERY_PROJECT = "0.0"
"""Stands for all projects that have no reader of their own. Label Studio's projects are numbered from 1."""
KEPT = 4  # readers in memory; for each page read at the same time one takes 30 MB (ONNX Runtime) to 60 MB (OpenVINO)
READERS = "readers"  # the folder of the data folder
_MARK = 8  # hexadecimal digits of a network's SHA-256

log = logging.getLogger(__name__)


def promoted_for(registry: ModelRegistry, project_uid: str) -> list[tuple[str, str]]:
    """Where a reader was promoted that reads for a project, with the version; the project's own comes first."""
    found = []
    for place in dict.fromkeys((project_uid, EVERY_PROJECT)):
        with suppress(ModelRejected):  # a uid that no project of Label Studio has
            if version := registry.active(place):
                found.append((place, version))
    return found


def best_reader(registry: ModelRegistry, project_uid: str) -> Best:
    """The version that reads for a project, checked file by file; the wheel's recogniser is ""."""
    reasons = []
    for place, _ in promoted_for(registry, project_uid):
        best = registry.best(place)
        reasons.append(best.reason)
        if _digest(best):
            return replace(best, reason=" ".join(filter(None, reasons)))
    return Best("", reason=" ".join(filter(None, reasons)))


def mark_of(best: Best) -> str:
    """What tells the words of this reader from those of others: 8 hexadecimal digits, nothing for the wheel's."""
    return _digest(best)[:_MARK]


def _digest(best: Best) -> str:
    if best.manifest is None or best.manifest.kind != KIND:
        return ""
    return best.manifest.files.get(MODEL, "")


def promoted_reader(registry: ModelRegistry, project_uid: str, runtime: str = "auto") -> Recogniser | None:
    """The recogniser that was promoted under this uid, or None. Takes half a second where there is one.

    Raises:
        EngineUnavailable: no such runtime.
    """
    best = registry.best(project_uid)
    if best.reason:
        log.error("reader of project %s: %s", project_uid, best.reason)
    if best.manifest is None or best.folder is None:
        return None
    try:
        if best.manifest.kind != KIND:
            raise ModelRejected("model_kind_unknown", f"{best.version} is a {best.manifest.kind}, not a {KIND}.")
        return Recogniser.load(best.folder, best.version, runtime)
    except ModelRejected as error:
        log.error("reader of project %s: %s It reads with none of its own.", project_uid, error)
        return None


class Readers:
    """The OCR engines of all projects: ``engine``, with each one's recogniser in it. Safe for threads.

    ``kept`` readers stay in memory, those asked for last. An engine that cannot learn reads for all projects as it is.
    """

    def __init__(self, registry: ModelRegistry, engine: OCREngine, runtime: str = "auto", kept: int = KEPT) -> None:
        self.registry = registry
        self._engine = engine
        self._learns = learns(engine)
        self._runtime = runtime
        self._kept = kept
        self._known: dict[str, tuple[str, str]] = {}  # uid -> (what its pointer says, the hash of the network it gives)
        self._engines: OrderedDict[str, OCREngine] = OrderedDict()  # by that hash, the last asked for last
        self._lock = threading.Lock()

    def engine(self, project_uid: str) -> OCREngine:
        """The engine that reads a project's pages; a reader that was promoted since the last question is loaded now."""
        for place, version in self._promoted(project_uid):
            with self._lock:
                if (engine := self._with_reader(place, version)) is not None:
                    return engine
        return self._engine

    def mark(self, project_uid: str) -> str:
        """The mark of the project's reader (``mark_of``), at once: ``/setup`` has 3 seconds, and loading may take as long."""
        for place, version in self._promoted(project_uid):
            pointer, digest = self._known.get(place, ("", ""))
            if pointer != version and (digest := _digest(self.registry.best(place))):
                self._known[place] = (version, digest)  # checking takes 40 ms
            if digest:
                return digest[:_MARK]
        return ""

    def earlier_mark(self, project_uid: str) -> str:
        """The mark of the reader that a rollback would bring back: open tasks may still show what it read."""
        for place, _ in self._promoted(project_uid):
            version = next(reversed(self.registry.history(place)), "")
            known = {one.version: one for one in self.registry.versions(place)}
            if version or place == EVERY_PROJECT:
                return mark_of(Best(version, known.get(version)))
            return self.mark(EVERY_PROJECT)
        return ""

    def _promoted(self, project_uid: str) -> list[tuple[str, str]]:
        """Where a reader was promoted, with what changes when another one was, or when its files came."""
        found = promoted_for(self.registry, project_uid) if self._learns else []
        return [(place, f"{version}/{self.registry.edition(place, version)}") for place, version in found]

    def _with_reader(self, place: str, version: str) -> OCREngine | None:
        """The engine with the reader promoted under this uid; None where none of its versions can be loaded."""
        pointer, digest = self._known.get(place, ("", ""))
        if pointer == version and not digest:
            return None
        if pointer != version or digest not in self._engines:
            reader = promoted_reader(self.registry, place, self._runtime)
            digest = reader.digest if reader else ""
            self._known[place] = (version, digest)
            if reader is None:
                return None
            if digest not in self._engines:
                self._engines[digest] = with_recogniser(self._engine, reader)
        self._engines.move_to_end(digest)
        while len(self._engines) > self._kept:
            self._engines.popitem(last=False)  # pages that it reads just now are finished
        return self._engines[digest]
