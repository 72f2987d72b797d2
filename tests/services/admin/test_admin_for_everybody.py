"""The admin page in a real browser: hostile texts stay texts; keyboard, screen reader, dark mode and phone do."""

from __future__ import annotations

import json
import time
from pathlib import Path

import axe_playwright_python.base
import pytest
from admin_pages import Installation, Watched, said, sure
from filled_installation import Words, begin_training, fill
from playwright.sync_api import Page, expect

PAGES = ("/admin", "/admin/projects/7", "/admin/exports", "/admin/tokens", "/admin/system")
AXE = Path(axe_playwright_python.base.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
HOSTILE = """</textarea></script></title><img src=x onerror=alert(1)><svg/onload=alert(2)>"'{{7*7}}<b>{version}"""
WIDE = """[...document.querySelectorAll("body *")].filter(el => el.getBoundingClientRect().right > innerWidth + 0.5)
    .map(el => el.outerHTML.slice(0, 90))"""


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
