"""Ground truth from elsewhere on its way into the loop: a Label Studio in memory, the real page loader, the real worker."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_label_studio import FakeLabelStudio
from fake_label_studio_routes import FakeTransport
from loop_parts import CONFIG, INTERFACE, FakeAccess, Loop
from made_receipts import made_receipt
from PIL import Image
from typer.testing import CliRunner

from builders import interface, interface_xml, png
from docloop import cli
from docloop.import_files import Import
from docloop.import_truth import TruthImport, TruthReport
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.errors import DocloopError, ExportRefused
from ml_backend.exports.ground_truth import field_of
from ml_backend.images.loader import PageLoader
from ml_backend.images.pages import content_of
from ml_backend.imports.formats import find
from ml_backend.jobs.queue import JobQueue
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.results import from_results
from ml_backend.services import Services

SIZE = (300, 80)  # of builders.png
TOTAL = Field("total", "12.50", Box(0.1, 0.25, 0.5, 0.5))


@pytest.fixture(scope="module")
def loader() -> Iterator[PageLoader]:
    with PageLoader(children=1) as loader:
        yield loader


@dataclass
class Place:
    """A project of a Label Studio in memory, whose page pictures are ``files`` by URL."""

    loader: PageLoader
    there: FakeLabelStudio = field(default_factory=FakeLabelStudio)
    interface: Interface = field(default_factory=lambda: interface("total", "date"))
    files: dict[str, bytes] = field(default_factory=dict)
    project: int = 0
    client: LabelStudio | None = None  # the fake's own, unless another one is set

    def __post_init__(self) -> None:
        if not self.project:
            self.project = self.there.add_project("Receipts", interface_xml("total", "date"))

    def take(self, path: Path, contents: dict[str, int] | None = None, **labels: str) -> TruthReport:
        reader, folder, files = find(path)
        into = Import(
            self.client or self.there.client(), self.loader, self.files.__getitem__, self.project, self.interface
        )
        report = TruthReport()
        rows = [row for name in files for row in reader.rows(folder, name)]
        TruthImport(into, reader, folder, labels, contents or {}).run(rows, report, lambda: None)
        return report

    def fields(self) -> dict[str, tuple[Field, ...]]:
        """By the picture's name; every annotation is ground truth."""
        found = {}
        for one in self.there.annotations.values():
            assert one.ground_truth
            assert one.lead_time is None
            found[str(self.there.tasks[one.task].data["image"])] = from_results(one.result)
        return found


def counts(report: TruthReport) -> tuple[int, int, int, dict[str, str]]:
    failed = {row: error.code for row, error in report.failed.items()}
    return report.imported, report.annotated, report.skipped, failed


