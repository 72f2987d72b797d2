"""The exports that were made, one JSON file each: what they hold by hash, so that a deletion can say which ones it touches."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_ID = re.compile(r"[0-9A-Za-z-]{1,80}")


@dataclass(frozen=True, slots=True)
class Batch:
    """One export. ``out`` is where it was written, ``contents`` are its documents that still exist, ``deleted`` counts those
    that do not: an export with any is *tainted*, its files still hold what people had deleted."""

    id: str
    format: str
    created_at: str
    project_uid: str
    out: str
    counts: Mapping[str, int]
    contents: tuple[str, ...] = field(repr=False)
    deleted: int = 0


class ExportIndex:
    """The index in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, batch: Batch) -> None:
        """Note an export. Raises OSError where the disk refuses."""
        if not _ID.fullmatch(batch.id):
            raise ValueError(f"{batch.id!r} is not the id of an export")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = self._folder / f".{batch.id}.part"
        aside.write_text(json.dumps(asdict(batch)), encoding="utf-8")
        os.replace(aside, self._folder / f"{batch.id}.json")

    def all(self, project_uid: str | None = None) -> list[Batch]:
        """The exports of a project, or all, the newest first. A file that is none is logged and left out."""
        found = [batch for path in self._folder.glob("[!.]*.json") if (batch := _read(path)) is not None]
        mine = [batch for batch in found if project_uid in (None, batch.project_uid)]
        return sorted(mine, key=lambda batch: (batch.created_at, batch.id), reverse=True)

    def forget(self, contents: Collection[str]) -> int:
        """Take deleted documents out; how many exports are tainted by that."""
        gone, tainted = set(contents), 0
        for batch in self.all():
            left = tuple(content for content in batch.contents if content not in gone)
            if missing := len(batch.contents) - len(left):
                changed = asdict(batch) | {"contents": left, "deleted": batch.deleted + missing}
                self.add(Batch(**changed))
                tainted += 1
        return tainted


def _read(path: Path) -> Batch | None:
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Batch(**{**value, "contents": tuple(value["contents"])})
    except (OSError, ValueError, TypeError, KeyError):
        log.warning("%s is not an export's entry", path.name)
        return None
