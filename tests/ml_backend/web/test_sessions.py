"""Sessions of a browser: begun by the password, ended by logout, time and a new password, and of no use to other sites."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ml_backend.credentials import Credentials
from ml_backend.errors import StoreError
from ml_backend.store.store import Store, open_store
from ml_backend.web import sessions
from ml_backend.web.auth import guard
from ml_backend.web.guesses import WRONG_AT_MOST
from ml_backend.web.headers import HEADERS, add_headers
from ml_backend.web.login import HOME, own_path

CREDENTIALS = Credentials("docloop", "pass-word-1234", "token-1234567", "hook-12345678")
HTML = {"Accept": "text/html,application/xhtml+xml"}
HOUR = 3600


def build_app(credentials: Credentials = CREDENTIALS, store: Callable[[], Store] | None = None) -> Flask:
    app = Flask("sessions", static_folder=None)
    guard(app, credentials, store, now=lambda: time.time())
    add_headers(app)
    app.add_url_rule("/page", "page", sessions.csrf_token, methods=["GET", "POST", "DELETE"])
    return app


@pytest.fixture
def app() -> Flask:
    return build_app()


def log_in(app: Flask, **options: object) -> FlaskClient:
    client = app.test_client()
    answer = enter(client, CREDENTIALS.password, **options)
    assert answer.status_code == 303
    return client


def enter(client: FlaskClient, password: str, after: str = "/page", **options: object) -> TestResponse:
    form = {"user": "docloop", "password": password, "next": after}
    return client.post("/login", data=form, **options)  # type: ignore[arg-type]


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie(sessions.COOKIE)
    return found.value if found else ""


def with_cookie(app: Flask, value: str) -> FlaskClient:
    client = app.test_client()
    client.set_cookie(sessions.COOKIE, value)
    return client


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets all clocks of the session go on by some seconds."""
    real = time.time
    return lambda seconds: monkeypatch.setattr(time, "time", lambda: real() + seconds)


def test_the_password_begins_a_session_that_opens_pages(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/page").status_code == 401
    answer = enter(client, CREDENTIALS.password)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/page")
    assert client.get("/page").status_code == 200
    assert client.get("/no/such").status_code == 404


def test_a_browser_is_shown_the_form_where_it_wanted_to_go_and_programs_are_offered_basic(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/page?tab=%22runs%22", headers=HTML)
    assert page.status_code == 401
    assert page.headers["WWW-Authenticate"] == 'Bearer realm="docloop"'  # Basic would open a window of the browser
    assert 'name="next" value="/page?tab=%22runs%22"' in page.get_data(as_text=True)
    assert client.get("/page", headers={"Sec-Fetch-Mode": "cors"}).headers["WWW-Authenticate"].startswith("Bearer")
    assert client.get("/page").headers["WWW-Authenticate"].startswith("Basic")
    assert client.post("/page", headers=HTML).content_type == "application/problem+json"


def test_a_wrong_password_begins_nothing_and_too_many_have_to_wait(app: Flask) -> None:
    client = app.test_client()
    for wrong in [""] * WRONG_AT_MOST:
        answer = enter(client, wrong)
        assert (answer.status_code, cookie(client)) == (401, "")
        assert "User name or password is wrong." in answer.get_data(as_text=True)
    answer = enter(client, CREDENTIALS.password)
    assert (answer.status_code, cookie(client)) == (429, "")
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites_nor_in_the_clear_where_https_is(
    app: Flask,
) -> None:
    plain = enter(app.test_client(), CREDENTIALS.password).headers["Set-Cookie"]
    safe = enter(app.test_client(), CREDENTIALS.password, base_url="https://localhost").headers["Set-Cookie"]
    for one in (plain, safe):
        assert "HttpOnly" in one
        assert "SameSite=Lax" in one
        assert "Domain" not in one
    assert ("Secure" in plain, "Secure" in safe) == (False, True)


def test_what_changes_something_must_carry_the_sessions_own_csrf_token(app: Flask) -> None:
    client, other = log_in(app), log_in(app)
    mine, theirs = client.get("/page").get_data(as_text=True), other.get("/page").get_data(as_text=True)
    assert len(mine) >= 32
    tried = [
        ({}, {}),
        ({"X-CSRF-Token": ""}, {}),
        ({"X-CSRF-Token": theirs}, {}),
        ({"X-CSRF-Token": "\xe4"}, {}),
        ({}, {"csrf_token": theirs}),
        ({"X-CSRF-Token": mine}, {}),
        ({}, {"csrf_token": mine}),
    ]
    answers = [client.post("/page", headers=headers, data=form) for headers, form in tried]
    assert [answer.status_code for answer in answers] == [403] * 5 + [200] * 2
    assert answers[0].get_json()["code"] == "csrf_token_missing"
    assert client.delete("/page", query_string={"csrf_token": mine}).status_code == 403  # URLs end up in logs


@pytest.mark.parametrize(
    ("headers", "method", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, "POST", 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://outside-of-the-proxy"}, "POST", 200),
        ({"Sec-Fetch-Site": "cross-site"}, "POST", 403),
        ({"Sec-Fetch-Site": "same-site"}, "POST", 403),  # Label Studio on another port
        ({"Origin": "http://localhost"}, "POST", 200),
        ({"Origin": "http://localhost:8080"}, "POST", 403),
        ({"Origin": "null"}, "POST", 403),
        ({"Origin": "http://[broken"}, "POST", 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, "GET", 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, "GET", 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, "GET", 200),  # a link in Label Studio
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, "POST", 403),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, "GET", 200),
    ],
)
def test_other_sites_cannot_use_a_session_nor_a_browsers_basic_even_if_they_knew_the_csrf_token(
    app: Flask, headers: dict[str, str], method: str, status: int
) -> None:
    client = log_in(app)
    token = {"X-CSRF-Token": client.get("/page").get_data(as_text=True)}
    assert client.open("/page", method=method, headers={**headers, **token}).status_code == status
    basic = app.test_client().open("/page", method=method, headers=headers, auth=("docloop", CREDENTIALS.password))
    assert basic.status_code == status
    bearer = {**headers, "Authorization": f"Bearer {CREDENTIALS.api_token}"}
    assert app.test_client().open("/page", method=method, headers=bearer).status_code == 200