def funsd(folder: Path, pages: dict[str, Sequence[tuple[str, str, list[int]]]]) -> Path:
    """A folder as the FUNSD data set has it; a picture is made of its name."""
    for sub in ("annotations", "images"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    for name, entries in pages.items():
        form = [{"label": label, "text": text, "box": box, "words": [], "linking": []} for label, text, box in entries]
        (folder / "annotations" / f"{name}.json").write_text(json.dumps({"form": form}), "utf-8")
        (folder / "images" / f"{name}.png").write_bytes(png(name.encode("utf-8", "replace").decode()))
    return folder


def line(name: str, content: str = "", *fields: Field, **more: Any) -> str:
    said = {"filename": name, "image_sha256": content, "approved": True, "final_result": [field_of(f) for f in fields]}
    return json.dumps({**said, **more}) + "\n"


def content(loader: PageLoader, data: bytes) -> str:
    return content_of([page.digest for page in loader.pages(data)])


@pytest.mark.slow
def test_funsd_becomes_annotated_tasks_once_and_bad_files_are_named(tmp_path: Path, loader: PageLoader) -> None:
    place = Place(loader)
    folder = funsd(
        tmp_path,
        {
            "a": [("answer", "12.50", [30, 20, 150, 40]), ("other", "Thank you", [0, 0, 9, 9])],
            "b": [("header", "?", [0, 0, 9, 9])],
            "c": [("answer", "1", [0, 0, 999, 9])],
            "d": [("other", "nothing", [0, 0, 9, 9])],
            "e": [("answer", "1", [0, 0, 9, 9])],
        },
    )
    (folder / "images" / "e.png").unlink()
    failed = {
        "annotations/b.json": "truth_label_unknown",
        "annotations/c.json": "truth_box_outside",
        "annotations/d.json": "truth_without_fields",
        "annotations/e.json": "truth_without_image",
    }
    assert counts(place.take(folder, answer="total")) == (1, 0, 0, failed)
    assert place.fields() == {"/data/upload/1/0-a.png": (TOTAL,)}
    (task,) = place.there.tasks.values()
    assert task.data["sha256"] == hashlib.sha256(png("a")).hexdigest()
    assert task.data["truth_from"] == "annotations/a.json"
    assert counts(place.take(folder, answer="total")) == (0, 0, 1, failed)
    assert len(place.there.tasks) == len(place.there.annotations) == 1


def test_a_label_that_the_interface_lacks_is_refused_with_the_known_ones(tmp_path: Path, loader: PageLoader) -> None:
    place = Place(loader)
    report = place.take(funsd(tmp_path, {"a": [("answer", "1", [0, 0, 9, 9])]}))
    assert "it has: total, date" in str(report.failed["annotations/a.json"])
    assert "--map answer=NAME;" in report.failed["annotations/a.json"].fix
    with pytest.raises(ExportRefused, match="'sum'"):
        place.take(tmp_path, answer="sum")
    assert not place.there.tasks


def test_a_label_that_is_mapped_to_nothing_is_left_out_with_its_fields(tmp_path: Path, loader: PageLoader) -> None:
    place = Place(loader)
    (tmp_path / "a.png").write_bytes(png("a"))
    (tmp_path / "truth.jsonl").write_text(line("a.png", "", TOTAL, replace(TOTAL, label="first_item", text="Tea")))
    assert counts(place.take(tmp_path))[3] == {"truth.jsonl, line 1": "truth_label_unknown"}
    assert (counts(place.take(tmp_path, first_item=""))[0], *place.fields().values()) == (1, (TOTAL,))


def test_a_document_that_is_there_is_annotated_unless_somebody_did_it_before(
    tmp_path: Path, loader: PageLoader
) -> None:
    place = Place(loader)
    data = {name: {"image": f"/{name}.png", "sha256": hashlib.sha256(png(name)).hexdigest()} for name in "abc"}
    a, b, c = place.there.add_tasks(place.project, list(data.values()))
    done = place.there.annotate(a, [])
    place.there.annotate(b, [], was_cancelled=True)
    place.there.annotations[done].ground_truth = True  # for fields() below
    folder = funsd(tmp_path, {name: [("total", "12.50", [30, 20, 150, 40])] for name in "ab"})
    assert counts(place.take(folder)) == (0, 1, 1, {})
    assert [one.task for one in place.there.annotations.values()] == [a, b, b]
    assert from_results(place.there.of_task(b)[1].result) == (TOTAL,)
    assert place.there.of_task(c) == []


def test_our_lines_find_their_documents_by_pixels_or_by_file_name_and_nothing_else(
    tmp_path: Path, loader: PageLoader
) -> None:
    place = Place(loader, files={"/a.png": png("a"), "/old.png": png("old")})
    a, old = place.there.add_tasks(place.project, [{"image": "/a.png"}, {"image": "/old.png"}])
    known = content(loader, png("a"))
    (tmp_path / "b.png").write_bytes(png("b"))
    (tmp_path / "truth.jsonl").write_text(
        line("a.png", known, TOTAL)
        + line("b.png", content(loader, png("b")), TOTAL)
        + line("b.png", "0" * 64, TOTAL)
        + line("gone.png", "1" * 64, TOTAL)
        + line("../b.png", "", TOTAL)
        + line("b.png", "", TOTAL, approved=False)
    )
    # Label Studio has given the number of "1111..." to another document since.
    report = place.take(tmp_path, {known: a, "1" * 64: old})
    failed = {
        "truth.jsonl, line 3": "truth_other_image",
        "truth.jsonl, line 4": "truth_without_image",
        "truth.jsonl, line 5": "truth_path_refused",
        "truth.jsonl, line 6": "truth_not_approved",
    }
    assert counts(report) == (1, 1, 0, failed)
    assert "--images" in report.failed["truth.jsonl, line 4"].fix
    assert place.fields() == {"/a.png": (TOTAL,), "/data/upload/1/0-b.png": (TOTAL,)}


def tiff() -> bytes:
    first, second = (Image.new("RGB", SIZE, color) for color in ("white", "red"))
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=[second])
    return buffer.getvalue()


