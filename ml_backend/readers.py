"""Which recogniser the OCR engine reads with: the promoted version of the readers' registry, or the wheel's own.

Readers have a registry of their own beside the field models, so that fields and reading are promoted and rolled back apart. A
version that does not verify is never loaded: the last good one reads, or the wheel's, and the reason is logged.
"""

from __future__ import annotations

import logging
from pathlib import Path

from ml_backend.errors import ModelRejected
from ml_backend.models.registry import ModelRegistry
from ml_backend.ocr.recogniser.version import KIND, Recogniser

EVERY_PROJECT = "0.0"
"""Stands for all projects that have no reader of their own. Label Studio's projects are numbered from 1."""

log = logging.getLogger(__name__)


def readers_in(data_dir: Path) -> ModelRegistry:
    """The registry of readers of this installation."""
    return ModelRegistry(data_dir / "readers")


def promoted_reader(registry: ModelRegistry, project_uid: str, runtime: str = "auto") -> Recogniser | None:
    """The recogniser that was promoted, or None for the wheel's own. Takes half a second where there is one.

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
        log.error("reader of project %s: %s The recogniser of the wheel reads.", project_uid, error)
        return None
