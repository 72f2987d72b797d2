"""The index of exports that several machines have: a bucket behind its folder. Each lists what any of them has exported."""

from __future__ import annotations

import logging
from pathlib import Path

from ml_backend.errors import StorageError
from ml_backend.exports.index import Batch, ExportIndex, batch_of, is_entry
from ml_backend.storage import Bucket

log = logging.getLogger(__name__)

_LARGEST = 100_000_000  # bytes of an entry, which lists documents by number
_PREFIX = "index"


class SharedExportIndex(ExportIndex):
    """While the bucket does not answer it is the index of this machine; what the bucket lacks is sent the next time."""

    def __init__(self, folder: Path, bucket: Bucket) -> None:
        super().__init__(folder)
        self._bucket = bucket
        self._known = dict[str, str]()  # the marks of what was brought

    def add(self, batch: Batch) -> None:
        super().add(batch)
        try:
            self._bucket.put_file(self._folder / f"{batch.id}.json", f"{_PREFIX}/{batch.id}.json")
        except StorageError as error:
            log.warning("an export is noted on this machine alone, for now: %s", error)

    def all(self, project_uid: str | None = None) -> list[Batch]:
        try:
            self.exchange()
        except StorageError as error:
            log.warning("the exports of this machine alone are listed: %s", error)
        return super().all(project_uid)

    def exchange(self) -> None:
        """Bring what the bucket has, which is newer where both have it, and send what it lacks. Raises StorageError, OSError.

        What this object has brought before is asked for again only when it was replaced.
        """
        there = {each.key.removeprefix(f"{_PREFIX}/"): each for each in self._bucket.list(_PREFIX)}
        found = [path for path in self._folder.glob("*.json") if is_entry(path.name) and path.is_file()]
        here = {path.name: path for path in found}
        for name, entry in there.items():
            if not is_entry(name) or entry.size > _LARGEST or self._known.get(name) == entry.mark:
                continue
            data = self._bucket.get(entry.key, _LARGEST)
            if data is None:
                continue
            if (name not in here or here[name].read_bytes() != data) and batch_of(name, data) is not None:
                self._put(name, data)
            self._known[name] = entry.mark
        for name in sorted(here.keys() - there):
            self._bucket.put_file(here[name], f"{_PREFIX}/{name}")
