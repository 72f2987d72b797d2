"""``docloop import-truth``: ground truth from elsewhere becomes annotated tasks of a Label Studio project, each document once.

Documents that the project has already (the same file, or the same pixels) get the annotation if nobody has annotated them yet.
All annotations are marked as ground truth: that is how the loop takes them for reviewed (``ml_backend/ground_truth/truth.py``).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from docloop.import_files import Import
from ml_backend.document.fields import Field, Prediction
from ml_backend.errors import DocloopError
from ml_backend.file_names import name_of
from ml_backend.images.pages import content_of
from ml_backend.imports.base import BadRow, Row, TruthField, TruthReader, refused
from ml_backend.imports.folder import TruthFolder
from ml_backend.label_studio.client import TaskRow
from ml_backend.label_studio.results import to_results
from ml_backend.label_studio.tasks import Task
from ml_backend.uploading import HASH, PAGE, digest_of, page_png

Size = tuple[int, int]

_MOST_FAILED = 10_000  # rows that are listed; a file of another format would fill the memory
_NAMED = 3  # of several rows with one and the same error


@dataclass
class TruthReport:
    """What was done so far: documents ``imported`` as new tasks, ``annotated`` where they were already, ``skipped`` because they
    are there with an annotation; ``failed`` are rows by file and line."""

    imported: int = 0
    annotated: int = 0
    skipped: int = 0
    failed: dict[str, DocloopError] = field(default_factory=dict)

    def reasons(self) -> Iterator[tuple[str, DocloopError]]:
        """Each error once, with the row that has it, or how many rows and the first of them."""
        rows: dict[tuple[str, str], list[str]] = {}
        for row, error in self.failed.items():
            rows.setdefault((error.code, str(error)), []).append(row)
        for same in rows.values():
            named = "; ".join(same[:_NAMED]) + ("; ..." if len(same) > _NAMED else "")
            yield (named if len(same) == 1 else f"{len(same):,} rows ({named})"), self.failed[same[0]]


@dataclass(frozen=True, slots=True)
class _Source:
    """A document's file: its name and bytes, size and digest of each page. ``page_of`` is set where it is one page of a file with
    several: that file's SHA-256 and the number of the page, from 1."""

    name: str
    data: bytes
    sizes: tuple[Size, ...]
    digests: tuple[str, ...]
    page_of: tuple[str, int] | None = None

    @property
    def sha256(self) -> str:
        return digest_of(self.data)


