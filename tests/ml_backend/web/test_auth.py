"""The guard lets in who knows a secret, and nobody else, on every route there is or will be."""

from __future__ import annotations

import base64

import pytest
from flask import Flask, Response, request

from contracts.guard_contract import assert_every_route_is_guarded, basic
from ml_backend.credentials import Credentials
from ml_backend.errors import SetupError
from ml_backend.web.auth import guard, is_loopback, refuse_unsafe_bind

CREDENTIALS = Credentials(
    user="docloop", password="pass:word-1234", api_token="token=1234567", webhook_secret="hook-12345678"
)
RIGHT = {
    "Basic": {"Authorization": basic("docloop", "pass:word-1234")},
    "basic in lower case": {"Authorization": basic("docloop", "pass:word-1234").replace("Basic", "basic")},
    "Bearer": {"Authorization": "Bearer token=1234567"},
}
SOME_METHODS = ("GET", "POST", "OPTIONS")  # tests/promises/test_routes_closed.py tries all, slowly
WEBHOOK = {"X-Docloop-Secret": "hook-12345678"}


def build_app() -> Flask:
    app = Flask("guarded", static_folder=None)
    guard(app, CREDENTIALS)
    app.add_url_rule("/health", view_func=lambda: "ok", endpoint="health", methods=["GET", "POST"])
    app.add_url_rule("/predict", view_func=lambda: "ok", endpoint="predict", methods=["POST"])
    app.add_url_rule("/webhook", view_func=lambda: "ok", endpoint="webhook", methods=["POST"])
    app.add_url_rule("/runs/<int:number>/<path:name>", view_func=lambda number, name: "ok", endpoint="runs")
    app.add_url_rule("/folder/", view_func=lambda: "ok", endpoint="folder")
    return app


def status(path: str, headers: dict[str, str], method: str = "POST") -> int:
    answer: Response = build_app().test_client().open(path, method=method, headers=headers)
    return answer.status_code


def test_no_route_answers_a_stranger() -> None:
    assert assert_every_route_is_guarded(build_app(), SOME_METHODS) > 900


def test_the_contract_notices_a_single_route_that_is_open() -> None:
    app = build_app()
    (check,) = app.before_request_funcs[None]
    app.before_request_funcs[None] = [lambda: None if request.path == "/predict" else check()]
    with pytest.raises(AssertionError, match="/predict answered 405 to: nothing"):
        assert_every_route_is_guarded(app, SOME_METHODS)


def test_health_is_open_to_everybody_but_only_for_reading() -> None:
    assert status("/health", {}, "GET") == 200
    assert status("/health", {"Authorization": "Basic %%%"}, "GET") == 200
    assert status("/health", {}, "POST") == 401


@pytest.mark.parametrize("headers", RIGHT.values(), ids=RIGHT)
def test_user_and_password_or_the_token_open_every_route(headers: dict[str, str]) -> None:
    assert [status(path, headers) for path in ("/predict", "/webhook", "/health")] == [200, 200, 200]
    assert status("/runs/1/a/b", headers, "GET") == 200


def test_to_those_who_may_enter_an_unknown_address_is_simply_not_found() -> None:
    assert status("/nothing", RIGHT["Bearer"]) == 404
    assert status("/predict", RIGHT["Bearer"], "GET") == 405
    assert status("/folder", RIGHT["Bearer"], "GET") == 308
    assert status("/folder", {}, "GET") == 401


def test_the_webhook_secret_opens_the_webhook_and_nothing_else() -> None:
    assert status("/webhook", WEBHOOK) == 200
    assert [status(path, WEBHOOK) for path in ("/predict", "/webhook/", "/nothing")] == [401, 401, 401]


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Authorization": "Bearer " + CREDENTIALS.password}, "the password is no token"),
        ({"Authorization": basic("docloop", CREDENTIALS.api_token)}, "the token is no password"),
        ({"Authorization": basic("Docloop", CREDENTIALS.password)}, "the user's name counts"),
        ({"Authorization": basic("docloop", "pass")}, "a password that begins right"),
        ({"Authorization": "Bearer " + CREDENTIALS.webhook_secret}, "the webhook secret is no token"),
        (
            {"Authorization": "Basic " + base64.b64encode("docloop:pass:wörd-1234".encode("latin-1")).decode()},
            "not UTF-8",
        ),
    ],
)
def test_one_secret_does_not_stand_for_another(headers: dict[str, str], why: str) -> None:
    assert status("/predict", headers) == 401, why


def test_the_refusal_is_a_problem_that_says_what_is_needed_and_echoes_nothing() -> None:
    answer = build_app().test_client().post("/predict", headers={"Authorization": "Bearer echo"})
    assert answer.get_json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "code": "unauthorized",
        "detail": "This address needs docloop's credentials: Basic (user and password) or Bearer (API token);"
        " docloop credentials shows them.",
    }
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="docloop", charset="UTF-8"'


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.1.5", False),
        ("localhost.example.org", False),
    ],
)
def test_only_loopback_addresses_are_out_of_strangers_reach(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_beyond_this_machine_a_secret_must_be_long() -> None:
    weak = Credentials("docloop", "1234", "t" * 32, "w" * 32)
    refuse_unsafe_bind("127.0.0.1", weak)
    refuse_unsafe_bind("0.0.0.0", Credentials("docloop", "p" * 12, "t" * 12, "w" * 12))
    with pytest.raises(SetupError) as caught:
        refuse_unsafe_bind("0.0.0.0", weak)
    assert caught.value.code == "secret_too_short"
    assert "DOCLOOP_PASSWORD has only 4 characters" in caught.value.message
    assert "1234" not in str(caught.value)


def test_a_secret_that_http_programs_would_write_in_different_ways_is_refused() -> None:
    with pytest.raises(SetupError) as caught:
        Credentials("docloop", "wörd-12345678", "t" * 12, "w" * 12)
    assert caught.value.code == "secret_not_ascii"
