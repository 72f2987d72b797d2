"""The admin page in a real browser: people act, hostile texts stay texts, everybody can use it, and it keeps up to date."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import axe_playwright_python.base
import httpx
import pytest
from fake_label_studio import FakeLabelStudio
from filled_installation import Words, begin_training, fill, xml
from loop_parts import Loop
from playwright.sync_api import Browser, BrowserContext, Page, expect
from served_label_studio import TOKEN, served
from waiting import until
from werkzeug.serving import make_server

from ml_backend.jobs.queue import JobQueue
from ml_backend.ocr.fake import FakeEngine
from ml_backend.pausing import paused
from ml_backend.services import Services, build_services
from ml_backend.settings import load_settings
from ml_backend.status import WORKER
from ml_backend.store.records import ProjectRecord
from ml_backend.web.app import create_app

PAGES = ("/admin", "/admin/projects/7", "/admin/exports", "/admin/tokens", "/admin/system")
AXE = Path(axe_playwright_python.base.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
HOSTILE = """</textarea></script></title><img src=x onerror=alert(1)><svg/onload=alert(2)>"'{{7*7}}<b>{version}"""
PASSWORD = "test-password"
WIDE = """[...document.querySelectorAll("body *")].filter(el => el.getBoundingClientRect().right > innerWidth + 0.5)
    .map(el => el.outerHTML.slice(0, 90))"""


@dataclass
class Installation:
    """docloop with a project in the middle of its life, beside a Label Studio with one that nobody connected."""

    url: str
    services: Services
    project: ProjectRecord
    label_studio: FakeLabelStudio
    free: int


@pytest.fixture
def docloop(tmp_path: Path) -> Iterator[Installation]:
    there = FakeLabelStudio()
    there.connections.network = httpx.HTTPTransport()
    free = there.add_project("Invoices", xml(("total",)))
    with served(there) as address:
        environment = {
            "DOCLOOP_LABEL_STUDIO_URL": address,
            "DOCLOOP_LABEL_STUDIO_TOKEN": TOKEN,
            "DOCLOOP_PASSWORD": PASSWORD,
        }
        services = build_services(load_settings(environment, data_dir=tmp_path / "docloop"), engine=FakeEngine([]))
        project = fill(services)
        services.store.leases.take(f"{WORKER}host-1", "host-1", time.time(), 3600)
        services.access.client()  # imports the SDK, which takes seconds
        with serving(services) as url:
            yield Installation(url, services, project, there, free)
        services.close()
        there.connections.network.close()


@contextmanager
def serving(services: Services) -> Iterator[str]:
    """The address of docloop's web process."""
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://localhost:{server.port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Watched:
    """What a page must never do: complain, break a content policy, open a window of its own."""

    faults: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        context.on("console", lambda said: self.faults.append(said.text) if said.type in ("error", "warning") else None)
        context.on("weberror", lambda error: self.faults.append(str(error.error)))
        context.on("dialog", lambda shown: (self.faults.append(f"dialog {shown.message}"), shown.dismiss()))

    def refused(self, status: int) -> None:
        """Chromium writes every refusal of a server to the console; this many are what the test is about: one."""
        (said,) = [each for each in self.faults if f"status of {status}" in each]
        self.faults.remove(said)


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    assert made.faults == []


