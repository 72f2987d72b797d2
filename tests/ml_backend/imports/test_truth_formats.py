"""Ground truth of others: small files after the rules of each format, what our exporters wrote, and what nobody should send."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from exported_papers import SIZE, export, papers

from builders import DATA
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.errors import ExportRefused
from ml_backend.exports.base import Labelled
from ml_backend.exports.jsonl import lines
from ml_backend.imports.base import BadRow, Row, TruthField
from ml_backend.imports.folder import TruthFolder
from ml_backend.imports.formats import find, readers

GOLDEN = DATA / "imports"
SQUARE = [[1, 1], [5, 1], [5, 5], [1, 5]]


def rows(path: Path, format: str = "auto") -> list[Row | BadRow]:
    reader, folder, files = find(path, format)
    return [row for name in files for row in reader.rows(folder, name)]


def good(path: Path, format: str = "auto") -> list[Row]:
    found = rows(path, format)
    assert all(isinstance(row, Row) for row in found), found
    return [row for row in found if isinstance(row, Row)]


def codes(path: Path, format: str = "auto") -> list[tuple[str, str]]:
    """Where and why, of the rows that are bad; ``ok`` for the others."""
    return [(row.where, row.error.code if isinstance(row, BadRow) else "ok") for row in rows(path, format)]


# -- golden files ------------------------------------------------------------------------------------------------------------


def test_funsd_is_read_as_its_data_set_has_it() -> None:
    (row,) = good(GOLDEN / "funsd")
    assert row.where == "annotations/82092117.json"
    assert row.images[0] == "images/82092117.png"
    assert row.fields == (
        TruthField("question", "COMPOUND", (84.0, 109.0, 136.0, 119.0)),
        TruthField("answer", "Lorillard's 12.5 €", (85.0, 110.0, 172.0, 143.0)),
        TruthField("other", "Page 1", (10.0, 10.0, 50.0, 20.0)),
    )
    assert row.placed([(200, 200)])[0] == Field("question", "COMPOUND", Box(0.42, 0.545, 0.68, 0.595))
    assert rows(GOLDEN / "funsd" / "annotations") == rows(GOLDEN / "funsd" / "annotations" / "82092117.json") == [row]


def test_ppocrlabel_is_read_but_for_what_is_not_to_be_judged_and_what_nobody_confirmed() -> None:
    first, second = rows(GOLDEN / "ppocrlabel")
    assert isinstance(first, Row)
    assert first.images == ("ppocrlabel/a.jpg", "ppocrlabel/a.jpg", "a.jpg")
    assert first.fields == (
        TruthField("None", "TOTAL", (10.0, 8.0, 42.0, 16.0)),
        TruthField("total", "12.50", (60.0, 7.0, 100.0, 17.0)),
    )
    assert isinstance(second, BadRow)
    assert (second.where, second.error.code) == ("Label.txt, line 2", "truth_not_approved")


def test_a_line_of_rec_gt_is_a_whole_picture_whose_label_is_to_be_named() -> None:
    (row,) = good(GOLDEN / "ppocrlabel" / "rec_gt.txt")
    assert row.images[0] == "crop_img/a_crop_0.jpg"
    assert row.placed([(90, 20)]) == (Field("", "TOTAL 12.50", Box(0, 0, 1, 1)),)


def test_azures_words_become_one_field_a_page_and_its_table_cells_lose_their_row() -> None:
    (row,) = good(GOLDEN / "azure")
    assert (row.where, row.images) == ("invoice.pdf.labels.json", ("invoice.pdf", "invoice.pdf"))
    assert row.fields == (
        TruthField("Vendor", "Contoso Ltd", (0.1, 0.1, 0.25, 0.13)),
        TruthField("Items/Unit/Price", "4.20", (0.5, 0.5, 0.6, 0.52), page=1),
        TruthField("Signed", "", (0.1, 0.8, 0.4, 0.9), page=1),
    )


def test_our_own_lines_are_read_and_those_that_nobody_approved_are_not() -> None:
    assert codes(GOLDEN / "jsonl") == [("truth.jsonl, line 1", "ok"), ("truth.jsonl, line 3", "truth_not_approved")]
    row = rows(GOLDEN / "jsonl")[0]
    assert isinstance(row, Row)
    assert (row.reviewed_by, row.reviewed_at, row.images) == ("3", "2026-01-02T03:04:05Z", ("scan.png",))
    assert row.placed([SIZE]) == (Field("total", "12.50", Box(0.5, 0.1, 0.75, 0.25, 90.0)),)


# -- round trips -------------------------------------------------------------------------------------------------------------


def test_lines_that_we_wrote_are_the_same_fields_again(tmp_path: Path) -> None:
    (tmp_path / "truth.jsonl").write_bytes(b"".join(lines(one.line for one in papers())))
    read = good(tmp_path / "truth.jsonl")
    assert [row.content for row in read] == [one.content for one in papers()]
    assert [row.placed([SIZE] * 2) for row in read] == [one.fields for one in papers()]


def fields_of_pages(documents: Sequence[Labelled]) -> dict[str, list[Field]]:
    """What formats with a picture a page can say: upright boxes, in whole pixels."""
    return {
        f"{one.content}-{page}.png": [
            replace(field, box=whole(field.box.upright(*SIZE)), page=0) for field in one.fields if field.page == page
        ]
        for one in documents
        for page in range(len(one.document.pages))
    }


def whole(box: Box) -> Box:
    (x, y), scaled = SIZE, (box.left, box.top, box.right, box.bottom)
    edges = [round(edge * side) / side for edge, side in zip(scaled, (x, y, x, y), strict=True)]
    return Box.clipped(*edges)


def test_funsd_that_we_wrote_is_the_same_fields_again(tmp_path: Path) -> None:
    export("layoutlm", tmp_path / "out")
    read = good(tmp_path / "out")
    outside = readers()["funsd"].outside
    there = {}
    for row in read:
        name, data = TruthFolder(tmp_path / "out").first(row.images, 10**6)
        assert data.startswith(b"\x89PNG")
        there[Path(name).name] = [field for field in row.placed([SIZE]) if field.label not in outside]
    assert there == fields_of_pages(papers())


def test_key_information_that_we_wrote_is_the_same_lines_again(tmp_path: Path) -> None:
    one_line = [replace(one, fields=one.fields[:1]) for one in papers()]
    made = export("paddleocr-kie", tmp_path / "out", one_line)
    read = good(tmp_path / "out")
    assert len(read) == made.counts["pages"] == 4
    there = {}
    for row in read:
        name, _ = TruthFolder(tmp_path / "out").first(row.images, 10**6)
        there[Path(name).name] = [field for field in row.placed([SIZE]) if field.label != "other"]
    texts = {name: [(field.label, field.text) for field in fields] for name, fields in there.items()}
    meant = fields_of_pages(one_line)
    assert texts == {name: [(field.label, field.text) for field in fields] for name, fields in meant.items()}
    for name, fields in meant.items():
        for field, read_again in zip(fields, there[name], strict=True):
            assert field.box.iou(read_again.box) > 0.8, (field, read_again)


# -- what nobody should send -------------------------------------------------------------------------------------------------

LINE = json.loads((GOLDEN / "jsonl" / "truth.jsonl").read_text("utf-8").splitlines()[0])
PLACE = LINE["final_result"][0]["place"]


def line_with(**changes: object) -> bytes:
    return json.dumps({**LINE, **changes}).encode()


def field_with(**changes: object) -> bytes:
    return line_with(final_result=[{**LINE["final_result"][0], **changes}])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "no JSON"),
        (b"[1]", "no object"),
        (b"\xff\xfe{}", "no UTF-8"),
        (b"[" * 100_000, "deeper than any parser goes"),
        (b'{"approved": true, "task_id": ' + b"9" * 5_000 + b"}", "a number that takes minutes to read"),
        (line_with(approved="yes"), "approved by a text"),
        (line_with(image_sha256="../etc"), "no hash"),
        (line_with(filename=["a"]), "no name"),
        (line_with(final_result=None), "no fields"),
        (line_with(final_result=[LINE["final_result"][0]] * 5_001), "more fields than a document has"),
        (field_with(text=None), "no text"),
        (field_with(text="x" * 10_001), "a text without end"),
        (field_with(label=7), "no label"),
        (field_with(place={**PLACE, "left": True}), "an edge that is no number"),
        (field_with(place={**PLACE, "left": 10**400}), "an edge without end"),
        (field_with(place={**PLACE, "page": -1}), "a page before the first"),
        (field_with(place={**PLACE, "page": 10**9}), "a page behind all"),
        (field_with(place={**PLACE, "rotation": "90"}), "a rotation that is no number"),
        (field_with(place=PLACE).replace(b"0.75", b"NaN"), "not a number"),
        (field_with(place=PLACE).replace(b"0.75", b"1e999"), "infinite"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_line_that_is_none_is_named_and_the_others_are_kept(line: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "truth.jsonl").write_bytes(line_with() + b"\n" + line + b"\r\n\n" + line_with())
    found = codes(tmp_path / "truth.jsonl")
    assert [where for where, _ in found] == [f"truth.jsonl, line {number}" for number in (1, 2, 4)]
    assert (found[0][1], found[2][1]) == ("ok", "ok")
    assert found[1][1] in {"truth_malformed", "truth_not_approved"}, why


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("annotations/x.json", '{"form": 5}'),
        ("annotations/x.json", '{"form": [{"box": [1, 2, 3], "text": "", "label": ""}]}'),
        ("annotations/x.json", '{"form": [{"box": [1, 2, 3, "4"], "text": "", "label": ""}]}'),
        ("annotations/x.json", '{"form": [{"box": [1, 2, 3, 4], "label": "total"}]}'),
        ("x.labels.json", '{"labels": [{"label": "a", "value": [{"page": 0, "text": "", "boundingBoxes": [[0, 0, 1, 1]]}]}]}'),
        ("x.labels.json", '{"labels": [{"label": "a", "value": [{"page": 1, "text": "", "boundingBoxes": []}]}]}'),
        ("x.labels.json", '{"labels": [{"label": "a", "value": [{"page": 1, "text": "", "boundingBoxes": [[0, 0, 1]]}]}]}'),
        ("Label.txt", "no tab"),
        ("Label.txt", "a.jpg\t{}"),
        ("Label.txt", "a.jpg\t[5]"),
        ("Label.txt", 'a.jpg\t[{"transcription": "x", "points": [[1, 1]]}]'),
        ("Label.txt", 'a.jpg\t[{"transcription": "x", "points": [[1, 1], [2]]}]'),
        ("rec_gt.txt", "\tno picture"),
    ],
)  # fmt: skip
def test_a_file_of_another_shape_is_a_bad_row_and_no_crash(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text, "utf-8")
    assert [code for _, code in codes(tmp_path)] == ["truth_malformed"]


def test_texts_carry_nothing_that_json_or_a_database_refuses(tmp_path: Path) -> None:
    (tmp_path / "truth.jsonl").write_bytes(field_with(text="a\0b\ud800c"))
    assert good(tmp_path)[0].fields[0].text == "ab?c"


def test_a_box_beyond_its_page_and_a_page_that_is_not_there_are_refused() -> None:
    row = Row("x", (), (TruthField("total", "5", (90, 10, 130, 20)),), pixels=True)
    assert row.placed([(130, 30)])[0].box.right == 1.0
    with pytest.raises(ExportRefused, match="outside"):
        row.placed([(100, 30)])
    with pytest.raises(ExportRefused, match="page"):
        replace(row, fields=(TruthField("total", "5", (0, 0, 1, 1), page=2),)).placed([(100, 30)])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("/etc/passwd", "truth_path_refused"),
        ("../secret.png", "truth_path_refused"),
        ("in/../../secret.png", "truth_path_refused"),
        ("..\\secret.png", "truth_path_refused"),
        ("out/secret.png", "truth_path_refused"),
        ("link.png", "truth_path_refused"),
        ("a\0b", "truth_path_refused"),
        ("", "truth_path_refused"),
        ("circle", "truth_file_missing"),
        ("in", "truth_file_too_large"),
        ("pipe", "truth_file_too_large"),
        ("large.png", "truth_file_too_large"),
        ("x" * 5_000, "truth_file_missing"),
    ],
)
def test_nothing_outside_of_the_folder_and_nothing_without_end_is_read(name: str, code: str, tmp_path: Path) -> None:
    root = tmp_path / "given"
    (root / "in").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (root / "large.png").write_bytes(b"x" * 11)
    (root / "out").symlink_to(tmp_path)
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "circle").symlink_to(root / "circle")
    os.mkfifo(root / "pipe")
    with pytest.raises(ExportRefused) as refusal:
        TruthFolder(root).read(name, 10)
    assert refusal.value.code == code


def test_what_windows_writes_is_read_and_what_is_no_utf8_is_a_bad_row(tmp_path: Path) -> None:
    mark, rows_ = "\ufeff", "a.jpg\t[]\r\nb.jpg\t[]\r\n"
    (tmp_path / "Label.txt").write_bytes((mark + rows_).encode() + b"caf\xe9.jpg\t[]\r\n")
    (tmp_path / "fileState.txt").write_text(mark + "a.jpg\t1\r\nC:\\scans\\b.jpg\t0\r\n", "utf-8", newline="")
    assert codes(tmp_path) == [
        ("Label.txt, line 1", "ok"),
        ("Label.txt, line 2", "truth_not_approved"),
        ("Label.txt, line 3", "truth_malformed"),
    ]
    (tmp_path / "truth.jsonl").write_bytes(
        mark.encode() + line_with() + b"\r\n" + line_with().replace(b"12.50", b"\xa3")
    )
    assert [code for _, code in codes(tmp_path, "jsonl")] == ["ok", "truth_malformed"]


def test_a_list_of_what_is_confirmed_that_has_no_end_is_refused(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "ppocrlabel", tmp_path / "given")
    (tmp_path / "given" / "fileState.txt").write_bytes(b"a.jpg\t1\n" * 4_000_000)
    assert codes(tmp_path / "given") == [("Label.txt", "truth_file_too_large")]


def test_people_may_have_any_number_and_azures_pages_no_more_fields_than_a_document(tmp_path: Path) -> None:
    (tmp_path / "truth.jsonl").write_bytes(line_with(reviewed_by=2**40))
    assert [row.reviewed_by for row in good(tmp_path)] == [str(2**40)]
    values = [{"page": page, "text": "", "boundingBoxes": [[0, 0, 1, 1]]} for page in range(1, 3_001)]
    labels = [{"label": name, "value": values} for name in "ab"]
    (tmp_path / "x.pdf.labels.json").write_text(json.dumps({"labels": labels}))
    assert codes(tmp_path) == [("x.pdf.labels.json", "truth_malformed")]


def test_a_line_beyond_the_limit_costs_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_backend.imports.folder.MOST_BYTES", 1_000)
    (tmp_path / "truth.jsonl").write_bytes(b"x" * 5_000 + b"\n" + line_with())
    assert [code for _, code in codes(tmp_path)] == ["truth_line_too_long", "ok"]


def test_a_folder_says_itself_what_it_holds_and_what_is_none_is_refused_with_the_formats(tmp_path: Path) -> None:
    for name in readers():
        assert find(GOLDEN / name)[0].name == name
    export("layoutlm", tmp_path / "layoutlm")
    assert find(tmp_path / "layoutlm")[0].name == "funsd", "there is a train.jsonl beside"
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "gone.jsonl"):
        with pytest.raises(ExportRefused, match=r"jsonl: .*"):
            find(path)
    with pytest.raises(ExportRefused, match="coco"):
        find(GOLDEN / "funsd", "coco")


def test_a_linked_label_file_is_not_followed_out(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "jsonl" / "truth.jsonl", tmp_path / "outside.jsonl")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "truth.jsonl").symlink_to(tmp_path / "outside.jsonl")
    assert codes(tmp_path / "given") == [("truth.jsonl", "truth_path_refused")]


def test_every_format_and_every_label_that_means_no_field_is_in_the_documents() -> None:
    docs = (DATA.parents[1] / "docs" / "imports.md").read_text("utf-8").lower()
    named = set(readers()) | {label for reader in readers().values() for label in reader.outside}
    assert {name for name in named if f"`{name}`" not in docs} == set()


def test_packed_lines_are_read_and_what_is_no_gzip_or_a_bomb_is_a_bad_row(tmp_path: Path) -> None:
    plain = (GOLDEN / "jsonl" / "truth.jsonl").read_bytes()
    packed, path = gzip.compress(plain), tmp_path / "truth.jsonl.gz"
    path.write_bytes(packed)
    (tmp_path / "plain.jsonl").write_bytes(plain)
    read, expected = (
        [one.fields for one in rows(at) if isinstance(one, Row)] for at in (path, tmp_path / "plain.jsonl")
    )
    assert read == expected != []
    for data, code in (
        (packed[:-9], "truth_not_packed"),
        (plain, "truth_not_packed"),
        (gzip.compress(b"\n" * 5_000_000), "truth_unpacks_too_large"),
    ):
        path.write_bytes(data)
        assert codes(path)[-1] == ("truth.jsonl.gz", code)
