"""The pictures of the admin page in the documentation: a made installation, a real web process, a real browser.

    .venv/bin/python docs/make_screenshots.py [FOLDER] [--all]

Writes ``admin-*.png`` into FOLDER (docs/pictures by default); ``--all`` every page in light, dark and at a phone's width. It needs
Chromium (``apt install chromium``), and talks to itself alone. ``shots`` may be used for other pages of docloop.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, sync_playwright
from werkzeug.serving import make_server

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from fake_label_studio import FakeLabelStudio  # noqa: E402
from filled_installation import Words, begin_training, fill  # noqa: E402
from served_label_studio import TOKEN, served  # noqa: E402

from ml_backend.ocr.fake import FakeEngine  # noqa: E402
from ml_backend.services import Services, build_services  # noqa: E402
from ml_backend.settings import load_settings  # noqa: E402
from ml_backend.status import WORKER  # noqa: E402
from ml_backend.web.app import create_app  # noqa: E402

PASSWORD = "only-for-pictures"  # noqa: S105
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: ``open`` is the id of a dialog that is opened first, ``whole`` the whole page, however long."""

    name: str
    path: str
    theme: str = "light"
    screen: ViewportSize = None  # type: ignore[assignment]
    open: str = ""
    whole: bool = True


FOR_DOCS = (
    Shot("admin-overview", "/admin", whole=False),
    Shot("admin-project", "/admin/projects/7"),
    Shot("admin-project-dark", "/admin/projects/7", "dark", whole=False),
    Shot("admin-phone", "/admin/projects/7", screen=PHONE, whole=False),
    Shot("admin-connect", "/admin", open="connect", whole=False),
    Shot("admin-system", "/admin/system", whole=False),
)
PAGES = {
    "overview": "/admin",
    "project": "/admin/projects/7",
    "empty": "/admin/projects/9",
    "exports": "/admin/exports",
    "tokens": "/admin/tokens",
    "system": "/admin/system",
    "login": "/login",
}
EVERYTHING = tuple(
    Shot(f"{name}-{theme}-{width}", path, theme, screen)
    for name, path in PAGES.items()
    for theme in ("light", "dark")
    for width, screen in (("desktop", DESKTOP), ("phone", PHONE))
)


@contextmanager
def installation(folder: Path) -> Iterator[str]:
    """The address of a docloop with two projects, a training that runs, tokens and exports."""
    there = FakeLabelStudio()
    with served(there) as label_studio:
        environment = {
            "DOCLOOP_LABEL_STUDIO_URL": label_studio,
            "DOCLOOP_LABEL_STUDIO_TOKEN": TOKEN,
            "DOCLOOP_LABEL_STUDIO_PUBLIC_URL": "http://localhost:8080",
            "DOCLOOP_PASSWORD": PASSWORD,
        }
        services = build_services(load_settings(environment, data_dir=folder), engine=FakeEngine([]))
        _fill(services)
        server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.port}"
        finally:
            server.shutdown()
            services.close()


def _fill(services: Services) -> None:
    now = time.time()
    receipts = fill(services, 7, now=now)
    begin_training(services, receipts, 0.45, now)
    fill(services, 8, Words(title="Delivery notes"), now)
    from filled_installation import xml

    from ml_backend.services import read_interface
    from ml_backend.store.records import ProjectRecord

    config = xml(("company", "total"))
    fingerprint = read_interface(config).fingerprint
    services.store.projects.put(ProjectRecord("9.1795000009", 9, "Invoices 2026", fingerprint, config, looked_at=now - 9))
    tokens = services.store.tokens
    tokens.create("dashboard", "read", now - 8e5, 365)
    tokens.create("nightly export", "train", now - 6e5, None, "anna@example.com")
    tokens.revoke("dashboard", now - 1e5)
    tokens.create("grafana", "read", now - 9e4)
    for name in ("docloop-host-4711", "gpu-host-202"):
        services.store.leases.take(f"{WORKER}{name}", name, now, 3600)


def shots(browser: Browser, url: str, folder: Path, wanted: Sequence[Shot], login: Mapping[str, str]) -> list[Path]:
    """Take the pictures at ``url`` after a login with these fields; the files."""
    made = []
    for theme in dict.fromkeys(shot.theme for shot in wanted):
        context = browser.new_context(base_url=url, color_scheme=theme)  # type: ignore[arg-type]
        page = context.new_page()
        for shot in [each for each in wanted if each.theme == theme and each.path == "/login"]:
            page.set_viewport_size(shot.screen or DESKTOP)
            page.goto("/login")
            page.screenshot(path=folder / f"{shot.name}.png")
        page.goto("/login")
        for name, value in login.items():
            page.fill(f"input[name={name}]", value)
        page.click("button[type=submit]")
        page.wait_for_url("**/admin")
        for shot in [each for each in wanted if each.theme == theme and each.path != "/login"]:
            page.set_viewport_size(shot.screen or DESKTOP)
            page.goto(shot.path)
            page.wait_for_load_state("networkidle")
            if shot.open:
                page.click(f"[data-open={shot.open}]")
            made.append(folder / f"{shot.name}.png")
            page.screenshot(path=made[-1], full_page=shot.whole)
        context.close()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--all", action="store_true")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as data, installation(Path(data)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--headless", "--no-sandbox", "--disable-gpu"])
        for path in shots(
            browser,
            url,
            asked.folder,
            EVERYTHING if asked.all else FOR_DOCS,
            {"user": "docloop", "password": PASSWORD},
        ):
            print(path)
        browser.close()


if __name__ == "__main__":
    main()
