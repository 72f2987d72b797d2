"""``docloop import``: files and URLs become tasks of a Label Studio project, each document once: see ``ml_backend/uploading``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from docloop.sources import read_file
from ml_backend.errors import DocloopError, FetchRefused
from ml_backend.file_names import is_url, name_of
from ml_backend.folders import make_private
from ml_backend.images.loader import PageLoader
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.fetch import RETRYABLE
from ml_backend.label_studio.label_config import Interface
from ml_backend.uploading import HASH, Uploads, digest_of


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
        known = {str(row.data.get(HASH)) for row in self.label_studio.tasks(self.project_id)}
        for source in sources:
            try:
                data = self._bytes(source)
                digest = digest_of(data)
                if digest in known:
                    report.skipped += 1
                else:
                    datas = self.uploads.task_data(name_of(source), data)
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

    @property
    def uploads(self) -> Uploads:
        return Uploads(self.label_studio, self.loader, self.project_id, self.interface)


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
        make_private(self._path.parent)
        self._path.write_text("".join(f"{source}\n" for source in left), "utf-8", "surrogateescape")


def _absolute(source: str) -> str:
    """Files by their whole path, so that they can be tried again from another folder."""
    return source if is_url(source) else str(Path(source).absolute())
