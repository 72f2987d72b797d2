"""``docloop predict``: many files and URLs, several at a time, their answers in the order they were named."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docloop.sources import read_file
from ml_backend.document.elements import Document
from ml_backend.document.fields import FieldSpec, Prediction
from ml_backend.errors import DocloopError
from ml_backend.file_names import is_url

if TYPE_CHECKING:  # the parts take seconds to import, which `docloop --help` should not
    from ml_backend.services import Services


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of one source: its bytes, its words, its fields."""

    data: bytes
    document: Document
    prediction: Prediction


Waiting = deque[tuple[str, "Future[Reading | DocloopError]"]]


def read_all(
    services: Services, specs: Sequence[FieldSpec], sources: Sequence[str]
) -> Iterator[tuple[str, Reading | DocloopError]]:
    """Each source with its reading, or with the error that it alone failed with."""

    def read(source: str) -> Reading | DocloopError:
        try:
            data = services.predictor.fetch(source, 0) if is_url(source) else read_file(source)
            return Reading(data, *services.predictor.of_bytes(data, specs))
        except DocloopError as error:
            return error

    # A few more than the engine takes, so that the next files are decoded meanwhile; few enough to keep in memory.
    workers = services.settings.ocr_concurrency + 1
    waiting: Waiting = deque()
    with ThreadPoolExecutor(workers) as readers:
        for source in sources:
            waiting.append((source, readers.submit(read, source)))
            if len(waiting) > 2 * workers:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)


def _first(waiting: Waiting) -> tuple[str, Reading | DocloopError]:
    source, reading = waiting.popleft()
    return source, reading.result()