@pytest.mark.parametrize("paged", [True, False])
def test_pages_get_their_own_fields_in_one_task_or_in_one_each(tmp_path: Path, loader: PageLoader, paged: bool) -> None:
    place = Place(loader, interface=interface("total", "date", paged=paged))
    (tmp_path / "scan.tiff").write_bytes(tiff())
    second = replace(TOTAL, text="7", page=1)
    whole = content(loader, tiff())
    (tmp_path / "truth.jsonl").write_text(line("scan.tiff", whole, TOTAL, second))
    assert counts(place.take(tmp_path)) == (1, 0, 0, {})
    found = [from_results(one.result) for one in place.there.annotations.values()]
    assert found == ([(TOTAL, second)] if paged else [(TOTAL,), (replace(second, page=0),)])


def test_a_line_about_one_page_of_a_file_makes_a_task_of_that_page(tmp_path: Path, loader: PageLoader) -> None:
    place = Place(loader)
    (tmp_path / "scan.tiff").write_bytes(tiff())
    page = list(loader.pages(tiff()))[1]
    (tmp_path / "truth.jsonl").write_text(line("scan.tiff", content_of([page.digest]), TOTAL))
    assert counts(place.take(tmp_path)) == (1, 0, 0, {})
    assert place.fields() == {"/data/upload/1/0-scan.png": (TOTAL,)}
    assert counts(place.take(tmp_path)) == (0, 0, 1, {})


def test_pages_that_are_tasks_already_get_their_own_fields(tmp_path: Path, loader: PageLoader) -> None:
    place = Place(loader)
    sha256 = hashlib.sha256(tiff()).hexdigest()
    pages = [{"image": f"/{page}.png", "page": page, "sha256": sha256} for page in (1, 2)]
    one, other = place.there.add_tasks(place.project, pages)
    (tmp_path / "scan.tiff").write_bytes(tiff())
    page = list(loader.pages(tiff()))[1]
    second = replace(TOTAL, text="7", page=1)
    (tmp_path / "a.jsonl").write_text(line("scan.tiff", content_of([page.digest]), TOTAL))
    assert counts(place.take(tmp_path)) == (0, 1, 0, {})
    assert [len(place.there.of_task(task)) for task in (one, other)] == [0, 1]
    (tmp_path / "a.jsonl").write_text(line("scan.tiff", "", TOTAL, second))
    assert counts(place.take(tmp_path)) == (0, 1, 0, {})
    assert place.fields() == {"/1.png": (TOTAL,), "/2.png": (TOTAL,)}


class Killed(BaseException):
    """As nobody in between may catch it, like kill -9."""


class Dying(FakeTransport):
    """Goes on until request number ``last``, which is lost or whose answer is."""

    def __init__(self, fake: FakeLabelStudio, last: int, answer_lost: bool) -> None:
        super().__init__(fake)
        self.left, self.answer_lost = last, answer_lost

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.left -= 1
        if not self.left and not self.answer_lost:
            raise Killed
        answer = super().handle_request(request)
        if not self.left:
            raise Killed
        return answer


