"""One export from beginning to end: the documents, the files, the manifest, the entry in the index."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, TypeVar

from ml_backend.errors import ExportRefused
from ml_backend.exports.aside import folder_beside
from ml_backend.exports.base import Labelled
from ml_backend.exports.folder import MANIFEST, ExportFolder, new_folder, publish_file, refuse_existing, seal
from ml_backend.exports.formats import JSONL, exporter_named
from ml_backend.exports.ground_truth import SCHEMA, GroundTruth
from ml_backend.exports.index import Batch, ExportIndex, bits_of
from ml_backend.exports.jsonl import gzipped, lines
from ml_backend.exports.ready import ready
from ml_backend.ground_truth import Filters
from ml_backend.ground_truth.labelled import labelled
from ml_backend.ground_truth.stream import numbered
from ml_backend.label_studio.label_config import Interface
from ml_backend.page_files import Load, PageFiles
from ml_backend.store.records import ProjectRecord
from ml_backend.store.store import Store

Item = TypeVar("Item", Labelled, GroundTruth)
_FILES = (".csv", ".gz", ".json", ".jsonl", ".parquet", ".tar", ".zip")  # names that nobody gives a folder
_LINES = "lines"  # the file of jsonl before it has its name


@dataclass(frozen=True, slots=True)
class Exporting:
    """What exports of a project are made from. ``load`` decodes page files; ``step`` is called after each document."""

    store: Store
    project: ProjectRecord
    interface: Interface
    files: PageFiles
    load: Load
    index: ExportIndex
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    step: Callable[[], None] = lambda: None

    def run(self, format: str, out: Path, filters: Filters, gzip: bool = False) -> Batch:
        """Write an export to ``out``: a file for ``jsonl``, a folder for all other formats.

        Raises:
            ExportRefused: no such format, ``out`` is there already or is named like another thing (a folder like a file, packed
                lines not ``.gz``), or no document passes the filters; lines may be none.
            StoreError: the store does not answer.
            OSError: the disk refused; nothing is left then.
        """
        if format == JSONL:
            return self._jsonl(out, filters, gzip)
        exporter, seen = exporter_named(format), list[int]()
        if gzip:
            raise ExportRefused("export_not_packed", "Only the lines of jsonl can be packed.", "Leave --gzip away.")
        if out.suffix.lower() in _FILES:
            said = f"{format} is a folder, and {out.name} is the name of a file."
            raise ExportRefused("export_is_folder", said, f"Name a folder: --out {out.with_suffix('')}")
        with new_folder(out) as folder:
            documents = labelled(self.store, self.project.uid, self.interface.data_key, filters, self.files, self.load)
            specs = [spec for spec in self.interface.specs if not filters.labels or spec.label in filters.labels]
            whole = ready(documents, exporter, specs, folder)
            exporter.write(self._counted(((one.number, one) for one in whole), folder, seen), specs, folder)
            folder.adopt()
            if not seen:
                raise _nothing(folder.counts.get("without_pictures", 0))
            batch = self._batch(format, out, folder, seen)
            seal(folder, self._manifest(batch, filters))
        return self._noted(batch)

    def _jsonl(self, out: Path, filters: Filters, gzip: bool) -> Batch:
        """The lines as they come over HTTP, with the manifest beside them. The file comes last, and in nobody's place."""
        if (out.suffix.lower() == ".gz") is not gzip:
            raise _misnamed(out, gzip)
        beside = out.with_name(f"{out.name}.manifest.json")
        refuse_existing(out)
        refuse_existing(beside)
        seen = list[int]()
        with folder_beside(out) as aside:
            folder = ExportFolder(aside)
            folder.count("documents", 0)  # none is an answer, as over HTTP
            found = numbered(self.store, self.project.uid, self.interface.data_key, filters)
            blocks = lines(self._counted(found, folder, seen))
            with folder.open(_LINES) as file:
                for block in gzipped(blocks) if gzip else blocks:
                    file.write(block)
            folder.files = {out.name: folder.files[_LINES]}
            batch = self._batch(JSONL, out, folder, seen)
            seal(folder, self._manifest(batch, filters))
            publish_file(aside / MANIFEST, beside)
            try:
                publish_file(aside / _LINES, out)
            except BaseException:
                beside.unlink()
                raise
        return self._noted(batch)

    def _counted(self, documents: Iterable[tuple[int, Item]], folder: ExportFolder, seen: list[int]) -> Iterator[Item]:
        for number, document in documents:
            seen.append(number)
            folder.count("documents")
            if isinstance(document, Labelled):
                folder.count(f"documents_{document.split}")
            yield document
            self.step()

    def _noted(self, batch: Batch) -> Batch:
        """Into the index, without what was deleted while it was written: asked for when the entry is there, so that either this
        finds it or the worker, which looks at the entries when it has deleted something."""
        self.index.add(batch)
        left = batch.without(bits_of(self.store.documents.numbers(batch.project_uid)))
        if left is not batch:
            self.index.add(left)
        return left

    def _batch(self, format: str, out: Path, folder: ExportFolder, seen: list[int]) -> Batch:
        at = self.now().astimezone(UTC)
        files = [f"{name} {sha}" for name, sha in sorted(folder.files.items())]
        whole = hashlib.sha256("\n".join([str(out.absolute()), *files]).encode("utf-8", "surrogateescape"))
        return Batch(
            id=f"{at:%Y%m%dT%H%M%SZ}-{format}-{whole.hexdigest()[:8]}",
            format=format,
            created_at=at.isoformat(timespec="seconds"),
            project_uid=self.project.uid,
            out=str(out.absolute()),
            counts=dict(folder.counts),
            held=bits_of(seen),
        )

    def _manifest(self, batch: Batch, filters: Filters) -> dict[str, Any]:
        return {
            "id": batch.id,
            "format": batch.format,
            "schema": SCHEMA,
            "docloop": installed_version("docloop"),
            "created_at": batch.created_at,
            "project": {
                "id": self.project.project_id,
                "uid": self.project.uid,
                "title": self.project.title,
                "label_config_sha256": hashlib.sha256(self.project.label_config.encode()).hexdigest(),
            },
            "labels": [asdict(spec) for spec in self.interface.specs],
            "filters": filters.asked(),
            "counts": dict(batch.counts),
        }


def _misnamed(out: Path, gzip: bool) -> ExportRefused:
    if gzip:
        return ExportRefused(
            "export_misnamed", "Packed lines are a file that ends in .gz.", f"Name it so: --out {out}.gz"
        )
    return ExportRefused(
        "export_misnamed",
        "The lines are not packed, and .gz says so.",
        f"Add --gzip, or name it --out {out.with_suffix('')}",
    )


def _nothing(without_pictures: int) -> ExportRefused:
    if without_pictures:
        return ExportRefused(
            "export_no_pictures",
            f"The pages of none of the {without_pictures:,} documents are kept.",
            "Set DOCLOOP_KEEP_PAGES=true (the default) and let docloop serve run: it fetches them, some at each look.",
        )
    return ExportRefused(
        "export_empty",
        "No confirmed document passes the filters.",
        "Ask for more, or look at docloop status: documents become samples a minute after they were submitted.",
    )
