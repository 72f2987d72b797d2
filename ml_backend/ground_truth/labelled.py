"""Confirmed documents with words and pages, for the formats that trainers read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ml_backend.document.samples import Sample
from ml_backend.document.splits import split_of
from ml_backend.exports.base import Labelled
from ml_backend.exports.ground_truth import GroundTruth
from ml_backend.ground_truth.filters import Filters, only
from ml_backend.ground_truth.stream import lines_of
from ml_backend.page_files import Load, PageFiles
from ml_backend.store.store import Store

if TYPE_CHECKING:
    from PIL.Image import Image

_AT_ONCE = 50  # documents whose words are in memory


def labelled(
    store: Store, project_uid: str, data_key: str, filters: Filters, files: PageFiles, load: Load
) -> Iterator[Labelled]:
    """The samples of a project that pass ``filters``, by content; of documents with the same pages the newest confirmation.

    ``load`` decodes page files. Documents whose pages were not read yet are no samples and not there.

    Raises:
        StoreError: the store does not answer.
    """
    left = filters.limit
    contents = sorted(store.samples.contents(project_uid))
    for start in range(0, len(contents), _AT_ONCE):
        rows = store.samples.with_documents(project_uid, only=contents[start : start + _AT_ONCE])
        documents = store.documents.get_many([number for number, _ in rows])
        lines = lines_of(store, [documents[number] for number, _ in rows if number in documents], data_key)
        for number, sample in rows:
            if left == 0:
                return
            line = lines.get(number)
            line = only(line, filters.labels) if line is not None and filters.labels else line
            if line is not None and filters.take(line):
                yield _labelled(number, sample, line, filters.labels, _pictures(files, sample.content, load))
                left = None if left is None else left - 1


def _labelled(
    number: int, sample: Sample, line: GroundTruth, labels: Sequence[str], pictures: Callable[[], Iterator[Image]]
) -> Labelled:
    fields = [field for field in sample.fields if not labels or field.label in labels]
    return Labelled(sample.content, split_of(sample.content), line, sample.document, fields, pictures, number)


def _pictures(files: PageFiles, content: str, load: Load) -> Callable[[], Iterator[Image]]:
    return lambda: (page.image for page in files.pictures(content, load))