def test_another_site_cannot_log_somebody_in(app: Flask) -> None:
    answer = enter(app.test_client(), CREDENTIALS.password, headers={"Origin": "http://evil.example"})
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)


def test_logging_in_takes_nothing_over_from_a_cookie_that_somebody_planted(app: Flask) -> None:
    client = log_in(app)
    planted, token = cookie(client), client.get("/page").get_data(as_text=True)
    victim = with_cookie(app, planted)
    enter(victim, CREDENTIALS.password)
    assert cookie(victim) != planted
    assert victim.get("/page").get_data(as_text=True) != token


def test_after_logout_neither_the_cookie_nor_a_copy_of_it_opens_anything(app: Flask) -> None:
    client = log_in(app)
    copy, token = cookie(client), client.get("/page").get_data(as_text=True)
    assert client.post("/logout").status_code == 403
    answer = client.post("/logout", data={"csrf_token": token})
    assert (answer.status_code, answer.headers["Location"], cookie(client)) == (303, "/login", "")
    assert client.get("/page").status_code == 401
    assert with_cookie(app, copy).get("/page").status_code == 401


def test_a_session_ends_an_hour_after_its_last_request_and_half_a_day_after_its_first(
    app: Flask, later: Callable[[float], None]
) -> None:
    client, idle = log_in(app), cookie(log_in(app))
    for half_hours in range(1, 24):
        later(half_hours * HOUR / 2)
        assert client.get("/page").status_code == 200
        if half_hours == 1:
            assert with_cookie(app, idle).get("/page").status_code == 200
        if half_hours == 3:
            assert with_cookie(app, idle).get("/page").status_code == 401
    later(12 * HOUR + 1)
    assert client.get("/page").status_code == 401


