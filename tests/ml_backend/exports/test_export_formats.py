"""Every format: the golden files, and what the contract says of all of them."""

from __future__ import annotations

import hashlib
import random
import re
import sys
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from exported_papers import BLANK, SPECS, TURNED, content_named, drawn, export, golden, held, paper, papers
from PIL import Image
from typer.testing import CliRunner

from builders import page
from docloop.cli import app
from ml_backend.document.elements import Word
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box, Quad
from ml_backend.errors import ExportRefused
from ml_backend.exports.base import Exporter, Labelled
from ml_backend.exports.folder import MANIFEST, ExportFolder
from ml_backend.exports.formats import exporter_named, exporters, formats
from ml_backend.exports.ready import ready

DOCS = (Path(__file__).parents[3] / "docs" / "exports.md").read_text(encoding="utf-8")
HEAVY = {"hf-dataset"}
EACH = pytest.mark.parametrize(
    "exporter",
    [pytest.param(one, id=name, marks=[pytest.mark.slow] * (name in HEAVY)) for name, one in exporters().items()],
)


@EACH
def test_a_format_writes_what_its_golden_files_say(exporter: Exporter, tmp_path: Path) -> None:
    assert held(tmp_path / "out", export(exporter.name, tmp_path / "out")) == golden(exporter)


@EACH
def test_the_same_documents_make_the_same_bytes_and_every_file_is_in_the_manifest(
    exporter: Exporter, tmp_path: Path
) -> None:
    made = [export(exporter.name, tmp_path / name) for name in ("one", "other")]
    assert made[0].files == made[1].files
    there = [path for path in made[0].path.rglob("*") if path.is_file() and path.name != MANIFEST]
    read = {path.relative_to(made[0].path).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in there}
    assert read == made[0].files


@EACH
def test_files_are_named_by_content_and_numbers_whatever_texts_labels_and_pages_say(
    exporter: Exporter, tmp_path: Path
) -> None:
    fields = [Field(spec.label, "../../\t\ud800\0=x", TURNED, page=at) for spec in SPECS for at in (-1, 0, 7)]
    odd = paper("train", [BLANK], *fields, Field("gone label", "x", TURNED))
    made = export(exporter.name, tmp_path / "out", [odd])
    usual = export(exporter.name, tmp_path / "usual", [paper("train", [BLANK], Field("total", "1", TURNED))])
    numbers = re.compile(r"_crop_\d+")
    assert {numbers.sub("", name) for name in made.files} == {numbers.sub("", name) for name in usual.files}
    assert {name: made.counts[name] for name in ("fields_without_label", "fields_without_page")} == {
        "fields_without_label": 1,
        "fields_without_page": 8,
    }


@EACH
def test_no_box_text_or_page_of_a_document_stops_an_export(exporter: Exporter, tmp_path: Path) -> None:
    chance = random.Random(7)
    texts = ["", " ", "12.50", "JALAN\nSAGU 81100", "a\x00\ud800\u2028b", "東京" * 300, "x " * 130, '"\t,=1']

    def box(turned: bool) -> Box:
        edges = [chance.choice([0, 1, chance.random(), 0.5]) for _ in range(4)]
        return Box.clipped(*edges, rotation=chance.choice([0, 90, 180, 359.9, chance.random() * 360]) * turned)

    def document(number: int) -> Labelled:
        words = [Word(chance.choice(texts), Quad.of_box(box(True), 3, 2), 0.5, line=at // 3) for at in range(12)]
        pages = [page(*words, width=chance.randint(1, 40), height=chance.randint(1, 40)), BLANK]
        fields = [
            Field(chance.choice(SPECS).label, chance.choice(texts), box(True), page=at % 3 - 1) for at in range(30)
        ]
        pictures = [Image.new("RGB", (one.width, one.height)) for one in pages]
        return replace(paper("train", pages, *fields), content=f"{number:064x}", pictures=lambda: pictures)

    made = export(exporter.name, tmp_path / "out", [document(number) for number in range(12)])
    assert made.counts["fields_without_page"] == 12 * 10


@EACH
def test_pictures_are_let_go_when_the_next_page_comes(exporter: Exporter, tmp_path: Path) -> None:
    alive: list[weakref.ref[Image.Image]] = []
    most = 0

    def pictures() -> Iterator[Image.Image]:
        nonlocal most
        for _ in range(6):
            image = drawn(BLANK)
            alive.append(weakref.ref(image))
            most = max(most, sum(one() is not None for one in alive))
            yield image
            del image

    documents = (
        replace(paper("train", [BLANK] * 6), content=f"{number:064x}", pictures=pictures) for number in range(3)
    )
    folder = ExportFolder(tmp_path)
    exporter.write(ready(documents, exporter, SPECS, folder), SPECS, folder)
    assert (len(alive), most <= 2) == (18 if exporter.needs_pictures else 0, True)


def test_documents_whose_pages_are_not_kept_are_left_out_and_counted_where_pictures_are_needed(tmp_path: Path) -> None:
    lost = replace(papers()[0], pictures=list)
    for name, exporter in {"coco": exporters()["coco"], "csv": exporters()["csv"]}.items():
        folder = ExportFolder(tmp_path / name)
        there = [document.content for document in ready([lost, papers()[1]], exporter, SPECS, folder)]
        expected = [content_named("val")] if exporter.needs_pictures else [content_named("train"), content_named("val")]
        assert (there, folder.counts.get("without_pictures", 0)) == (expected, int(exporter.needs_pictures))


def test_a_box_without_area_has_no_line_and_no_picture(tmp_path: Path) -> None:
    flat = paper("train", [BLANK], Field("total", "1", Box(0.5, 0.5, 0.5, 0.6)))
    made = export("trocr", tmp_path / "out", [flat])
    assert (made.files, made.counts) == ({}, {"pages": 1, "fields_without_area": 1})


def test_the_dataset_format_says_which_package_it_misses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ExportRefused, match=r"needs the package datasets\. pip install 'docloop\[export\]'"):
        export("hf-dataset", tmp_path / "out")


def test_an_unknown_format_lists_all_with_what_they_are_for() -> None:
    with pytest.raises(ExportRefused) as refused:
        exporter_named("word")
    assert all(name in refused.value.fix and about in refused.value.fix for name, about in formats().items())


def test_the_help_of_the_command_lists_all_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    said = CliRunner().invoke(app, ["export", "--help"]).output
    assert [name for name, about in formats().items() if f"{name}: {about}" not in said] == []


@pytest.mark.parametrize(("name", "about"), formats().items())
def test_every_format_is_in_the_documents(name: str, about: str) -> None:
    assert f"| `{name}` | {about} |" in DOCS
