"""What an annotator sees on the labelling page."""

from __future__ import annotations

from collections.abc import Iterable

from playwright.sync_api import BrowserContext, Page, expect


def open_task(browser: BrowserContext, project: int, task: int) -> Page:
    """The labelling page of a task, with its regions shown."""
    page = browser.new_page()
    page.goto(f"/projects/{project}/data?task={task}")
    return page


def expect_regions(page: Page, regions: Iterable[tuple[str, str]]) -> None:
    """The list of regions shows exactly these (label, text), in this order, each text visible and editable."""
    regions = list(regions)
    rows = page.get_by_role("treeitem")
    expect(rows).to_have_count(len(regions))
    for number, (label, text) in enumerate(regions):
        row = rows.nth(number)
        expect(row).to_contain_text(label)
        expect(row.get_by_role("textbox")).to_have_value(text)
        expect(row.get_by_role("textbox")).to_be_editable()