@pytest.mark.slow
@pytest.mark.parametrize("answer_lost", [True, False], ids=["done", "not done"])
def test_wherever_an_import_is_killed_the_next_one_makes_each_task_and_annotation_once(
    tmp_path: Path, loader: PageLoader, answer_lost: bool
) -> None:
    (tmp_path / "scan.tiff").write_bytes(tiff())
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(png(name))
    whole = line("scan.tiff", "", TOTAL, replace(TOTAL, page=1))
    (tmp_path / "truth.jsonl").write_text(line("a.png", "", TOTAL) + whole + line("b.png", "", TOTAL) * 2)
    for last in count(1):
        place = Place(loader)
        place.there.add_tasks(place.project, [{"image": "/a", "sha256": hashlib.sha256(png("a")).hexdigest()}])
        place.client = LabelStudio(
            "http://label-studio.test", "legacy-token-123", 60, Dying(place.there, last, answer_lost)
        )
        try:
            place.take(tmp_path)
        except Killed:
            place.client = None
            assert place.take(tmp_path).failed == {}
            assert len(place.there.tasks) == 4
            assert [len(place.there.of_task(task)) for task in place.there.tasks] == [1] * 4
        else:
            break
    assert last > 10, "so many requests there were"


def test_a_line_of_rec_gt_takes_the_label_that_is_given_to_what_has_none(tmp_path: Path, loader: PageLoader) -> None:
    place = Place(loader)
    (tmp_path / "rec_gt.txt").write_text("crop_img/a_crop_0.png\t12.50\n")
    (tmp_path / "crop_img").mkdir()
    (tmp_path / "crop_img" / "a_crop_0.png").write_bytes(png("12.50"))
    assert place.take(tmp_path).failed["rec_gt.txt, line 1"].fix.count("--map =NAME;") == 1
    assert counts(place.take(tmp_path, **{"": "total"})) == (1, 0, 0, {})
    assert list(place.fields().values()) == [(replace(TOTAL, box=Box(0, 0, 1, 1)),)]


def test_azures_labels_go_with_the_document_beside_them(tmp_path: Path, loader: PageLoader) -> None:
    place = Place(loader)
    boxes = [[0.1, 0.25, 0.5, 0.25, 0.5, 0.5, 0.1, 0.5]]
    labels = [{"label": "Sum", "value": [{"page": 1, "text": "12.50", "boundingBoxes": boxes}]}]
    (tmp_path / "a.png.labels.json").write_text(json.dumps({"document": "/etc/passwd", "labels": labels}))
    (tmp_path / "a.png").write_bytes(png("a"))
    assert counts(place.take(tmp_path, Sum="total")) == (1, 0, 0, {})
    assert list(place.fields().values()) == [(TOTAL,)]


def test_the_loop_makes_samples_of_what_was_imported(
    tmp_path: Path, loader: PageLoader, services: Services, queue: JobQueue
) -> None:
    loop = Loop.of(services, queue, [], paper=lambda url: made_receipt(0))
    place = Place(loader, loop.there, INTERFACE, project=loop.project)
    truth = made_receipt(0).fields
    boxes = [[round(1000 * edge) for edge in (f.box.left, f.box.top, f.box.right, f.box.bottom)] for f in truth]
    funsd(tmp_path, {"a": [(f.label, f.text, box) for f, box in zip(truth, boxes, strict=True)]})
    (tmp_path / "images" / "a.png").write_bytes(png("a", (1000, 1000)))
    assert counts(place.take(tmp_path)) == (1, 0, 0, {})
    loop.turn()
    (sample,) = services.store.samples.load(loop.uid)
    assert [(f.label, f.text) for f in sample.fields] == [(f.label, f.text) for f in truth]
    assert all(one.box.iou(other.box) > 0.8 for one, other in zip(sample.fields, truth, strict=True))