@dataclass
class TruthImport:
    """One import into the project of ``into``. ``folder`` holds the documents' files; ``labels`` maps labels of the rows to those
    of the interface, or to "" for fields that are left out; ``contents`` says which task has pages of these pixels
    (``image_sha256``), as far as docloop has read them.
    """

    into: Import
    reader: TruthReader
    folder: TruthFolder
    labels: Mapping[str, str]
    contents: Mapping[str, int]
    _by_file: dict[str, list[TaskRow]] = field(default_factory=dict)
    _by_id: dict[int, TaskRow] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)

    def run(self, rows: Iterable[Row | BadRow], report: TruthReport, on_progress: Callable[[], None]) -> None:
        """Take every good row; a bad one is reported, and the others go on. ``report`` is kept up to date.

        Raises:
            ExportRefused: ``truth_label_unknown``: ``labels`` name one that the interface lacks.
            LabelStudioError: the project's tasks cannot be listed.
        """
        self._check(filter(None, self.labels.values()))
        for task in self.into.label_studio.tasks(self.into.project_id):
            self._by_id[task.id] = task
            self._by_file.setdefault(str(task.data.get(HASH)), []).append(task)
        for one in rows:
            try:
                if isinstance(one, BadRow):
                    raise one.error
                self._take(replace(one, fields=self._named(one)), report)
            except DocloopError as error:
                report.failed[_plain(one.where)] = error
            on_progress()
            if len(report.failed) == _MOST_FAILED:
                said = f"{_MOST_FAILED:,} rows failed; those after them were not tried."
                report.failed["(the rest)"] = refused("truth_stopped", said, "Is it the right --format?")
                return

    def _named(self, row: Row) -> tuple[TruthField, ...]:
        """The fields with labels of the interface, but for those that are to be left out."""
        meant = [
            one
            for one in row.fields
            if (self.labels[one.label] if one.label in self.labels else one.label.lower() not in self.reader.outside)
        ]
        if not meant and not row.blank:
            raise refused("truth_without_fields", "Nothing in it has a label that is taken.")
        fields = tuple(replace(one, label=self.labels.get(one.label, one.label)) for one in meant)
        self._check(one.label for one in fields)
        return fields

    def _check(self, labels: Iterable[str]) -> None:
        known = [spec.label for spec in self.into.interface.specs]
        if lacking := sorted({label for label in labels if label not in known}):
            raise refused(
                "truth_label_unknown",
                f"The labelling interface has no {', '.join(map(repr, lacking[:20]))}; it has: {', '.join(known)}.",
                "Use a project whose interface has them (docloop create TITLE --like N), or name yours with"
                f" --map {shlex.quote(lacking[0] + '=NAME')}; nothing after the = leaves such fields out.",
            )

    def _take(self, row: Row, report: TruthReport) -> None:
        if found := self._showing(row.content):
            task, sizes = found
            self._annotate([task], row.placed(sizes), sizes, report)
            return
        source = self._source(row)
        fields, digest = row.placed(source.sizes), source.sha256
        if digest in self._done:
            report.skipped += 1
        elif there := self._tasks_of(source, digest):
            self._annotate(there, fields, source.sizes, report)
        else:
            self._create(row, source, fields)
            report.imported += 1
        self._done.add(digest)

    def _showing(self, content: str) -> tuple[TaskRow, tuple[Size, ...]] | None:
        """The task whose pages have these pixels, with their sizes. They are fetched: Label Studio gives numbers out again."""
        task = self._by_id.get(self.contents.get(content, 0))
        if task is None:
            return None
        urls = Task(task.id, task.data).page_urls(self.into.interface)
        pages = [
            ((page.width, page.height), page.digest)
            for url in urls
            for page in self.into.loader.pages(self.into.fetch(url))
        ]
        same = content_of([digest for _, digest in pages]) == content
        return (task, tuple(size for size, _ in pages)) if same else None

    def _source(self, row: Row) -> _Source:
        path, data = self.folder.first(row.images, self.into.loader.limits.bytes)
        name, pages, lone = name_of(path), list[tuple[Size, str]](), list[_Source]()
        for page in self.into.loader.pages(data):
            size = (page.width, page.height)
            pages.append((size, page.digest))
            if row.content == content_of([page.digest]):  # a project that shows a page a task
                of = (digest_of(data), len(pages))
                lone.append(_Source(name, page_png(page), (size,), (page.digest,), of))
        whole = _Source(name, data, tuple(size for size, _ in pages), tuple(digest for _, digest in pages))
        if row.content in ("", content_of(whole.digests)):
            return whole
        if lone:
            return lone[0]
        raise refused(
            "truth_other_image",
            f"{name} is not the document of this row: its pixels are others than image_sha256 says.",
            "Put the right file there, or take image_sha256 out of the row.",
        )

    def _tasks_of(self, source: _Source, digest: str) -> list[TaskRow]:
        """The tasks that show this document already."""
        if source.page_of:
            sha256, page = source.page_of
            if found := [task for task in self._by_file.get(sha256, []) if task.data.get(PAGE) == page]:
                return found
        if tasks := self._by_file.get(digest):
            return tasks
        same = self._showing(content_of(source.digests))
        return [same[0]] if same else []

    def _create(self, row: Row, source: _Source, fields: tuple[Field, ...]) -> None:
        about = {"truth_from": row.where, "truth_by": row.reviewed_by, "truth_at": row.reviewed_at}
        about = {name: _plain(said) for name, said in about.items() if said}
        bodies: list[dict[str, Any]] = []
        for data in self.into.uploads.task_data(source.name, source.data):
            result = self._result(data, fields, source.sizes, source.sha256)
            bodies.append({"data": data | about, "annotations": [{"result": result, "ground_truth": True}]})
        self.into.label_studio.import_tasks(self.into.project_id, bodies)

    def _annotate(
        self, tasks: list[TaskRow], fields: tuple[Field, ...], sizes: tuple[Size, ...], report: TruthReport
    ) -> None:
        """Give each of the tasks its part, but for those that somebody has annotated."""
        given = 0
        for task in tasks:
            path = f"api/tasks/{task.id}/"
            body = self.into.label_studio.call("GET", path)
            with self.into.label_studio.reading(path):
                done = any(not one["was_cancelled"] for one in body["annotations"])
            if not done:
                result = self._result(task.data, fields, sizes, str(task.id))
                annotation = {"result": result, "ground_truth": True}
                self.into.label_studio.call("POST", f"{path}annotations/", body=annotation)
                given += 1
        report.annotated += bool(given)
        report.skipped += not given

    def _result(
        self, data: Mapping[str, Any], fields: tuple[Field, ...], sizes: tuple[Size, ...], name: str
    ) -> list[dict[str, Any]]:
        """The regions of a task with this data: all fields, or those of its page where the interface shows one image."""
        if not self.into.interface.paged and len(sizes) > 1:
            page = data.get(PAGE)
            if not isinstance(page, int) or not 0 < page <= len(sizes):
                raise refused("truth_page_missing", f"A task does not say which of {len(sizes)} pages it shows.")
            fields = tuple(replace(one, page=0) for one in fields if one.page == page - 1)
            sizes = (sizes[page - 1],)
        return to_results(Prediction(fields, sizes, 1.0, ""), self.into.interface, name)


def _plain(said: str) -> str:
    """Names from old archives may be no UTF-8, which neither HTTP nor a terminal carries."""
    return said.encode("utf-8", "replace").decode("utf-8")