def test_a_logout_holds_in_every_process_also_in_one_that_starts_later_and_without_a_database_in_its_own(
    tmp_path: Path,
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/docloop.db")
    here, there = build_app(store=lambda: store), build_app(store=lambda: store)
    client, other = log_in(here), log_in(here)
    copy, token = cookie(client), client.get("/page").get_data(as_text=True)
    assert with_cookie(there, copy).get("/page").status_code == 200
    client.post("/logout", data={"csrf_token": token})
    for app in (here, there, build_app(store=lambda: store)):
        assert with_cookie(app, copy).get("/page").status_code == 401
    assert with_cookie(there, cookie(other)).get("/page").status_code == 200, "only that one"
    store.close()

    def away() -> Store:
        raise StoreError("store_away", "The database does not answer.")

    alone = build_app(store=away)
    client = log_in(alone)
    copy, token = cookie(client), client.get("/page").get_data(as_text=True)
    assert client.post("/logout", data={"csrf_token": token}).status_code == 303
    assert with_cookie(alone, copy).get("/page").status_code == 401


def test_a_process_whose_clock_is_a_little_behind_knows_a_session_and_does_not_end_it(
    app: Flask, later: Callable[[float], None]
) -> None:
    client = log_in(app)
    for seconds, status in ((-2, 200), (-60, 401), (0, 200)):
        later(seconds)
        answer = with_cookie(app, cookie(client)).get("/page")
        assert (answer.status_code, "Max-Age=0" in answer.headers.get("Set-Cookie", "")) == (status, False)


@pytest.mark.parametrize("changed", ["user", "password", "api_token", "webhook_secret"])
def test_another_process_knows_a_session_and_a_new_secret_ends_it(app: Flask, changed: str) -> None:
    value = cookie(log_in(app))
    assert with_cookie(build_app(), value).get("/page").status_code == 200
    renewed = replace(CREDENTIALS, **{changed: "another-12345"})
    assert with_cookie(build_app(renewed), value).get("/page").status_code == 401


def test_a_forged_cookie_is_nothing(app: Flask) -> None:
    head, stamp, signature = cookie(log_in(app)).rsplit(".", 2)
    forged = Flask("forged")
    forged.secret_key = b"guess"
    wrong = forged.session_interface.get_signing_serializer(forged)  # type: ignore[attr-defined]
    for value in (
        wrong.dumps({"since": 0, "id": "x", "csrf": "y"}),
        f"{head}A.{stamp}.{signature}",
        f"{head}.{stamp}.{signature[::-1]}",
        head,
        "..",
        "x" * 4000,
        "\x00",
    ):
        assert with_cookie(app, value).get("/page").status_code == 401


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/admin/projects/7?tab=runs#last", "/admin/projects/7?tab=runs#last"),
        ("", HOME),
        ("//evil.example", HOME),
        ("/\\evil.example", HOME),
        ("/a\\..\\\\evil.example", HOME),
        ("/\t/evil.example", HOME),
        ("/\r\nSet-Cookie: a=b", HOME),
        ("https://evil.example", HOME),
        ("javascript:alert(1)", HOME),
        ("page", HOME),
        ("/pagé", HOME),
        ("/login?next=/login", HOME),
        ("/logout", HOME),
        ("/" + "x" * 2000, HOME),
    ],
)
def test_a_login_leads_to_a_page_of_docloop_and_nowhere_else(app: Flask, wanted: str, leads_to: str) -> None:
    assert own_path(wanted) == leads_to
    assert enter(app.test_client(), CREDENTIALS.password, wanted).headers["Location"] == leads_to


def test_the_form_escapes_what_it_is_given_and_loads_nothing_that_the_policy_forbids(app: Flask) -> None:
    client = app.test_client()
    text = client.get("/login", query_string={"next": '/"><script>alert(1)</script>'}).get_data(as_text=True)
    assert "<script" not in text
    assert not re.search(r"style=|\son\w+=|https?://", text)
    assert re.findall(r'href="([^"]+)"', text) == ["/login.css"]
    style = client.get("/login.css")
    assert (style.status_code, style.content_type) == (200, "text/css; charset=utf-8")


def test_a_file_that_may_be_cached_carries_no_cookie(app: Flask) -> None:
    client = log_in(app)
    assert "Set-Cookie" in client.get("/page").headers
    style = client.get("/login.css")
    assert ("Set-Cookie" in style.headers, "no-store" in style.headers["Cache-Control"]) == (False, False)


def test_every_answer_carries_the_headers_refusals_too(app: Flask) -> None:
    client = log_in(app)
    for answer in (client.get("/page"), client.get("/no/such"), app.test_client().get("/page"), client.post("/page")):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "default-src 'self'" in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("length", [{"CONTENT_LENGTH": "5000000"}, {"wsgi.input_terminated": True}])
def test_a_stranger_cannot_fill_the_disk_with_a_login_form(app: Flask, length: dict[str, object]) -> None:
    """Where a body has no length it is sent in chunks. The application itself sets no limit here, as that of a worker."""
    start = b'--b\r\nContent-Disposition: form-data; name="user"; filename="a"\r\n\r\n'
    body = io.BytesIO(start.ljust(5_000_000, b"x"))
    form = {"input_stream": body, "content_type": "multipart/form-data; boundary=b"}
    answer = app.test_client().post("/login", environ_overrides=length, **form)  # type: ignore[arg-type]
    assert (answer.status_code, body.tell() < 200_000) == (413, True)
