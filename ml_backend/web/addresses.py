"""Where a request comes from, also behind a proxy.

A proxy that is trusted says in ``X-Forwarded-For`` who asked it, the last one in that list; what stands before is whatever the
client said. Trusted are those that gunicorn trusts, too, where they say that a browser came over https (FORWARDED_ALLOW_IPS):
this machine, where nothing else is said. Of all others the header is a stranger's word.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from flask import current_app, request

PROXIES = "TRUSTED_PROXIES"  # in the application's config: addresses and networks, or "*" for all
THIS_MACHINE = ("127.0.0.1", "::1")


def address() -> str:
    """The address that this request comes from; "" where nobody knows."""
    peer = request.remote_addr or ""
    said = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    if not said or not _is_trusted(peer, current_app.config.get(PROXIES, THIS_MACHINE)):
        return peer
    try:
        return str(ipaddress.ip_address(said))
    except ValueError:
        return peer


def _is_trusted(peer: str, proxies: Sequence[str]) -> bool:
    if "*" in proxies:
        return True
    try:
        found = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(proxy) for proxy in proxies)
