"""Importing, with a Label Studio in memory and the real page loader."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tenacity import wait_none

from builders import interface, png
from docloop.import_files import FailedSources, Import, ImportReport
from ml_backend.errors import FetchRefused
from ml_backend.images.loader import PageLoader
from ml_backend.label_studio.client import TaskRow


class MemoryLabelStudio:
    def __init__(self) -> None:
        self.data: list[Mapping[str, Any]] = []
        self.uploads: list[tuple[str, str]] = []

    def tasks(self, project_id: int) -> Iterator[TaskRow]:
        yield from (TaskRow(number, data) for number, data in enumerate(self.data, 1))

    def upload(self, project_id: int, name: str, data: bytes, kind: str) -> str:
        self.uploads.append((name, kind))
        return f"/data/upload/{project_id}/{name}"

    def import_tasks(self, project_id: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        self.data += [task["data"] for task in tasks]
        return []


@pytest.fixture(scope="module")
def loader() -> Iterator[PageLoader]:
    with PageLoader(children=1) as loader:
        yield loader


def tiff(pages: int) -> bytes:
    first, *rest = [Image.new("RGB", (20, 30), (shade, 0, 0)) for shade in range(0, 10 * pages, 10)]
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=rest)
    return buffer.getvalue()


def run(
    loader: PageLoader, there: MemoryLabelStudio, sources: list[str], fetch: Any = None, paged: bool = False
) -> ImportReport:
    job = Import(there, loader, fetch, 7, interface("total", paged=paged), wait_none())  # type: ignore[arg-type]  # the twin
    report = ImportReport()
    job.run(sources, report, lambda: None)
    return report


def write(folder: Path, name: str, data: bytes) -> str:
    (folder / name).write_bytes(data)
    return str(folder / name)


def test_a_picture_is_uploaded_as_it_is_and_known_the_next_time(tmp_path: Path, loader: PageLoader) -> None:
    there = MemoryLabelStudio()
    sources = [
        write(tmp_path, "a.png", png("A")),
        write(tmp_path, "same.png", png("A")),
        write(tmp_path, "b.png", png("B")),
    ]
    first = run(loader, there, sources)
    again = run(loader, there, sources)
    assert (first.imported, first.skipped, again.imported, again.skipped) == (2, 1, 0, 3)
    assert there.uploads == [("a.png", "image/png"), ("b.png", "image/png")]
    assert there.data[0]["image"] == "/data/upload/7/a.png"


def test_several_pages_are_one_task_where_the_interface_has_pages(tmp_path: Path, loader: PageLoader) -> None:
    there = MemoryLabelStudio()
    run(loader, there, [write(tmp_path, "scan.tiff", tiff(2))], paged=True)
    assert [data["pages"] for data in there.data] == [["/data/upload/7/scan-p1.png", "/data/upload/7/scan-p2.png"]]


def test_several_pages_are_a_task_each_where_it_shows_one_image(tmp_path: Path, loader: PageLoader) -> None:
    there = MemoryLabelStudio()
    source = write(tmp_path, "scan.tiff", tiff(2))
    assert run(loader, there, [source]).imported == 1
    assert [(data["image"], data["page"]) for data in there.data] == [
        ("/data/upload/7/scan-p1.png", 1),
        ("/data/upload/7/scan-p2.png", 2),
    ]
    assert run(loader, there, [source]).skipped == 1


def test_a_broken_file_is_reported_and_the_others_are_imported(tmp_path: Path, loader: PageLoader) -> None:
    there = MemoryLabelStudio()
    bad = write(tmp_path, "bad.png", b"<html>")
    report = run(loader, there, [bad, write(tmp_path, "good.png", png("A"))])
    assert report.imported == 1
    assert list(report.failed) == [bad]
    assert len(there.data) == 1


def test_a_url_that_fails_for_a_moment_is_tried_again_and_a_refused_one_is_not(loader: PageLoader) -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        if "flaky" in url and len(asked) < 3:
            raise FetchRefused("fetch_timeout", "slow")
        if "never" in url:
            raise FetchRefused("url_address_refused", "no")
        return png("A")

    there = MemoryLabelStudio()
    report = run(loader, there, ["http://x/flaky.png", "http://x/never.png"], fetch)
    assert asked == ["http://x/flaky.png"] * 3 + ["http://x/never.png"]
    assert (report.imported, list(report.failed)) == (1, ["http://x/never.png"])


def test_what_failed_stays_on_the_list_until_it_is_tried_again(tmp_path: Path) -> None:
    def report(tried: list[str], *failed: str) -> ImportReport:
        return ImportReport(tried, failed={source: FetchRefused("fetch_timeout", "slow") for source in failed})

    failures = FailedSources(tmp_path / "imports" / "failed.txt")
    assert failures.read() == []
    failures.update(report(["http://x/a", "http://x/b", "c.png"], "http://x/b", "c.png"))
    failures.update(report(["http://x/d"]))
    assert failures.read() == ["http://x/b", str(Path("c.png").absolute())]
    failures.update(report(["http://x/b", "c.png"], "c.png"))
    assert failures.read() == [str(Path("c.png").absolute())]


def test_a_name_that_is_no_utf8_is_imported_all_the_same(tmp_path: Path, loader: PageLoader) -> None:
    there = MemoryLabelStudio()
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    Path(path).write_bytes(png("A"))
    assert run(loader, there, [path]).imported == 1
    assert there.data[0]["filename"].encode() == "caf\ufffd.png".encode()
