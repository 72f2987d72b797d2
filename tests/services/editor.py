"""What an annotator sees on the labelling page."""

from __future__ import annotations

from collections.abc import Iterable

from playwright.sync_api import BrowserContext, Page, expect

from ml_backend.document.geometry import Box


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


def draw_box(page: Page, size: tuple[int, int], box: Box) -> None:
    """Drag the mouse around ``box`` of a picture of ``size`` pixels; it stands at the left of the canvas, as high as that."""
    place = page.locator(".konvajs-content").first.bounding_box()
    assert place is not None
    height, width = place["height"], place["height"] * size[0] / size[1]
    left, right = place["x"] + box.left * width - 4, place["x"] + box.right * width + 4
    top, bottom = place["y"] + box.top * height - 4, place["y"] + box.bottom * height + 4
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move((left + right) / 2, (top + bottom) / 2, steps=5)
    page.mouse.move(right, bottom, steps=5)
    page.mouse.up()
