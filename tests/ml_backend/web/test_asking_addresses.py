"""Where a request comes from: a proxy that is trusted says it, of all others its word is a stranger's."""

from __future__ import annotations

import logging

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from contracts.guard_contract import basic
from docloop.server import Server
from ml_backend.credentials import Credentials
from ml_backend.services import Services
from ml_backend.settings import Settings
from ml_backend.web.addresses import PROXIES, THIS_MACHINE, address
from ml_backend.web.app import create_app
from ml_backend.web.auth import guard, warn_of_short_secrets
from ml_backend.web.guesses import WRONG_AT_MOST

CREDENTIALS = Credentials("docloop", "pass-word-1234", "token-1234567", "hook-12345678")
PROXY, DOCKER, STRANGER = "127.0.0.1", "172.18.0.1", "198.51.100.77"


@pytest.mark.parametrize(
    ("peer", "said", "proxies", "found", "why"),
    [
        (PROXY, "203.0.113.9", THIS_MACHINE, "203.0.113.9", "the proxy's word"),
        ("::1", "2001:db8::7", THIS_MACHINE, "2001:db8::7", "IPv6"),
        (PROXY, "198.51.100.1, 203.0.113.9", THIS_MACHINE, "203.0.113.9", "the client forged a longer list"),
        (PROXY, "127.0.0.1, 203.0.113.9", THIS_MACHINE, "203.0.113.9", "the client says that it is the proxy"),
        (PROXY, "", THIS_MACHINE, PROXY, "a program of this machine"),
        (PROXY, "unknown", THIS_MACHINE, PROXY, "no address"),
        (PROXY, "203.0.113.9,", THIS_MACHINE, PROXY, "a list that ends with nothing"),
        (STRANGER, "203.0.113.9", THIS_MACHINE, STRANGER, "a stranger's word"),
        (DOCKER, "203.0.113.9", THIS_MACHINE, DOCKER, "a proxy that nobody has named"),
        (DOCKER, "203.0.113.9", ("172.16.0.0/12",), "203.0.113.9", "a network"),
        (PROXY, "203.0.113.9", ("172.16.0.0/12",), PROXY, "who names another trusts this machine no more"),
        (STRANGER, "203.0.113.9", ("*",), "203.0.113.9", "all are trusted"),
        ("", "203.0.113.9", THIS_MACHINE, "", "a socket"),
    ],
)
def test_the_address_is_the_peers_or_the_last_that_a_trusted_proxy_names(
    peer: str, said: str, proxies: tuple[str, ...], found: str, why: str
) -> None:
    app = Flask("addresses", static_folder=None)
    app.config[PROXIES] = proxies
    with app.test_request_context(environ_overrides={"REMOTE_ADDR": peer}, headers={"X-Forwarded-For": said}):
        assert address() == found, why


@pytest.fixture
def guarded() -> FlaskClient:
    app = Flask("guarded", static_folder=None)
    guard(app, CREDENTIALS)
    app.add_url_rule("/page", "page", lambda: "page")
    return app.test_client()


def log_in(client: FlaskClient, said: str, password: str = "wrong", peer: str = PROXY) -> int:
    form = {"user": "docloop", "password": password}
    headers = {"X-Forwarded-For": said}
    return client.post("/login", data=form, headers=headers, environ_overrides={"REMOTE_ADDR": peer}).status_code


def page(client: FlaskClient, said: str, password: str) -> TestResponse:
    headers = {"Authorization": basic("docloop", password), "X-Forwarded-For": said}
    return client.get("/page", headers=headers, environ_overrides={"REMOTE_ADDR": PROXY})


def test_behind_a_proxy_who_guesses_waits_although_others_there_know_the_password(guarded: FlaskClient) -> None:
    assert page(guarded, "198.51.100.1", CREDENTIALS.password).status_code == 200  # the administrator
    assert page(guarded, "", CREDENTIALS.password).status_code == 200  # Label Studio, on this machine
    for number in range(WRONG_AT_MOST):
        assert log_in(guarded, f"10.0.0.{number}, 203.0.113.9") == 401
    assert log_in(guarded, "203.0.113.9", CREDENTIALS.password) == 429
    assert log_in(guarded, "198.51.100.1, 203.0.113.9", CREDENTIALS.password) == 429
    refused = page(guarded, "203.0.113.9", CREDENTIALS.password)
    assert (refused.status_code, int(refused.headers["Retry-After"]) > 50) == (401, True)
    assert log_in(guarded, "198.51.100.2", CREDENTIALS.password) == 303
    assert page(guarded, "198.51.100.1", CREDENTIALS.password).status_code == 200


def test_a_stranger_who_names_another_address_each_time_is_one_address(guarded: FlaskClient) -> None:
    for number in range(WRONG_AT_MOST):
        assert log_in(guarded, f"203.0.113.{number}", peer=STRANGER) == 401
    assert log_in(guarded, "203.0.113.99", peer=STRANGER) == 429


def test_the_server_trusts_for_addresses_whom_it_trusts_for_https(services: Services, settings: Settings) -> None:
    assert tuple(Server(settings).cfg.forwarded_allow_ips) == THIS_MACHINE
    assert create_app(services, ["172.18.0.1"]).config[PROXIES] == ("172.18.0.1",)


def test_a_short_secret_is_named_in_the_log_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_short_secrets(CREDENTIALS)
        assert caplog.messages == []
        warn_of_short_secrets(Credentials("docloop", "admin", "t" * 12, "w" * 12))
    (said,) = caplog.messages
    assert said.startswith("DOCLOOP_PASSWORD has only 5 characters")
    assert "admin" not in said