@pytest.fixture
def page(chromium: Browser, docloop: Installation, watched: Watched) -> Iterator[Page]:
    """A page of somebody who has logged in."""
    context = chromium.new_context(base_url=docloop.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    expect.set_options(timeout=15_000)
    page = context.new_page()
    log_in(page)
    watched.over(context)
    yield page
    context.close()


def log_in(page: Page, password: str = PASSWORD) -> None:
    page.goto("/admin")
    page.get_by_label("User name").fill("docloop")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def said(page: Page, text: str) -> None:
    """The sentence stands where screen readers are told of it, and where eyes see it."""
    expect(page.locator("#polite")).to_have_text(text)
    expect(page.locator("#said-text")).to_have_text(text)
    expect(page.locator("#said-text")).to_be_visible()


def sure(page: Page, name: str) -> None:
    page.locator("#confirm").get_by_role("button", name=name).click()


def test_a_wrong_password_is_told_and_the_right_one_shows_that_all_is_well(
    chromium: Browser, docloop: Installation
) -> None:
    context = chromium.new_context(base_url=docloop.url)
    page = context.new_page()
    log_in(page, "wrong")
    expect(page.get_by_role("alert")).to_have_text("User name or password is wrong.")
    log_in(page)
    expect(page.get_by_role("heading", name="All is well")).to_be_visible()
    expect(page.get_by_role("link", name="Receipts, harbour shops")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    page.goto("/admin/tokens")
    expect(page.get_by_label("Password")).to_be_visible()
    context.close()


def test_a_project_is_connected_and_a_refusal_is_told(page: Page, docloop: Installation, watched: Watched) -> None:
    page.get_by_role("button", name="Connect a project").click()
    number = page.get_by_label("Number of the project")
    expect(number).to_be_focused()
    number.fill("404")
    page.get_by_role("button", name="Connect", exact=True).click()
    fault = page.locator("#connect").get_by_role("alert")
    expect(fault).to_contain_text("404")
    watched.refused(404)
    page.get_by_label("Project in Label Studio").select_option("Invoices (1)")
    expect(number).to_have_value(str(docloop.free))
    page.get_by_label("Address of docloop").fill(docloop.url)
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.locator("#polite")).to_contain_text(f"Project {docloop.free} “Invoices” is connected.")
    expect(page.locator("#connect")).to_be_hidden()
    hooks = docloop.label_studio.connections.webhooks.values()
    assert [hook["url"] for hook in hooks] == [f"{docloop.url}/webhook"]


def test_a_training_goes_by_without_a_reload_and_leaves_focus_details_and_pictures_alone(
    page: Page, docloop: Installation
) -> None:
    run = begin_training(docloop.services, docloop.project, 0.2)
    page.goto("/admin/projects/7")
    expect(page.locator("main progress")).to_have_attribute("value", "0.2")
    page.locator("summary").first.click()
    page.get_by_role("button", name="Export…").focus()
    page.evaluate("window.mine = document.activeElement; window.picture = document.querySelector('img.chart')")
    runs, registry, now = docloop.services.store.runs, docloop.services.registry, time.time()
    runs.heartbeat(run, 1, now, "folds", 0.8)
    expect(page.locator("main progress")).to_have_attribute("value", "0.8")
    expect(page.locator("main")).to_contain_text("being judged on what it has not seen")
    assert page.evaluate(
        "[document.activeElement.textContent, window.mine.isConnected, window.picture?.isConnected]"
    ) == [
        "Export…",
        True,
        True,
    ]
    expect(page.locator("details").first).to_have_attribute("open", "")
    runs.finish(run, 1, "succeeded", now, version="fields-5", verdict="Promoted: field F1 +2.0 points.")
    expect(page.locator("main progress")).to_have_count(0)
    expect(page.get_by_role("button", name="Train now")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Promoted: field F1 +2.0 points.")
    assert registry.active(docloop.project.uid) == "fields-4"


def test_a_real_training_is_asked_for_and_its_version_serves_before_anybody_reloads(
    chromium: Browser, services: Services, queue: JobQueue, watched: Watched
) -> None:
    loop = Loop.of(services, queue, documents=14)
    loop.turn()
    loop.annotate(10)
    loop.turn()
    with serving(services) as url:
        context = chromium.new_context(base_url=url)
        expect.set_options(timeout=15_000)
        page = context.new_page()
        log_in(page)
        page.get_by_role("link", name="Receipts").click()
        page.wait_for_load_state()
        watched.over(context)
        expect(page.get_by_text("10 more to the next training (at 20)")).to_be_visible()
        page.get_by_role("button", name="Train now").click()
        sure(page, "Train")
        expect(page.get_by_text("A training was asked for")).to_be_visible()
        loop.turn()  # a worker: it decides, trains, judges, publishes, pushes
        (run,) = services.store.runs.latest(loop.uid, 1)
        assert (run.state, run.requested_by) == ("succeeded", "REST (docloop)"), run.reason
        expect(page.locator("[data-key=rounds]")).to_contain_text(run.verdict)
        expect(page.locator("[data-key=version-fields-1]")).to_be_visible()
        context.close()


def test_it_asks_for_what_changed_only_and_for_nothing_while_nobody_looks(page: Page, docloop: Installation) -> None:
    page.goto("/admin/exports")
    with page.expect_response("**/admin/exports?live=1") as first:
        pass
    with page.expect_response("**/admin/exports?live=1") as second:
        pass
    assert (first.value.status, second.value.status) == (200, 304)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    hide += "document.dispatchEvent(new Event('visibilitychange'))"
    page.evaluate(hide % "true")
    page.wait_for_timeout(4000)
    assert asked == []
    with page.expect_response("**/admin/exports?live=1"):
        page.evaluate(hide % "false")


def test_where_docloop_stops_the_page_says_so_and_goes_on_when_it_is_back(page: Page, watched: Watched) -> None:
    page.goto("/admin/tokens")
    page.route("**/admin/tokens?live=1*", lambda route: route.abort())
    expect(page.locator("#offline")).to_contain_text("docloop does not answer since")
    page.unroute("**/admin/tokens?live=1*")
    expect(page.locator("#offline")).to_be_hidden(timeout=30_000)
    watched.faults[:] = [fault for fault in watched.faults if "net::ERR_FAILED" not in fault]


def test_versions_are_promoted_after_a_question_that_quotes_the_gate_and_rolled_back(
    page: Page, docloop: Installation
) -> None:
    page.goto("/admin/projects/7")
    page.locator("[data-key=version-fields-3]").get_by_role("button", name="Promote").click()
    expect(page.locator("#confirm-title")).to_have_text("Let fields-3 serve?")
    expect(page.locator("#confirm-detail")).to_contain_text("fields-3 is worse")
    sure(page, "Leave it")
    assert docloop.services.registry.active(docloop.project.uid) == "fields-4"
    page.locator("[data-key=version-fields-3]").get_by_role("button", name="Promote").click()
    sure(page, "Promote")
    said(page, "fields-3 serves now. Open tasks get its predictions.")
    expect(page.locator("[data-key=version-fields-3]")).to_contain_text("serves")
    page.get_by_role("button", name="Roll back").click()
    sure(page, "Roll back")
    said(page, "fields-4 serves again.")
    assert docloop.services.registry.active(docloop.project.uid) == "fields-4"
    assert docloop.services.hints.take() == [7]


def test_a_training_is_asked_for_and_cancelled_and_a_project_rests_and_goes_on(
    page: Page, docloop: Installation
) -> None:
    store = docloop.services.store
    page.goto("/admin/projects/7")
    page.get_by_role("button", name="Train now").click()
    sure(page, "Train")
    said(page, "The training of “Receipts, harbour shops” was asked for. A worker begins within seconds.")
    assert [request.project_id for request in store.runs.requests()] == [7]
    page.get_by_role("button", name="Cancel training").click()
    sure(page, "Cancel it")
    said(page, "The request to train is taken back.")
    assert store.runs.requests() == []
    page.get_by_role("button", name="Pause").click()
    sure(page, "Pause")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert paused(store, docloop.project.uid, time.time())
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("button", name="Predict again").click()
    said(page, "A worker pushes what open tasks lack of predictions.")


def test_ground_truth_is_exported_and_downloaded_and_a_release_frozen(page: Page, docloop: Installation) -> None:
    page.goto("/admin/projects/7")
    page.get_by_role("button", name="Freeze a release…").click()
    page.get_by_label("Licence of the documents").fill("CC-BY-4.0")
    page.get_by_role("button", name="Freeze", exact=True).click()
    (release,) = until(lambda: docloop.services.store.releases.all(docloop.project.uid), 20)
    expect(page.locator("#polite")).to_contain_text(release.id)
    page.get_by_role("button", name="Export…").click()
    page.get_by_label("Only documents in which something was corrected").check()
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.locator("#polite")).to_contain_text("The export is being made")
    page.goto("/admin/exports")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_bytes()[:2] == b"PK"
    page.get_by_role("button", name="Delete").click()
    sure(page, "Delete")
    said(page, "The export was deleted.")
    expect(page.locator("main")).to_contain_text("Nothing yet.")


def test_a_token_is_shown_once_opens_what_its_role_may_and_is_revoked(page: Page, docloop: Installation) -> None:
    page.goto("/admin/tokens")
    page.get_by_role("button", name="New token…").click()
    page.get_by_label("What it is for").fill("dashboard")
    page.get_by_role("button", name="Make it").click()
    secret = page.get_by_label("Token", exact=True).input_value()
    assert docloop.services.store.tokens.find(secret, time.time()) is not None
    page.get_by_role("button", name="I have it").click()
    expect(page.locator("[data-key^=token-]")).to_contain_text("dashboard")
    assert secret not in page.content()
    assert page.locator("#secret-text").input_value() == ""
    page.get_by_role("button", name="Revoke").click()
    sure(page, "Revoke")
    expect(page.get_by_role("heading", name="Revoked or expired")).to_be_visible()
    assert docloop.services.store.tokens.find(secret, time.time()) is None


def test_hostile_texts_stay_texts_everywhere(page: Page, docloop: Installation) -> None:
    words = Words(
        HOSTILE, (HOSTILE, f"total {HOSTILE}"), HOSTILE, HOSTILE, HOSTILE, f"The fault {HOSTILE}", "wrong field"
    )
    project = fill(docloop.services, 13, words)
    docloop.services.store.tokens.create(HOSTILE[:64], "read", time.time())
    begin_training(docloop.services, project, 0.5)
    docloop.services.store.runs.heartbeat(1, 1, time.time(), HOSTILE, 0.5)
    for address in ("/admin", "/admin/projects/13", "/admin/exports", "/admin/tokens", "/admin/system"):
        page.goto(address)
        with page.expect_response("**live=1*"):
            pass
    page.goto("/admin/projects/13")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(page.locator("[data-key=recommended]")).to_contain_text(HOSTILE[:40])
    expect(page.locator("[data-key=rounds]")).to_contain_text(HOSTILE)
    expect(page.locator("[data-key=verdict]")).to_contain_text(f"The fault {HOSTILE}")
    page.locator("[data-key=version-fields-1]").get_by_role("button", name="Promote").click()
    expect(page.locator("#confirm-detail")).to_contain_text(HOSTILE)
    sure(page, "Leave it")
    page.get_by_role("button", name="Pause").click()
    sure(page, "Pause")
    said(page, f"“{HOSTILE.replace('{version}', '')}” rests until you resume it.")
    page.goto("/admin/tokens")
    page.get_by_role("button", name="Revoke").click()
    sure(page, "Revoke")
    expect(page.locator("#said-text")).to_contain_text("opens nothing from now on")
    assert page.locator("img[src=x], svg[onload], main b > script").count() == 0


def test_everything_can_be_done_with_the_keyboard_alone(page: Page, docloop: Installation) -> None:
    page.goto("/admin/projects/7")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # to the projects,
    page.keyboard.press("Tab")  # to the link into Label Studio,
    page.keyboard.press("Tab")
    train = page.get_by_role("button", name="Train now")
    expect(train).to_be_focused()
    outline = "el => getComputedStyle(el).outlineStyle + getComputedStyle(el).outlineWidth"
    assert train.evaluate(outline) == "solid3px"
    page.keyboard.press("Enter")
    expect(page.locator("#confirm")).to_be_visible()
    page.keyboard.press("Escape")
    expect(train).to_be_focused()
    assert docloop.services.store.runs.requests() == []
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#confirm").get_by_role("button", name="Train")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Cancel training")).to_be_visible()
    assert len(docloop.services.store.runs.requests()) == 1
    assert page.evaluate("document.activeElement !== document.body"), "the focus is not lost with the button that went"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page_and_in_any_dialog(
    page: Page, docloop: Installation, watched: Watched, theme: str
) -> None:
    docloop.services.store.projects.update(docloop.project.uid, fault="Label Studio refused.", fault_since=1.7e9)
    begin_training(docloop.services, docloop.project, 0.4)
    docloop.services.store.tokens.create("grafana", "read", time.time())
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    found: dict[str, object] = {}
    for address in PAGES:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        found[address] = violations(page)
        for opener in page.locator("[data-open]").all():
            opener.click()
            found[f"{address} {opener.inner_text()}"] = violations(page)
            page.keyboard.press("Escape")
        if page.locator("[data-ask]").count():
            page.locator("[data-ask]").first.click()
            found[f"{address} question"] = violations(page)
            page.keyboard.press("Escape")
    page.context.clear_cookies()
    page.goto("/login")
    found["/login"] = violations(page)
    watched.faults.clear()  # /favicon.ico is refused there
    assert {place: each for place, each in found.items() if each} == {}


def violations(page: Page) -> list[str]:
    """What axe-core says against WCAG 2.2 AA and good practice."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document).then(found => found.violations)")
    return [f"{each['id']}: {json.dumps([node['html'][:120] for node in each['nodes']])}" for each in found]


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_nothing_is_wider_than_the_screen_and_fingers_hit_what_they_mean(
    page: Page, docloop: Installation, width: int
) -> None:
    fill(docloop.services, 13, Words(HOSTILE, (HOSTILE, "x" * 90), "y" * 200, "z" * 150, "w" * 200, "v" * 300))
    page.set_viewport_size({"width": width, "height": 800})
    for address in (*PAGES, "/admin/projects/13"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (address, page.evaluate(WIDE))
        small = page.evaluate(
            "[...document.querySelectorAll('main button, nav a, header button')].filter(el => el.offsetHeight < 44)"
            ".map(el => el.outerHTML)"
        )
        assert small == [], address
