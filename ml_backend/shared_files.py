"""Which of this machine's folders have a bucket behind them: all with DOCLOOP_STORAGE_URL, none without."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache, partial
from pathlib import Path

from ml_backend.errors import StoreError
from ml_backend.exports.index import ExportIndex
from ml_backend.models.registry import ModelRegistry
from ml_backend.ocr.cache import PageCache
from ml_backend.page_files import PageFiles
from ml_backend.settings import Settings
from ml_backend.storage import Bucket, open_bucket

_PATIENCE = 60.0  # seconds that a change of the registry waits for another machine's
_POLL = 0.2


def bucket_of(settings: Settings) -> Bucket | None:
    """The bucket of this process, if the settings name one. Raises SetupError if its package is missing."""
    return _opened(settings.storage_url, os.getpid()) if settings.storage_url else None


def part_of(settings: Settings, name: str) -> Bucket | None:
    """The part of the bucket that stands behind the folder ``name``."""
    bucket = bucket_of(settings)
    return bucket.below(name) if bucket is not None else None


def registry_in(settings: Settings, name: str, store_url: str) -> ModelRegistry:
    """The registry in the folder ``name`` of the data folder. With a bucket, changes hold a lease of the store."""
    bucket = part_of(settings, name)
    if bucket is None:
        return ModelRegistry(settings.data_dir / name)
    from ml_backend.models.shared_registry import SharedRegistry

    return SharedRegistry(settings.data_dir / name, bucket, partial(leased, store_url))


def page_files_in(settings: Settings, name: str) -> PageFiles:
    """The page files in the folder ``name`` of the data folder."""
    return PageFiles(settings.data_dir / name, part_of(settings, name))


def export_index_in(settings: Settings, name: str) -> ExportIndex:
    """The index of exports in the folder ``name`` of the data folder."""
    bucket = part_of(settings, name)
    if bucket is None:
        return ExportIndex(settings.data_dir / name)
    from ml_backend.exports.shared_index import SharedExportIndex

    return SharedExportIndex(settings.data_dir / name, bucket)


def page_cache_in(settings: Settings, folder: Path, max_bytes: int) -> PageCache:
    """The OCR cache in ``folder``."""
    bucket = part_of(settings, "ocr")
    if bucket is None:
        return PageCache(folder, max_bytes)
    from ml_backend.ocr.shared_cache import SharedPageCache

    return SharedPageCache(folder, max_bytes, bucket)


@contextmanager
def leased(store_url: str, name: str) -> Iterator[None]:
    """Hold the lease ``registry-name`` of the store, the one thing that all machines have in common beside the bucket.

    Raises:
        StoreError: ``registry_busy``: another machine had it for a minute; or the store does not answer.
    """
    from ml_backend.store.holding import held
    from ml_backend.store.store import open_store

    ends = time.monotonic() + _PATIENCE
    with closing(open_store(store_url)) as store:
        while True:
            with held(store, f"registry-{name}") as mine:
                if mine:
                    yield
                    return
            if time.monotonic() > ends:
                raise StoreError(
                    "registry_busy", "Another machine changes the model versions.", "Try again in a minute."
                )
            time.sleep(_POLL)


@lru_cache(maxsize=4)
def _opened(url: str, process: int) -> Bucket:
    """One a process: connections do not survive a fork."""
    return open_bucket(url)
