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

from ml_backend.errors import DocloopError
from ml_backend.store.store import Store

log = logging.getLogger(__name__)

LEASE = 20.0  # seconds a killed holder keeps others out
_RENEW = 5.0
_AGAIN = 1.0  # seconds until a lease that could not be given back is tried again


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
        _release(store, name, holder, seconds)


def _release(store: Store, name: str, holder: str, seconds: float) -> None:
    """Give the lease back, however long the database is away; it runs out by itself after ``seconds``."""
    try:
        store.leases.release(name, holder)
    except DocloopError as error:
        log.warning("the lease %s is not given back yet: %s", name, error.code)
        args = (store, name, holder, time.monotonic() + seconds)
        threading.Thread(target=_release_later, args=args, daemon=True).start()


def _release_later(store: Store, name: str, holder: str, ends: float) -> None:
    while time.monotonic() < ends:
        time.sleep(_AGAIN)
        with suppress(DocloopError):
            store.leases.release(name, holder)
            return


def _renew(store: Store, name: str, holder: str, seconds: float, every: float, done: threading.Event) -> None:
    while not done.wait(every):
        try:
            store.leases.take(name, holder, time.time(), seconds)
        except DocloopError as error:  # the next turn may be luckier
            log.warning("the lease %s was not renewed: %s", name, error.code)
