"""``docloop import``: files and URLs become tasks of a Label Studio project, each document once.

Label Studio itself remembers what is there: the SHA-256 of the file stands in the data of the task. Its editor shows PNG, JPEG
and BMP as they are; the pages of all other files are uploaded as PNG.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from docloop.sources import is_url, name_of, read_file
from ml_backend.errors import DocloopError, FetchRefused
from ml_backend.images.loader import PageLoader
from ml_backend.images.pages import PageImage
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.fetch import RETRYABLE
from ml_backend.label_studio.label_config import Interface

_SHOWN_AS_IS = {b"\x89PNG": ("png", "image/png"), b"\xff\xd8\xff": ("jpg", "image/jpeg"), b"BM": ("bmp", "image/bmp")}


@dataclass
class ImportReport:
    """What an import did so far. ``tried`` are the sources, ``failed`` maps each failed one to the reason."""

    tried: list[str] = field(default_factory=list)
    imported: int = 0
    skipped: int = 0
    failed: dict[str, DocloopError] = field(default_factory=dict)


@dataclass
class Import:
    """One import into one project. ``fetch`` downloads a URL; ``wait`` is handed in for tests."""

    label_studio: LabelStudio
    loader: PageLoader
    fetch: Callable[[str], bytes]
    project_id: int
    interface: Interface
    retry_wait: Any = field(default_factory=lambda: wait_exponential_jitter(initial=1, max=20))

    def run(self, sources: Iterable[str], report: ImportReport, on_progress: Callable[[], None]) -> None:
        """Import each source that the project does not have; one that fails is reported, and the others go on.

        ``report`` is kept up to date, so that it is right also when this is interrupted.
        """
        known = {str(row.data.get("sha256")) for row in self.label_studio.tasks(self.project_id)}
        for source in sources:
            try:
                data = self._bytes(source)
                digest = hashlib.sha256(data).hexdigest()
                if digest in known:
                    report.skipped += 1
                else:
                    datas = self.uploaded(name_of(source), data, digest)
                    self.label_studio.import_tasks(self.project_id, [{"data": one} for one in datas])
                    known.add(digest)
                    report.imported += 1
            except DocloopError as error:
                report.failed[source] = error
            report.tried.append(source)
            on_progress()

    def _bytes(self, source: str) -> bytes:
        if not is_url(source):
            return read_file(source)
        retrying = Retrying(
            stop=stop_after_attempt(4), wait=self.retry_wait, retry=retry_if_exception(_is_transient), reraise=True
        )
        return retrying(self.fetch, source)

    def uploaded(self, name: str, data: bytes, digest: str) -> list[dict[str, Any]]:
        """Upload the pages; the data of one task a document, or of one a page where the interface shows a single image.

        Raises:
            ImageRejected: the file is no page.
            LabelStudioError: Label Studio refused.
        """
        stem = name.rpartition(".")[0] or name
        urls = [self.label_studio.upload(self.project_id, *page) for page in self._pages(stem, data)]
        key = self.interface.data_key
        about = {"sha256": digest, "filename": name}
        if self.interface.paged:
            return [{key: urls, **about}]
        if len(urls) == 1:
            return [{key: urls[0], **about}]
        return [{key: url, "page": number, **about} for number, url in enumerate(urls, 1)]

    def _pages(self, stem: str, data: bytes) -> list[tuple[str, bytes, str]]:
        """Name, bytes and media type of each page. Everything is decoded here first, so that no broken picture gets in."""
        for magic, (suffix, kind) in _SHOWN_AS_IS.items():
            if data.startswith(magic):
                self.loader.load(data)
                return [(f"{stem}.{suffix}", data, kind)]
        pages = [page_png(page) for page in self.loader.pages(data)]
        tails = [f"-p{number}" for number in range(1, len(pages) + 1)] if len(pages) > 1 else [""]
        return [(f"{stem}{tail}.png", page, "image/png") for tail, page in zip(tails, pages, strict=True)]


def page_png(page: PageImage) -> bytes:
    """A page as it is uploaded where its file cannot be shown."""
    buffer = io.BytesIO()
    page.image.save(buffer, "PNG")
    return buffer.getvalue()


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, FetchRefused) and error.code in RETRYABLE


class FailedSources:
    """The list of sources that could not be imported into a project, one a line: those of all runs that were not tried again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[str]:
        return self._path.read_text("utf-8", "surrogateescape").splitlines() if self._path.is_file() else []

    def update(self, report: ImportReport) -> None:
        """Take out what was tried, put in what failed."""
        tried = {_absolute(source) for source in report.tried}
        left = [source for source in self.read() if source not in tried] + [
            _absolute(source) for source in report.failed
        ]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text("".join(f"{source}\n" for source in left), "utf-8", "surrogateescape")


def _absolute(source: str) -> str:
    """Files by their whole path, so that they can be tried again from another folder."""
    return source if is_url(source) else str(Path(source).absolute())
