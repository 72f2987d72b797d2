"""P10: every route refuses without the right credential: no, wrong, expired, revoked, too low ones, a session without CSRF token.

All routes of the real application are found in its ``url_map``: one that somebody adds is tried without being named here. What
is open is listed a second time, in the contract, on purpose. The slow tests try all methods and addresses that are none, too.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from typer.testing import CliRunner
from werkzeug.routing import Rule

from contracts.guard_contract import METHODS, OPEN, STRANGERS, basic
from docloop.cli import app as command_line
from ml_backend.services import Services
from ml_backend.web.access import Role, role_of
from ml_backend.web.sessions import COOKIE

SOME = ("nothing", "wrong password", "wrong token")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE", "PROPFIND")
NOWHERE = (
    "/no/such/address",
    "/api/v1/no",
    "/admin/no",
    "/health/",
    "//health",
    "/LOGIN",
    "/login/",
    "/static/../health",
)
# What a reader may POST: it changes nothing but the reader's own session, or reads what it is sent.
READING_POSTS = {"/logout", "/api/v1/parse", "/api/v1/projects/<int:project_id>/parse"}
Route = tuple[str, str]  # method, path


@pytest.fixture
def own_routes(app: Flask) -> list[Route]:
    """Every path with the methods that it has, but for what is open."""
    found = {(method, path_of(rule)) for rule in app.url_map.iter_rules() for method in rule.methods or ()}
    return sorted(found - OPEN)


@pytest.fixture
def routes(app: Flask) -> list[Route]:
    """Every path and some that are none, with every method there is, but for what is open."""
    paths = {path_of(rule) for rule in app.url_map.iter_rules()} | set(NOWHERE)
    return [(method, path) for path in sorted(paths) for method in METHODS if (method, path) not in OPEN]


@pytest.fixture
def secrets(services: Services) -> dict[str, str]:
    """Tokens of each role by its word, and an ``expired`` and a ``revoked`` one of the highest."""
    now, tokens = time.time(), services.store.tokens
    made = {role.word: tokens.create(role.word, role.word, now)[1] for role in Role}
    made["expired"] = tokens.create("expired", "admin", now - 86_401, days=1)[1]
    made["revoked"] = tokens.create("revoked", "admin", now)[1]
    tokens.revoke("revoked", now)
    return made


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    """A browser with a session."""
    client = app.test_client()
    form = {"user": "docloop", "password": "test-password"}
    assert client.post("/login", data=form).status_code == 303
    assert client.get("/metrics").status_code == 200
    return client


def path_of(rule: Rule) -> str:
    """An address that leads to this rule."""
    return re.sub(r"<[^>]*>", "1", rule.rule)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def addresses() -> Iterator[dict[str, str]]:
    """Each caller from elsewhere, so that each is looked at: who is wrong ten times has to wait."""
    for number in range(1 << 24):
        yield {"REMOTE_ADDR": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"}


def refusals(
    client: FlaskClient, routes: list[Route], callers: dict[str, dict[str, str]], status: int
) -> tuple[int, list[str]]:
    """How often these callers were tried, and where they were answered with anything but a problem of this status."""
    wrong, tries, places = [], 0, addresses()
    for method, path in routes:
        for name, headers in callers.items():
            answer = client.open(path, method=method, headers=headers, environ_overrides=next(places))
            tries += 1
            if answer.status_code != status or answer.content_type != "application/problem+json":
                wrong.append(f"{method} {path}: {answer.status_code} to {name}")
            answer.close()
    return tries, wrong


def strangers(secrets: dict[str, str]) -> dict[str, dict[str, str]]:
    """Who shows what once was a token, part of one, or a cookie that we have not signed."""
    return {
        "expired": bearer(secrets["expired"]),
        "revoked": bearer(secrets["revoked"]),
        "expired, as a password": {"Authorization": basic("docloop", secrets["expired"])},
        "a token cut short": bearer(secrets["admin"][:-1]),
        "a forged cookie": {"Cookie": f"{COOKIE}=eyJpZCI6IngifQ.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb"},
    }


def test_no_method_of_a_route_answers_without_a_credential_that_is_alive(
    app: Flask, own_routes: list[Route], secrets: dict[str, str]
) -> None:
    some = {name: STRANGERS[name] for name in SOME} | {name: bearer(secrets[name]) for name in ("expired", "revoked")}
    tries, wrong = refusals(app.test_client(), own_routes, some, 401)
    assert (tries, wrong) == (len(own_routes) * 5, [])
    assert len(own_routes) > 20


@pytest.mark.slow
def test_nothing_at_all_answers_whatever_a_stranger_shows(
    app: Flask, routes: list[Route], secrets: dict[str, str]
) -> None:
    tries, wrong = refusals(app.test_client(), routes, STRANGERS | strangers(secrets), 401)
    print(f"P10: {tries} requests of strangers to {len(routes)} routes, {len(wrong)} not refused")  # noqa: T201
    assert wrong == []


def test_the_webhook_secret_opens_the_webhook_alone_and_no_token_of_the_store_does(
    app: Flask, own_routes: list[Route], secrets: dict[str, str]
) -> None:
    others = [route for route in own_routes if route[1] != "/webhook"]
    assert refusals(app.test_client(), others, {"hook": {"X-Docloop-Secret": "test-secret"}}, 401)[1] == []
    assert refusals(app.test_client(), [("POST", "/webhook")], {"token": bearer(secrets["admin"])}, 401)[1] == []


def test_no_route_answers_a_role_below_its_own(app: Flask, secrets: dict[str, str]) -> None:
    tried, client = dict.fromkeys(Role, 0), app.test_client()
    for rule in app.url_map.iter_rules():
        path = path_of(rule)
        for method in sorted(rule.methods or ()):
            if (method, path) in OPEN or path == "/webhook":  # that one no token of the store opens at all
                continue
            found, _ = app.url_map.bind("localhost").match(path, method, return_rule=True)
            assert found.rule == rule.rule, f"{rule.rule} is not tried by {path}: teach this test its converter"
            wants = role_of(app, found.endpoint)
            lower = {role.word: bearer(secrets[role.word]) for role in Role if role < wants}
            tries, wrong = refusals(client, [(method, path)], lower, 403)
            assert wrong == []
            tried[wants] += tries
    assert tried[Role.ADMIN] > 0


def test_what_changes_something_wants_more_than_reading(app: Flask) -> None:
    changing = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if set(rule.methods or ()) & set(UNSAFE) and role_of(app, rule.endpoint) == Role.READ
    }
    assert changing - READING_POSTS == set()


@pytest.mark.slow
def test_no_route_answers_a_session_without_its_csrf_token_or_for_another_site(
    app: Flask, browser: FlaskClient, routes: list[Route]
) -> None:
    routes = [route for route in routes if not route[1].startswith("//")]  # to the client that is another host
    changing = [route for route in routes if route[0] in UNSAFE]
    lacking = {
        "no token": {},
        "a wrong token": {"X-CSRF-Token": "wrong"},
        "another site": {"Sec-Fetch-Site": "same-site"},
        "another origin": {"Origin": "http://localhost:8080"},
    }
    assert refusals(browser, changing, lacking, 403)[1] == []
    reading = [route for route in routes if route[0] in ("GET", "HEAD")]
    embedded = {"embedded elsewhere": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}}
    assert refusals(browser, reading, embedded, 403)[1] == []


def test_a_route_that_somebody_adds_and_says_nothing_about_is_for_administrators(
    app: Flask, secrets: dict[str, str]
) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "ok")
    answers = {name: app.test_client().get("/forgotten", headers=bearer(secret)) for name, secret in secrets.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "read": 403,
        "train": 403,
        "admin": 200,
        "expired": 401,
        "revoked": 401,
    }


@pytest.mark.parametrize("command", ["web", "serve"])
@pytest.mark.parametrize("secret", ["PASSWORD", "API_TOKEN", "WEBHOOK_SECRET"])
def test_beyond_this_machine_docloop_does_not_start_with_a_secret_that_can_be_guessed(
    command: str, secret: str, monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("DOCLOOP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DOCLOOP_DATA_DIR", str(tmp_path))
    monkeypatch.setenv(f"DOCLOOP_{secret}", "elevenchars")
    result = CliRunner().invoke(command_line, [command, "--host", "0.0.0.0"])
    assert (result.exit_code, "secret_too_short" in result.stderr, "elevenchars" in result.output) == (2, True, False)
