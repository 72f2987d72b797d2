"""The picture of the labelling editor in the README, taken of a demo that runs: ``make demo``, then

    .venv/bin/python docs/make_editor_screenshot.py [--url http://localhost:8080] [--demo .demo]

Writes ``docs/screenshot.png``: the task that comes first, one of its fields chosen, as annotators see it. It needs Chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from docloop.label_studio_login import stored_login

DOCS = Path(__file__).parent
SCREEN, SIZE = (1550, 1095), (1240, 876)  # pixels: of the browser, of the picture


def take(url: str, demo: Path, target: Path) -> None:
    """Log in as the demo's user, open the first task and choose its fourth region."""
    login = stored_login(demo / "label-studio")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(base_url=url, viewport={"width": SCREEN[0], "height": SCREEN[1]})
        page.goto("/user/login/")
        page.fill("input[name=email]", login.username)
        page.fill("input[name=password]", login.password)
        page.click("button[type=submit]")
        page.wait_for_url(lambda address: "/user/login" not in address)
        page.goto("/projects/1/data?labeling=1")
        page.locator(".lsf-outliner-item").nth(3).click()
        page.mouse.move(0, 0)
        page.wait_for_timeout(2000)  # the picture is drawn on a canvas, which says nothing of when it is ready
        seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)
        seen.save(target, optimize=True)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://localhost:8080")
    parser.add_argument("--demo", type=Path, default=DOCS.parent / ".demo")
    parser.add_argument("--out", type=Path, default=DOCS / "screenshot.png")
    given = parser.parse_args()
    take(given.url, given.demo, given.out)


if __name__ == "__main__":
    main()
