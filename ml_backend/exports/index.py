"""The exports that were made, one JSON file each: what they hold by hash, so that a deletion can say which ones it touches."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_ID = re.compile(r"[0-9A-Za-z-]{1,80}")


@dataclass(frozen=True, slots=True)
class Batch:
    """One export. ``out`` is where it was written, ``contents`` are its documents that still exist, each with the store's
    numbers of those that had it then; ``deleted`` counts those that do not exist any more: an export with any is *tainted*,
    its files still hold what people had deleted."""

    id: str
    format: str
    created_at: str
    project_uid: str
    out: str
    counts: Mapping[str, int]
    contents: Mapping[str, tuple[int, ...]] = field(repr=False)
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

    def forget_gone(self, there: Callable[[Collection[int]], Collection[int]]) -> int:
        """Take out what no document has any more; how many exports are tainted by that.

        ``there`` says which of these documents still exist. It goes by documents, not by contents: one whose data were changed
        has other pages now, and is not deleted.
        """
        tainted = 0
        for batch in self.all():
            left_documents = set(there({number for numbers in batch.contents.values() for number in numbers}))
            left = {content: numbers for content, numbers in batch.contents.items() if left_documents & set(numbers)}
            if missing := len(batch.contents) - len(left):
                changed = asdict(batch) | {"contents": left, "deleted": batch.deleted + missing}
                self.add(Batch(**changed))
                tainted += 1
        return tainted


def _read(path: Path) -> Batch | None:
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        contents = {str(content): tuple(map(int, numbers)) for content, numbers in value["contents"].items()}
        return Batch(**{**value, "contents": contents})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        log.warning("%s is not an export's entry", path.name)
        return None