def test_a_file_that_is_all_wrong_is_given_up_and_a_name_that_is_no_utf8_stops_nothing(
    tmp_path: Path, loader: PageLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docloop.import_truth._MOST_FAILED", 3)
    place = Place(loader)
    odd = os.fsdecode(b"caf\xe9")
    funsd(tmp_path / "odd", {odd: []})
    (tmp_path / "odd" / "annotations" / f"{odd}.json").write_text(
        json.dumps({"form": [{"label": "total", "text": "12.50", "box": [30, 20, 150, 40]}]})
    )
    assert counts(place.take(tmp_path / "odd")) == (1, 0, 0, {})
    (tmp_path / "truth.jsonl").write_text("{\n" * 9)
    report = place.take(tmp_path / "truth.jsonl")
    assert list(report.failed) == [f"truth.jsonl, line {number}" for number in (1, 2, 3)] + ["(the rest)"]


def test_rows_with_one_and_the_same_error_are_one_line() -> None:
    failed: dict[str, DocloopError] = {f"line {number}": ExportRefused("x", "No 'a'.") for number in range(1, 25)}
    failed["b"] = ExportRefused("x", "No 'b'.")
    said = {where: error.message for where, error in TruthReport(failed=failed).reasons()}
    assert said == {"24 rows (line 1; line 2; line 3; ...)": "No 'a'.", "b": "No 'b'."}


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_says_what_became_of_each_row_and_ends_with_status_1_if_one_failed(
    tmp_path: Path, services: Services, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    there = FakeLabelStudio()
    project = there.add_project("Receipts", CONFIG)
    services.access = FakeAccess(there)  # type: ignore[assignment]
    monkeypatch.setattr("ml_backend.services.build_services", lambda settings: services)
    (tmp_path / "truth.jsonl").write_text(
        line("a.png", "", replace(TOTAL, label="sum")) + "{\n" + line("\x1b]0;x\x07.png")
    )
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.png").write_bytes(png("a"))
    asked = ["import-truth", str(tmp_path / "truth.jsonl"), "--images", str(tmp_path / "scans"), "--map", "sum=total"]
    done = CliRunner().invoke(cli.app, [*asked, "--project", str(project), *["--json"] * as_json])
    assert done.exit_code == 1
    assert [one.ground_truth for one in there.annotations.values()] == [True]
    if as_json:
        said = json.loads(done.output)
        failed, _ = said.pop("failed")
        assert said == {"imported": 1, "annotated": 0, "skipped": 0}
        assert (failed["row"], failed["code"]) == ("truth.jsonl, line 2", "truth_malformed")
    else:
        assert "1 imported, 0 annotated, 0 there already, 2 failed." in done.output
        assert "truth.jsonl, line 2" in done.output
        assert "\x1b" not in done.output, "a name in a file of others must not steer the terminal"


def test_a_second_project_like_the_first_takes_what_no_interface_of_ours_has(
    tmp_path: Path, loader: PageLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = FakeLabelStudio()
    first = there.add_project("Receipts", config := interface_xml("total", "first_item"))
    monkeypatch.setattr("ml_backend.services.LabelStudioAccess", lambda settings: FakeAccess(there))
    like = ["create", "Second", "--like", str(first)]
    assert [CliRunner().invoke(cli.app, [*like, *more]).exit_code for more in (["-i", "invoice"], [])] == [2, 0]
    (second,) = {*there.projects} - {first}
    assert there.client().project(second).label_config == config
    (tmp_path / "a.png").write_bytes(png("a"))
    (tmp_path / "truth.jsonl").write_text(line("a.png", "", TOTAL, replace(TOTAL, label="first_item")))
    assert counts(Place(loader, there, interface("total", "first_item"), project=second).take(tmp_path))[0] == 1


def test_a_label_without_a_new_name_is_refused_before_anything_is_done() -> None:
    done = CliRunner().invoke(cli.app, ["import-truth", "x", "--project", "1", "--map", "sum"])
    assert done.exit_code == 2
    assert "old=new" in done.output
