"""The admin page in a real browser: people act, it says what came of it, and it keeps itself up to date."""

from __future__ import annotations

import re
import time

from admin_pages import Installation, Watched, log_in, said, serving, sure
from filled_installation import begin_training
from loop_parts import Loop
from playwright.sync_api import Browser, Page, expect
from waiting import until

from ml_backend.jobs.queue import JobQueue
from ml_backend.pausing import paused
from ml_backend.services import Services


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


def test_where_docloop_takes_a_question_and_never_answers_the_page_says_so(page: Page) -> None:
    page.clock.install()
    page.goto("/admin/tokens")
    with page.expect_request("**/admin/tokens?live=1*"):
        page.route("**/admin/tokens?live=1*", lambda route: None)
        page.clock.fast_forward(4_000)
    page.clock.fast_forward(21_000)
    expect(page.locator("#offline")).to_contain_text("docloop does not answer since", timeout=5_000)
    page.unroute_all(behavior="ignoreErrors")
    page.clock.fast_forward(13_000)
    expect(page.locator("#offline")).to_be_hidden()


def test_a_project_that_is_forgotten_meanwhile_is_no_silence_of_docloop(
    page: Page, docloop: Installation, watched: Watched
) -> None:
    page.goto("/admin/projects/7")
    docloop.services.store.projects.remove(docloop.project.uid)
    expect(page.locator("main")).to_contain_text("docloop does not follow project 7.")
    expect(page.locator("#offline")).to_be_hidden()
    watched.refused(404)


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


def test_a_button_whose_deed_takes_long_is_not_pressed_twice(page: Page, docloop: Installation) -> None:
    page.goto("/admin/projects/7")
    deeds: list[str] = []
    page.route("**/rollback", lambda route: deeds.append(route.request.method))  # a bucket that is slow to answer
    button = page.get_by_role("button", name="Roll back").first
    button.click()
    sure(page, "Roll back")
    begin_training(docloop.services, docloop.project, 0.4)
    expect(page.locator("main progress")).to_have_attribute("value", "0.4")  # the page is another one by now
    expect(button).to_have_attribute("aria-disabled", "true")
    button.click(force=True)
    expect(page.locator("#confirm")).to_be_hidden()
    assert deeds == ["POST"]
    page.unroute_all(behavior="ignoreErrors")


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
    expect(page.get_by_label("Token", exact=True)).to_have_value(re.compile("^docloop_"))
    secret = page.get_by_label("Token", exact=True).input_value()
    assert docloop.services.store.tokens.find(secret, time.time()) is not None
    page.get_by_role("button", name="I have it").click()
    expect(page.locator("[data-key^=token-]")).to_contain_text("dashboard")
    assert secret not in page.content()
    expect(page.locator("#secret-text")).to_have_value("")
    page.get_by_role("button", name="Revoke").click()
    sure(page, "Revoke")
    expect(page.get_by_role("heading", name="Revoked or expired")).to_be_visible()
    assert docloop.services.store.tokens.find(secret, time.time()) is None
