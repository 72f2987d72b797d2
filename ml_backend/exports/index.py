"""The exports that were made, one JSON file each: which documents they hold by the store's numbers, so that a deletion can say
which exports it touches.

Numbers only: no text, no name and no hash of a document is here. Since the store never gives a number out twice, what was
deleted cannot come back as another document. Numbers are bits of one integer, so that a look at a thousand exports of ten
thousand documents each is a fraction of a second.
"""

from __future__ import annotations

import json
import logging
import os
import re
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ml_backend.folders import make_private

log = logging.getLogger(__name__)

_ID = re.compile(r"[0-9A-Za-z-]{1,80}")
_HIGHEST = 1 << 27  # number of a document; more bits than that, 16 MB, are a broken file
_HELD = re.compile(r"([0-9]{1,10}):([0-9a-f]+)")
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

There = Callable[[str], Collection[int]]
"""The numbers of all documents of a project, by its uid (``Documents.numbers``)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One export. ``out`` is where it was written, ``held`` has the numbers of its documents that still exist (``bits_of``);
    ``deleted`` counts those that do not exist any more: an export with any is *tainted*, its files still hold what people had
    deleted."""

    id: str
    format: str
    created_at: str
    project_uid: str
    out: str
    counts: Mapping[str, int]
    held: int = field(repr=False)
    deleted: int = 0

    def without(self, there: int) -> Batch:
        """The same export when only these documents still exist; this very one where nothing of it was deleted."""
        gone = self.held & ~there
        return replace(self, held=self.held & there, deleted=self.deleted + gone.bit_count()) if gone else self


def bits_of(numbers: Collection[int]) -> int:
    """Numbers of documents as bits: 2**n is set for each number n."""
    bits = bytearray(max(numbers, default=0) // 8 + 1)
    for number in numbers:
        bits[number // 8] |= 1 << number % 8
    return int.from_bytes(bits, "little")


class ExportIndex:
    """The index in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, batch: Batch) -> None:
        """Note an export. Raises OSError where the disk refuses."""
        if not _ID.fullmatch(batch.id):
            raise ValueError(f"{batch.id!r} is not the id of an export")
        self._put(f"{batch.id}.json", json.dumps({**asdict(batch), "held": _packed(batch.held)}).encode())

    def all(self, project_uid: str | None = None) -> list[Batch]:
        """The exports of a project, or all, the newest first. A file that is none is logged and left out."""
        found = [batch for path in self._folder.glob("[!.]*.json") if (batch := _read(path)) is not None]
        mine = [batch for batch in found if project_uid in (None, batch.project_uid)]
        return sorted(mine, key=lambda batch: (batch.created_at, batch.id), reverse=True)

    def forget_gone(self, there: There) -> int:
        """Take out the documents that do not exist any more; how many exports are tainted by that.

        It compares, so it may be asked at any time; a project is asked for once, and only while an export holds some of it.
        """
        tainted, known = 0, dict[str, int]()
        for batch in self.all():
            if batch.held and batch.project_uid not in known:
                known[batch.project_uid] = bits_of(there(batch.project_uid))
            left = batch.without(known.get(batch.project_uid, 0))
            if left is not batch:
                self.add(left)
                tainted += 1
        return tainted

    def _put(self, name: str, data: bytes) -> None:
        make_private(self._folder)
        aside = self._folder / f".{name}.{uuid.uuid4().hex}.part"  # two processes may put the same one
        try:
            aside.write_bytes(data)
            os.replace(aside, self._folder / name)
        finally:
            aside.unlink(missing_ok=True)


def is_entry(name: str) -> bool:
    """Whether a file has the name of an entry."""
    return name.endswith(".json") and _ID.fullmatch(name.removesuffix(".json")) is not None


def _packed(held: int) -> str:
    """``65:1f``: the lowest number, and the bits from there on."""
    lowest = max(0, (held & -held).bit_length() - 1)
    return f"{lowest}:{held >> lowest:x}"


def _unpacked(text: str) -> int:
    found = _HELD.fullmatch(text)
    if found is None or (lowest := int(found[1])) + 4 * len(found[2]) > _HIGHEST:
        raise ValueError("no document has such a number")
    return int(found[2], 16) << lowest


def batch_of(name: str, data: bytes) -> Batch | None:
    """The entry in a file; None for what is none: another machine may have written it, or somebody by hand."""
    try:
        value: dict[str, Any] = json.loads(data)
        batch = Batch(**{**value, "held": _unpacked(value["held"])})
        if name == f"{batch.id}.json" and _is_sound(batch):
            return replace(batch, out=_ODD.sub("?", batch.out))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    log.warning("%s is not an export's entry", name)
    return None


def _is_sound(batch: Batch) -> bool:
    """Whether each value is what it should be. Raises ValueError, TypeError or AttributeError for some that are not."""
    datetime.fromisoformat(batch.created_at)
    texts = (batch.format, batch.created_at, batch.project_uid, *batch.counts)
    numbers = (batch.deleted, *batch.counts.values())
    return (
        _ID.fullmatch(batch.id) is not None
        and all(text.isprintable() for text in texts)
        and all(type(number) is int and number >= 0 for number in numbers)
    )


def _read(path: Path) -> Batch | None:
    try:
        return batch_of(path.name, path.read_bytes())
    except OSError as error:
        log.warning("%s cannot be read: %s", path.name, error.strerror)
        return None
