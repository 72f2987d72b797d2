"""A lease that is kept while a piece of work lasts, by a thread that renews it; a killed holder loses it within seconds."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from ml_backend.errors import DocloopError
from ml_backend.store.store import Store

log = logging.getLogger(__name__)

LEASE = 20.0  # seconds a killed holder keeps others out
_RENEW = 5.0


@contextmanager
def held(store: Store, name: str, seconds: float = LEASE, renew: float = _RENEW) -> Iterator[bool]:
    """Hold the lease ``name`` for the body of the ``with``; False if somebody else has it, and the body should do nothing."""
    holder = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    if not store.leases.take(name, holder, time.time(), seconds):
        yield False
        return
    done = threading.Event()
    renewer = threading.Thread(target=_renew, args=(store, name, holder, seconds, renew, done), daemon=True)
    renewer.start()
    try:
        yield True
    finally:
        done.set()
        renewer.join()
        store.leases.release(name, holder)


def _renew(store: Store, name: str, holder: str, seconds: float, every: float, done: threading.Event) -> None:
    while not done.wait(every):
        try:
            store.leases.take(name, holder, time.time(), seconds)
        except DocloopError as error:  # the next turn may be luckier
            log.warning("the lease %s was not renewed: %s", name, error.code)
