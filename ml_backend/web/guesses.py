"""How often one address may be wrong about a password: enough for people, too little for programs that guess.

An address that has shown a right secret within a day is not limited: behind a router, or a proxy that does not say whom it asks
for (``web/addresses``), many have one address, and somebody who guesses must not be able to lock Label Studio out. Each process
counts for itself, in memory that cannot grow.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import threading
import time
from collections.abc import Callable

from cachetools import TTLCache

log = logging.getLogger(__name__)

WRONG_AT_MOST = 10  # within _WINDOW
_WINDOW = 60.0  # seconds
_TRUST = 86_400.0  # seconds
_ADDRESSES = 4096


class Guesses:
    """Wrong guesses by address. ``now`` gives seconds that never go back."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._wrong: TTLCache[str, tuple[int, float]] = TTLCache(_ADDRESSES, _WINDOW, timer=now)
        self._right: TTLCache[str, None] = TTLCache(_ADDRESSES, _TRUST, timer=now)

    def wait(self, address: str) -> int:
        """Seconds, rounded up, for which nothing that this address says is looked at; 0: it may try."""
        key = _network(address)
        with self._lock:
            count, since = self._wrong.get(key, (0, 0.0))
            if count < WRONG_AT_MOST or key in self._right:
                return 0
            return max(1, math.ceil(since + _WINDOW - self._now()))

    def wrong(self, address: str) -> None:
        """Count a wrong guess. The window begins anew with each."""
        key = _network(address)
        with self._lock:
            count, _ = self._wrong.get(key, (0, 0.0))
            self._wrong[key] = (count + 1, self._now())
        if count + 1 == WRONG_AT_MOST:
            log.warning("%d wrong passwords within a minute from %s", WRONG_AT_MOST, key or "a socket")

    def right(self, address: str) -> None:
        """The address has shown a right secret."""
        key = _network(address)
        with self._lock:
            self._right[key] = None
            self._wrong.pop(key, None)


def _network(address: str) -> str:
    """The address, of IPv6 its network: one customer has 2**64 of those."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""  # a Unix socket: all of its callers are one
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found.ipv4_mapped or found, 32 if found.ipv4_mapped else 64), strict=False))
