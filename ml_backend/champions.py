"""Which field model answers for a project: the promoted version of its registry, or the keyword baseline, version 0.

The pointer is read at every question (one small file), so that a promotion or a rollback in another process is followed at once;
a loaded model is kept for as long as it is the champion, and its files are the same. A version that does not verify is never
loaded: the last good one answers, and the reason is logged once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from ml_backend.errors import ModelRejected
from ml_backend.models.base import FieldExtractor
from ml_backend.models.manifest import Manifest
from ml_backend.models.registry import ModelRegistry

log = logging.getLogger(__name__)

Loader = Callable[[Path, str], FieldExtractor]
"""From a verified folder and a version to its model; raises ModelRejected."""


class Champions:
    """The champions of all projects. Safe to use from several threads."""

    def __init__(self, registry: ModelRegistry, baseline: FieldExtractor, loaders: Mapping[str, Loader]) -> None:
        self.registry = registry
        self._baseline = baseline
        self._loaders = loaders
        self._loaded: dict[str, tuple[tuple[str, int], FieldExtractor]] = {}  # project -> (what was wanted, its model)
        self._lock = threading.Lock()

    @property
    def baseline(self) -> FieldExtractor:
        """The model that every project begins with."""
        return self._baseline

    def of(self, project_uid: str) -> FieldExtractor:
        """The model that answers for a project; the baseline where nothing was promoted, or for a project nobody knows."""
        wanted = self._wanted(project_uid)
        if not wanted:
            return self._baseline
        with self._lock:
            known, edition = self._loaded.get(project_uid), (wanted, self.registry.edition(project_uid, wanted))
            if known is None or known[0] != edition:
                known = self._loaded[project_uid] = (edition, self._best(project_uid))
            return known[1]

    def forget_changed(self) -> None:
        """Let go of the models whose version does not serve any more, or was rewritten; the next question loads one again.

        Cheap, to be asked for often. It does not wait for whoever loads a model just now.
        """
        for project_uid, known in list(self._loaded.items()):
            wanted = self._wanted(project_uid)
            if known[0] != (wanted, self.registry.edition(project_uid, wanted)) and self._lock.acquire(blocking=False):
                try:
                    if self._loaded.get(project_uid) is known:
                        del self._loaded[project_uid]
                finally:
                    self._lock.release()

    def version_of(self, project_uid: str) -> str:
        """The version that answers for a project, at once: ``/setup`` has 3 seconds, and loading a model may take as long."""
        wanted = self._wanted(project_uid)
        known = self._loaded.get(project_uid)
        if known is not None and known[0][0] == wanted:
            return known[1].version
        return wanted or self._baseline.version

    def _wanted(self, project_uid: str) -> str:
        """What the pointer names; empty for the baseline, and for a uid that no project of Label Studio has."""
        try:
            return self.registry.active(project_uid)
        except ModelRejected:
            return ""

    def load(self, manifest: Manifest, folder: Path) -> FieldExtractor:
        """The model of a version that was verified.

        Raises:
            ModelRejected: its kind is unknown here, or its files are not what they should be.
        """
        loader = self._loaders.get(manifest.kind)
        if loader is None:
            raise ModelRejected(
                "model_kind_unknown",
                f"Version {manifest.version} is a {manifest.kind}, which this docloop cannot load.",
                f"Known kinds: {', '.join(sorted(self._loaders))}.",
            )
        return loader(folder, manifest.version)

    def _best(self, project_uid: str) -> FieldExtractor:
        best = self.registry.best(project_uid)
        if best.reason:
            log.error("project %s: %s", project_uid, best.reason)
        if best.manifest is None or best.folder is None:
            return self._baseline
        for again in (True, False):
            try:
                return self.load(best.manifest, best.folder)
            except ModelRejected as error:  # once more: it may have been rewritten between two of its files
                if not again:
                    said = "project %s: %s cannot be loaded (%s); keywords answer"
                    log.error(said, project_uid, best.version, error.code)
        return self._baseline
