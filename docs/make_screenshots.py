"""The pictures of the admin page in the documentation: a made installation, a real web process, a real browser.

    .venv/bin/python docs/make_screenshots.py [FOLDER] [--all]

Writes ``admin-*.png`` into FOLDER (docs/pictures by default); with ``--all`` every page in light and dark, on a desk and a phone,
to look at. It needs Chromium (``apt install chromium``), and talks to itself alone. ``take`` takes pictures of any docloop.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from werkzeug.serving import make_server

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from fake_label_studio import FakeLabelStudio  # noqa: E402
from filled_installation import Words, begin_training, fill, xml  # noqa: E402
from served_label_studio import TOKEN, served  # noqa: E402

from ml_backend.ocr.fake import FakeEngine  # noqa: E402
from ml_backend.services import Services, build_services, read_interface  # noqa: E402
from ml_backend.settings import load_settings  # noqa: E402
from ml_backend.status import WORKER  # noqa: E402
from ml_backend.store.records import ProjectRecord  # noqa: E402
from ml_backend.web.app import create_app  # noqa: E402

USER, PASSWORD = "docloop", "only-for-pictures"
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: ``dialog`` is opened first; ``whole`` shows the whole page, however long it is."""

    name: str
    path: str
    theme: Literal["light", "dark"] = "light"
    phone: bool = False
    dialog: str = ""
    whole: bool = False


FOR_DOCS = (
    Shot("admin-overview", "/admin"),
    Shot("admin-project", "/admin/projects/7", whole=True),
    Shot("admin-project-dark", "/admin/projects/7", "dark"),
    Shot("admin-phone", "/admin/projects/7", phone=True),
    Shot("admin-connect", "/admin", dialog="connect"),
    Shot("admin-system", "/admin/system"),
)
PAGES = {
    "overview": "/admin",
    "project": "/admin/projects/7",
    "new": "/admin/projects/9",
    "faulty": "/admin/projects/8",
    "exports": "/admin/exports",
    "tokens": "/admin/tokens",
    "system": "/admin/system",
}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
EVERYTHING = tuple(
    Shot(f"{name}-{theme}-{'phone' if phone else 'desk'}", path, theme, phone, whole=True)
    for name, path in PAGES.items()
    for theme in THEMES
    for phone in (False, True)
)


@contextmanager
def installation(folder: Path, all_is_well: bool) -> Iterator[str]:
    """The address of a docloop with three projects, a training that runs, workers and tokens."""
    there = FakeLabelStudio()
    there.add_project("Invoices of 2025", xml(("total",)))
    with served(there) as label_studio:
        environment = {
            "DOCLOOP_LABEL_STUDIO_URL": label_studio,
            "DOCLOOP_LABEL_STUDIO_TOKEN": TOKEN,
            "DOCLOOP_LABEL_STUDIO_PUBLIC_URL": "http://localhost:8080",
            "DOCLOOP_PASSWORD": PASSWORD,
        }
        services = build_services(load_settings(environment, data_dir=folder), engine=FakeEngine([]))
        live(services, all_is_well)
        server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.port}"
        finally:
            server.shutdown()
            services.close()


def live(services: Services, all_is_well: bool) -> None:
    """Some weeks of work, as the store has them."""
    now = time.time()
    begin_training(services, fill(services, 7, now=now), 0.45, now)
    fault = "Label Studio does not take docloop's token (401). Make a new one and set DOCLOOP_LABEL_STUDIO_TOKEN."
    fill(services, 8, Words(title="Delivery notes", fault="" if all_is_well else fault), now)
    config = xml(("company", "total"))
    fingerprint = read_interface(config).fingerprint
    new = ProjectRecord("9.1795000009", 9, "Invoices 2026", fingerprint, config, looked_at=now - 9)
    services.store.projects.put(new)
    tokens = services.store.tokens
    tokens.create("dashboard", "read", now - 8e5, 365)
    tokens.create("nightly export", "train", now - 6e5, None, "anna@example.com")
    tokens.revoke("dashboard", now - 1e5)
    tokens.create("grafana", "read", now - 9e4)
    for name in ("office-4711", "gpu-202"):
        services.store.leases.take(f"{WORKER}{name}", name, now, 3600)
    services.access.client()  # imports the SDK, which takes seconds


def take(browser: Browser, url: str, folder: Path, wanted: Sequence[Shot], login: tuple[str, str]) -> list[Path]:
    """Pictures of the docloop at ``url``, seen by who logs in with this name and password; their files."""
    made = []
    for theme in dict.fromkeys(shot.theme for shot in wanted):
        context = browser.new_context(base_url=url, color_scheme=theme, viewport=DESK)
        page = context.new_page()
        log_in(page, login)
        for shot in [each for each in wanted if each.theme == theme]:
            page.set_viewport_size(PHONE if shot.phone else DESK)
            page.goto(shot.path)
            page.wait_for_load_state("networkidle")
            if shot.dialog:
                page.click(f"[data-open={shot.dialog}]")
                page.wait_for_load_state("networkidle")
            made.append(folder / f"{shot.name}.png")
            page.screenshot(path=made[-1], full_page=shot.whole)
            with Image.open(made[-1]) as picture:
                picture.convert("RGB").quantize(128).save(made[-1], optimize=True)
        context.close()
    return made


def log_in(page: Page, login: tuple[str, str]) -> None:
    """Through the form; leads to the first page."""
    page.goto("/login")
    page.get_by_label("User name").fill(login[0])
    page.get_by_label("Password").fill(login[1])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--all", action="store_true")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    shots = EVERYTHING if asked.all else FOR_DOCS
    with (
        tempfile.TemporaryDirectory() as data,
        installation(Path(data), not asked.all) as url,
        sync_playwright() as play,
    ):
        arguments = ["--headless", "--no-sandbox", "--disable-gpu"]
        browser = play.chromium.launch(executable_path=executable, args=arguments)
        for path in take(browser, url, asked.folder, shots, (USER, PASSWORD)):
            print(path)
        browser.close()


if __name__ == "__main__":
    main()
