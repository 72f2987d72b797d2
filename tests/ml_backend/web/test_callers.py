"""Tokens of the store at the door: each opens what its role may, and a database that does not answer opens nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from flask import Flask, Response, jsonify

from contracts.guard_contract import basic
from ml_backend.credentials import Credentials
from ml_backend.services import build_services
from ml_backend.settings import load_settings
from ml_backend.store import tokens as store_tokens
from ml_backend.store.store import Store, open_store
from ml_backend.store.tokens import Tokens
from ml_backend.web.access import Caller, Role, caller, needs
from ml_backend.web.app import create_app
from ml_backend.web.auth import guard
from ml_backend.web.callers import Callers
from ml_backend.web.guesses import WRONG_AT_MOST, Guesses

CREDENTIALS = Credentials("docloop", "pass-word-1234", "token-1234567", "hook-12345678")
UNKNOWN = "docloop_" + "x" * 43


def says(role: Role | None) -> object:
    """A view that wants ``role`` and says who called."""

    def view() -> Response:
        known = caller()
        return jsonify(name=known.name, role=known.role.word, email=known.email)

    return view if role is None else needs(role)(view)


def app_with(tokens: Callable[[], object]) -> Flask:
    app = Flask("doors", static_folder=None)
    guard(app, CREDENTIALS, lambda: SimpleNamespace(tokens=tokens()))  # type: ignore[arg-type,return-value]
    for name, role in (("read", Role.READ), ("train", Role.TRAIN), ("admin", Role.ADMIN), ("unmarked", None)):
        app.add_url_rule(f"/{name}", name, says(role), methods=["GET", "POST"])  # type: ignore[arg-type]
    app.add_url_rule("/webhook", "webhook", says(None), methods=["POST"])  # type: ignore[arg-type]
    return app


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('tokens')}/docloop.db")
    yield store
    store.close()


@pytest.fixture
def tokens(migrated: Store) -> Iterator[Tokens]:
    yield migrated.tokens
    for one in migrated.tokens.all():
        migrated.tokens.revoke(one.id, 1.0)


def asked(app: Flask, path: str, secret: str, method: str = "GET") -> Response:
    return app.test_client().open(path, method=method, headers={"Authorization": f"Bearer {secret}"})


def test_the_roles_of_the_store_are_those_of_the_door() -> None:
    assert tuple(role.word for role in Role) == store_tokens.ROLES


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("read", [200, 403, 403, 403, 404]),
        ("train", [200, 200, 403, 403, 404]),
        ("admin", [200, 200, 200, 200, 404]),
    ],
)
def test_a_token_opens_what_its_role_may_and_all_below(tokens: Tokens, role: str, may: list[int]) -> None:
    _, secret = tokens.create("ci", role, time.time())
    app = app_with(lambda: tokens)
    paths = ("/read", "/train", "/admin", "/unmarked", "/no/such")
    assert [asked(app, path, secret).status_code for path in paths] == may
    as_password = {"Authorization": basic("whoever", secret)}
    assert [app.test_client().get(path, headers=as_password).status_code for path in paths] == may


def test_the_view_knows_who_called_and_under_which_name_in_label_studio(tokens: Tokens) -> None:
    _, secret = tokens.create("scanner", "train", time.time(), email="ann@example.org")
    app = app_with(lambda: tokens)
    assert asked(app, "/read", secret).get_json() == {"name": "scanner", "role": "train", "email": "ann@example.org"}
    by_hand = app.test_client().get("/read", headers={"Authorization": basic("docloop", CREDENTIALS.password)})
    assert by_hand.get_json() == {"name": "docloop", "role": "admin", "email": ""}


def test_the_refusal_names_both_roles(tokens: Tokens) -> None:
    _, secret = tokens.create("ci", "read", time.time())
    answer = asked(app_with(lambda: tokens), "/train", secret, "POST")
    assert answer.get_json() == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "code": "role_too_low",
        "detail": "This needs a token of the role train; this one has read.",
    }


def test_expired_revoked_and_unknown_ones_are_strangers_at_once(tokens: Tokens) -> None:
    app = app_with(lambda: tokens)
    _, expired = tokens.create("old", "admin", time.time() - 86_401, days=1)
    _, revoked = tokens.create("ci", "admin", time.time())
    assert asked(app, "/admin", revoked).status_code == 200
    tokens.revoke("ci", time.time())
    assert [asked(app, "/read", one).status_code for one in (expired, revoked, UNKNOWN)] == [401, 401, 401]


def test_a_use_is_written_down_once_the_answer_is_sent(tokens: Tokens) -> None:
    number, secret = tokens.create("ci", "read", time.time())
    app = app_with(lambda: tokens)
    answer = asked(app, "/read", secret)
    before = tokens.get(number)
    answer.close()
    after = tokens.get(number)
    assert (before and before.used_at, after and after.used_at) == (None, pytest.approx(time.time(), abs=5))


def test_webhooks_never_touch_the_database() -> None:
    def touched() -> NoReturn:
        pytest.fail("the database was asked")

    app = app_with(touched)
    assert asked(app, "/webhook", UNKNOWN, "POST").status_code == 401
    assert asked(app, "/webhook", CREDENTIALS.api_token, "POST").status_code == 200
    secret = {"X-Docloop-Secret": CREDENTIALS.webhook_secret}
    answer = app.test_client().post("/webhook", headers=secret)
    assert answer.get_json() == {"name": "webhook", "role": "read", "email": ""}
    assert asked(app, "/read", "wrong").status_code == 401  # what has not the shape of a token is not looked up


def test_an_api_token_of_the_settings_that_looks_like_one_of_the_store_needs_no_store() -> None:
    def touched() -> NoReturn:
        pytest.fail("the database was asked")

    own = Callers(replace(CREDENTIALS, api_token=UNKNOWN), Guesses(), touched)
    assert own.of(f"Bearer {UNKNOWN}", "10.0.0.1", ask_store=False) == Caller("API token", Role.ADMIN)
    assert own.of(f"Bearer {UNKNOWN}", "10.0.0.1") == Caller("API token", Role.ADMIN)


def test_a_database_that_does_not_answer_refuses_tokens_with_503_and_says_nothing_of_itself(tmp_path: Path) -> None:
    url = "postgresql+psycopg://annabel:database-word@127.0.0.1:9/docloop"
    settings = load_settings({"DOCLOOP_STORE_URL": url, "DOCLOOP_PASSWORD": "test-password"}, data_dir=tmp_path)
    services = build_services(settings)
    try:
        app = create_app(services)
        answer = asked(app, "/metrics", UNKNOWN)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "store_unavailable")
        assert answer.headers["Retry-After"] == "5"
        assert not any(
            word in answer.get_data(as_text=True) for word in ("127.0.0.1", "annabel", "database-word", "psycopg")
        )
        right = {"Authorization": basic("docloop", "test-password")}
        assert app.test_client().get("/metrics", headers=right).status_code == 200
        assert asked(app, "/webhook", UNKNOWN, "POST").status_code == 401
    finally:
        services.close()


@pytest.mark.slow
def test_a_database_that_hangs_keeps_a_few_threads_and_the_others_answer() -> None:
    asking, go_on = threading.Semaphore(0), threading.Event()

    class Hanging:
        def find(self, secret: str, now: float) -> None:
            asking.release()
            assert go_on.wait(10)

    app = app_with(Hanging)
    with ThreadPoolExecutor(8) as pool:
        hung = [pool.submit(asked, app, "/read", UNKNOWN) for _ in range(8)]
        assert all(asking.acquire(timeout=10) for _ in hung)
        try:
            assert asked(app, "/read", UNKNOWN).status_code == 503
            assert asked(app, "/read", CREDENTIALS.api_token).status_code == 200
        finally:
            go_on.set()
        assert [one.result(10).status_code for one in hung] == [401] * 8


def test_who_guesses_waits_and_tokens_go_on(tokens: Tokens) -> None:
    _, secret = tokens.create("ci", "read", time.time())
    app = app_with(lambda: tokens)
    for number in range(WRONG_AT_MOST):
        answer = asked(app, "/read", f"guess-{number}")
        assert answer.status_code == 401
    assert int(answer.headers["Retry-After"]) <= 60
    assert asked(app, "/read", CREDENTIALS.api_token).status_code == 401  # not even the right one is looked at
    assert asked(app, "/read", secret).status_code == 200
    other = {"REMOTE_ADDR": "10.0.0.9"}
    header = {"Authorization": f"Bearer {CREDENTIALS.api_token}"}
    assert app.test_client().get("/read", headers=header, environ_overrides=other).status_code == 200


def test_wrong_tokens_are_no_guesses_since_nobody_can_guess_one(tokens: Tokens) -> None:
    app = app_with(lambda: tokens)
    for _ in range(2 * WRONG_AT_MOST):
        assert asked(app, "/read", UNKNOWN).status_code == 401
    assert asked(app, "/read", CREDENTIALS.api_token).status_code == 200


def test_a_role_of_a_newer_docloop_opens_nothing(migrated: Store, tokens: Tokens) -> None:
    number, secret = tokens.create("ci", "read", time.time())
    with migrated._database.write() as connection:
        connection.exec_driver_sql("UPDATE tokens SET role = 'owner' WHERE id = ?", (number,))
    assert Callers(CREDENTIALS, Guesses(), lambda: tokens).of(f"Bearer {secret}", "10.0.0.1") is None
