"""The hands of one worker at one project's push: they claim batches, predict them, and hand over what came of them.

Two batches at a time, so that the pages of the next one are fetched while the last of this one are read. Whoever leads the push
has hands like those who help.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from ml_backend.batches import STOPPED, BatchPredictor, Outcome
from ml_backend.document.fields import Prediction
from ml_backend.errors import DocloopError
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.tasks import Task
from ml_backend.store.push_batches import CLAIM, Claim
from ml_backend.store.store import Store
from training.outcomes import outcome_to_json

log = logging.getLogger(__name__)

_RENEW = 5.0
HANDS = 2
_MOMENT = 0.1
_PAUSE = 0.5  # seconds until hands that stay look for a batch again
_ENDS_WITHIN = 15.0  # seconds that are waited for the batches at hand


def _one_of_a_kind() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


@dataclass(frozen=True, slots=True)
class Share:
    """One worker's part in a push of one model version; ``holder`` is what its claims are named by."""

    store: Store
    predictor: BatchPredictor
    interface: Interface
    project_uid: str
    version: str
    holder: str = field(default_factory=_one_of_a_kind)
    claim_seconds: float = CLAIM

    def claim(self) -> Claim | None:
        """A batch that nobody has, for as long as it is renewed."""
        batches = self.store.push_batches
        return batches.claim(self.project_uid, self.version, self.holder, time.time(), self.claim_seconds)

    def predict(self, claim: Claim) -> list[Outcome]:
        """One outcome a document of the batch, in order."""
        tasks = [Task(document.task_id, document.data) for document in claim.documents]
        return self.predictor.predict_all(tasks, self.interface, self.project_uid)

    def made(self, claim: Claim, outcomes: Sequence[Outcome]) -> dict[int, dict[str, Any]]:
        """The predictions of our version among what came of a batch, as they travel, by document."""
        return {
            document.id: outcome_to_json(one, document.data)
            for document, one in zip(claim.documents, outcomes, strict=True)
            if isinstance(one, Prediction) and one.model_version == self.version
        }

    def answer(self, claim: Claim, made: Mapping[int, Mapping[str, Any]]) -> None:
        """Give the leader what came of a batch. One that was lost to somebody else meanwhile is left to him."""
        self.store.push_batches.answer(claim.batch, self.holder, made)


def stopped(outcomes: Sequence[Outcome]) -> bool:
    """Whether this process was shut down before it came to all documents of a batch."""
    return any(one is None or (isinstance(one, DocloopError) and one.code == STOPPED) for one in outcomes)


class Hands:
    """Work from entering to leaving. ``keep`` takes what came of a batch, in any of the threads; False: this hand ends.

    Hands that ``stay`` wait for further batches; others end when there is none that nobody has (``wait``). What was claimed and
    not kept is given back.
    """

    def __init__(self, share: Share, keep: Callable[[Claim, Sequence[Outcome]], bool], stay: bool) -> None:
        self._share = share
        self._keep = keep
        self._stay = stay
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, name=f"hand-{n}", daemon=True) for n in range(HANDS)]
        self._renewer = threading.Thread(target=self._renew, name="claims", daemon=True)

    def __enter__(self) -> Hands:
        for thread in (*self._threads, self._renewer):
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        deadline = time.monotonic() + _ENDS_WITHIN
        for thread in (*self._threads, self._renewer):
            thread.join(max(0.0, deadline - time.monotonic()))
        try:
            self._share.store.push_batches.release(self._share.holder)
        except DocloopError as fault:  # the claims run out by themselves
            log.warning("claimed batches were not given back: %s", fault.code)

    def wait(self, stop: threading.Event) -> None:
        """Until the hands have found nothing more to do, or ``stop`` is set."""
        for thread in self._threads:
            while thread.is_alive() and not stop.is_set():
                thread.join(_MOMENT)

    def _work(self) -> None:
        going_on = True
        while going_on and not self._stop.is_set():
            try:
                claim = self._share.claim()
                if claim is not None:
                    going_on = self._do(claim)
                    continue
            except DocloopError as error:  # a database that is away
                log.warning("a batch of a push was left: %s", error.code)
            except Exception:
                log.exception("a fault in docloop at a batch of a push")
            if going_on := self._stay:
                self._stop.wait(_PAUSE)

    def _do(self, claim: Claim) -> bool:
        """Whether to go on. A batch that is not kept is for others, at once."""
        kept = False
        try:
            kept = self._keep(claim, self._share.predict(claim))
        finally:
            if not kept:
                self._share.store.push_batches.release(self._share.holder, claim.batch)
        return kept

    def _renew(self) -> None:
        while not self._stop.wait(min(_RENEW, self._share.claim_seconds / 4)):
            try:
                self._share.store.push_batches.renew(self._share.holder, time.time(), self._share.claim_seconds)
            except DocloopError as error:  # the next turn may be luckier
                log.warning("claimed batches were not renewed: %s", error.code)
