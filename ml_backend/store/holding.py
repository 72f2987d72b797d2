"""A lease that is kept while a piece of work lasts, by a thread that renews it; a killed holder loses it within seconds."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ml_backend.errors import DocloopError, LabelStudioError
from ml_backend.store.store import Store

log = logging.getLogger(__name__)

LEASE = 20.0  # seconds a killed holder keeps others out
_RENEW = 5.0
_AGAIN = 1.0  # seconds until a lease that could not be given back is tried again


@dataclass(slots=True)
class Lease:
    """A lease that its holder keeps, unless this machine sleeps for longer than ``seconds``. One that ``runs_out`` is not given
    back at the end."""

    store: Store
    name: str
    holder: str
    seconds: float
    runs_out: bool = False

    def take(self) -> bool:
        """Whether it is ours from now on."""
        return self.store.leases.take(self.name, self.holder, time.time(), self.seconds)

    def renew(self) -> bool:
        """Whether it is ours still, for ``seconds`` from now. False: somebody else took it over while we slept, even if he has
        done his work and given it back by now."""
        return self.store.leases.renew(self.name, self.holder, time.time(), self.seconds)

    def release(self) -> None:
        """Give it back."""
        self.store.leases.release(self.name, self.holder)

    @contextmanager
    def until_heard(self) -> Iterator[None]:
        """Around a change of Label Studio: one of which nobody has heard how it ended may go on there, and the lease runs out."""
        try:
            yield
        except LabelStudioError as error:
            self.runs_out = error.unsure
            raise
        except KeyboardInterrupt:
            self.runs_out = True
            raise


@contextmanager
def held(store: Store, name: str, seconds: float = LEASE) -> Iterator[Lease | None]:
    """Hold the lease ``name`` for the body of the ``with``; None if somebody else has it, and the body should do nothing."""
    lease = Lease(store, name, f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}", seconds)
    if not lease.take():
        yield None
        return
    done = threading.Event()
    renewer = threading.Thread(target=_renew, args=(lease, min(_RENEW, seconds / 4), done), daemon=True)
    renewer.start()
    try:
        yield lease
    finally:
        done.set()
        renewer.join()
        if not lease.runs_out:
            _release(lease)


def _release(lease: Lease) -> None:
    """Give the lease back, however long the database is away; it runs out by itself after its ``seconds``."""
    try:
        lease.release()
    except DocloopError as error:
        log.warning("the lease %s is not given back yet: %s", lease.name, error.code)
        threading.Thread(target=_release_later, args=(lease, time.monotonic() + lease.seconds), daemon=True).start()


def _release_later(lease: Lease, ends: float) -> None:
    while time.monotonic() < ends:
        time.sleep(_AGAIN)
        with suppress(DocloopError):
            lease.release()
            return


def _renew(lease: Lease, every: float, done: threading.Event) -> None:
    while not done.wait(every):
        try:
            lease.renew()
        except DocloopError as error:  # the next turn may be luckier
            log.warning("the lease %s was not renewed: %s", lease.name, error.code)
