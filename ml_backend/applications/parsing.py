"""The trained model as a service: a document in, its fields out, and nothing of it kept.

No task is made, and its words do not go into the OCR cache: what no project has, no deletion would ever reach. Each document is
read in a thread of its own. One that takes longer than the budget is given up, and its thread ends with the page it is at;
until then it holds its place, so that documents nobody waits for any more cannot pile up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace

from ml_backend.counters import PREDICTIONS
from ml_backend.document.elements import Document, Page
from ml_backend.document.fields import Prediction
from ml_backend.errors import DocloopError
from ml_backend.images.pages import PageImage
from ml_backend.label_studio.label_config import Interface
from ml_backend.services import Services

AT_ONCE = 4  # documents; the server has 32 threads, and those for Label Studio stay free
BUSY, LATE = "parse_busy", "parse_late"  # codes: all places are taken; the budget is over


@dataclass(frozen=True, slots=True)
class Parsed:
    """The words and fields of a document, and the ``seconds`` that it took."""

    document: Document
    prediction: Prediction
    seconds: float


class Parsing:
    """Reads documents, AT_ONCE at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def parse(self, file: Callable[[], bytes], interface: Interface, project_uid: str = "") -> Parsed:
        """What the champion of a project, or without one the model of the first day, finds in all pages of a file.

        ``file`` is asked for its bytes within the budget, since it may have to be fetched.

        Raises:
            DocloopError: ``parse_busy``, ``parse_late``.
            FetchRefused, ImageRejected, EngineFailed: the file cannot be had, is no page, or cannot be read.
        """
        if not self._places.acquire(blocking=False):
            raise DocloopError(BUSY, f"{AT_ONCE} documents are being read already.", "Try again in a few seconds.")
        done, given_up = Future[Parsed](), threading.Event()

        def work() -> None:
            try:
                done.set_result(self._read(file, interface, project_uid, given_up))
            except BaseException as error:
                done.set_exception(error)
            finally:
                self._places.release()

        threading.Thread(target=work, name="parse", daemon=True).start()
        budget = self._services.settings.predict_budget
        try:
            return done.result(budget)
        except TimeoutError:
            given_up.set()
            raise DocloopError(
                LATE,
                f"The document was not read within {budget:g} seconds.",
                "Send fewer pages at once, or send it as a task: that is read in the background.",
            ) from None

    def _read(
        self, file: Callable[[], bytes], interface: Interface, project_uid: str, given_up: threading.Event
    ) -> Parsed:
        services, began = self._services, time.monotonic()
        engine = services.readers.engine(project_uid)

        def read(page: PageImage, uid: str) -> Page:
            if given_up.is_set():
                raise DocloopError(LATE, "Nobody waits for this document any more.")
            return services.pool.read(page.image, page.digest, engine=engine, keep=False)

        predictor = replace(services.predictor, read=read)
        version = predictor.version(interface, project_uid)
        document, found = predictor.of_bytes(file(), interface.specs, project_uid)
        PREDICTIONS.labels("parse").inc()
        return Parsed(document, replace(found, model_version=version), time.monotonic() - began)
