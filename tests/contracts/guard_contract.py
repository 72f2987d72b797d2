"""What every docloop web application must keep: no route answers a stranger, whatever the stranger sends (promise P10)."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from flask import Flask

OPEN = {("GET", "/health"), ("GET", "/login"), ("POST", "/login"), ("GET", "/login.css")}
BASE = "http://localhost"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


STRANGERS: dict[str, dict[str, str]] = {
    "nothing": {},
    "empty header": {"Authorization": ""},
    "wrong password": {"Authorization": basic("docloop", "wrong")},
    "empty password": {"Authorization": basic("docloop", "")},
    "empty user and password": {"Authorization": basic("", "")},
    "no colon": {"Authorization": "Basic " + base64.b64encode(b"docloop").decode()},
    "scheme alone": {"Authorization": "Basic"},
    "scheme and a blank": {"Authorization": "Basic "},
    "not base64": {"Authorization": "Basic %%%"},
    "base64 of bytes that are no text": {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode()},
    "base64 without its padding": {"Authorization": "Basic ZG9jbG9vcDp4eA"},
    "two credentials in one header": {"Authorization": basic("a", "b") + ", " + basic("c", "d")},
    "wrong token": {"Authorization": "Bearer wrong"},
    "empty token": {"Authorization": "Bearer "},
    "token of other bytes": {"Authorization": "Bearer \xe4\xf6\xfc"},
    "wrong scheme": {"Authorization": "Token wrong"},
    "digest": {"Authorization": 'Digest username="docloop", realm="docloop", nonce="="'},
    "quotes that never end": {"Authorization": 'Digest username="'},
    "a very long header": {"Authorization": "Bearer " + "x" * 8000},
    "wrong webhook secret": {"X-Docloop-Secret": "wrong"},
    "empty webhook secret": {"X-Docloop-Secret": ""},
    "pretending to be the proxy": {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-User": "docloop"},
    "another method behind POST": {"X-HTTP-Method-Override": "GET", "X-Original-URL": "/health"},
}


def assert_every_route_is_guarded(app: Flask, methods: Sequence[str] = METHODS) -> int:
    """Each route and each of ``methods``, and addresses that do not exist, refuse each stranger with 401. Returns the tries."""
    paths = {re.sub(r"<[^>]*>", "1", rule.rule) for rule in app.url_map.iter_rules()}
    paths |= {"/", "/no/such/address", "/health/", "/health/x", "/HEALTH", "//health", "/static/../health"}
    client = app.test_client()
    tries = 0
    for path in sorted(paths):
        for method in methods:
            for name, headers in STRANGERS.items():
                if (method, path) in OPEN:
                    continue
                # Each from an address of its own, so that each is looked at: who is wrong ten times has to wait.
                place = {"REMOTE_ADDR": f"10.{tries >> 16 & 255}.{tries >> 8 & 255}.{tries & 255}"}
                answer = client.open(path, method=method, headers=headers, base_url=BASE, environ_overrides=place)
                assert answer.status_code == 401, f"{method} {path} answered {answer.status_code} to: {name}"
                assert answer.content_type == "application/problem+json"
                assert answer.headers["WWW-Authenticate"].startswith("Basic ")
                tries += 1
    return tries
