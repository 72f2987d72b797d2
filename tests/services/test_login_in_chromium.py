"""The login form and the guard with a real browser: what it sends by itself to docloop from a page of another port.

Another port of the same host is the same *site*: browsers send it the cookies, and only say in headers who sent the request. That
is Label Studio's place on most machines.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask, render_template_string, request
from playwright.sync_api import Browser, BrowserContext, Page, expect
from werkzeug.serving import make_server

from ml_backend.services import Services
from ml_backend.web.access import Role, needs
from ml_backend.web.app import create_app
from ml_backend.web.sessions import COOKIE

FORM = """<!doctype html><title>{{ title }}</title>
<form method="post" action="{{ action }}"><input name="csrf_token" value="{{ token }}"><button>Send</button></form>"""


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address of an application on a port of its own."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def docloop(services: Services) -> Iterator[str]:
    """The real application with a page of its own that changes something."""
    app = create_app(services)

    @needs(Role.TRAIN)
    def deed() -> str:
        return "done" if request.method == "POST" else render_template_string(FORM_WITH_TOKEN)

    app.add_url_rule("/deed", "deed", deed, methods=["GET", "POST"])
    with served(app) as url:
        yield url


FORM_WITH_TOKEN = FORM.replace("{{ token }}", "{{ csrf_token() }}").replace("{{ action }}", "/deed")


@pytest.fixture
def neighbour(docloop: str) -> Iterator[str]:
    """A page on another port with a form to docloop, whose author even knows a CSRF token."""
    app = Flask("neighbour")
    app.add_url_rule("/", "form", lambda: render_template_string(FORM, action=f"{docloop}/deed", token="known"))
    app.add_url_rule("/frame", "frame", lambda: f'<iframe src="{docloop}/deed"></iframe>')
    with served(app) as url:
        yield url


@pytest.fixture
def profile(chromium: Browser, docloop: str) -> Iterator[BrowserContext]:
    context = chromium.new_context(base_url=docloop)
    context.set_default_timeout(30_000)
    yield context
    context.close()


def log_in(page: Page, password: str = "test-password") -> None:
    """With the keyboard alone: the first field has the focus."""
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("docloop")
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def test_somebody_logs_in_where_they_wanted_to_go_and_does_something(profile: BrowserContext) -> None:
    page = profile.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.goto("/deed")
    assert page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") == "352px"  # the style was let in
    log_in(page, "wrong")
    expect(page.get_by_role("alert")).to_have_text("User name or password is wrong.")
    log_in(page)
    page.wait_for_url("**/deed")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("body")).to_have_text("done")
    assert not [fault for fault in faults if "Content Security Policy" in fault]
    [cookie] = profile.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == (COOKIE, True, "Lax")


def test_a_page_of_another_port_can_link_to_docloop_but_do_and_read_and_frame_nothing(
    profile: BrowserContext, docloop: str, neighbour: str
) -> None:
    page = profile.new_page()
    page.goto("/deed")
    log_in(page)
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    page.goto(neighbour)
    with page.expect_response(f"{docloop}/deed") as posted:
        page.get_by_role("button", name="Send").click()
    sent = posted.value.request.all_headers()
    assert (posted.value.status, COOKIE in sent["cookie"], sent["sec-fetch-site"]) == (403, True, "same-site")
    assert posted.value.json()["code"] == "cross_site"
    page.goto(neighbour)
    fetched = (
        f"fetch('{docloop}/deed', {{credentials: 'include', mode: 'no-cors'}}).then(() => 'answered', () => 'nothing')"
    )
    assert page.evaluate(fetched) == "nothing"
    page.goto(f"{neighbour}/frame")
    expect(page.frame_locator("iframe").get_by_role("button", name="Send")).to_have_count(0)
    page.goto(neighbour)
    page.evaluate(f"location.href = '{docloop}/deed'")
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_where_the_session_is_over_a_script_gets_an_answer_and_no_window_for_a_password(
    profile: BrowserContext, docloop: str
) -> None:
    page = profile.new_page()
    page.goto("/login")
    found = page.evaluate("fetch('/api/v1/projects/7').then(a => [a.status, a.headers.get('WWW-Authenticate')])")
    assert found == [401, 'Bearer realm="docloop"']
