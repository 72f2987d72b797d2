"""The tables: RFC 4180, numbered and joined repeats, no cell that is a formula."""

from __future__ import annotations

import csv
import io
from itertools import product
from pathlib import Path

import pytest
from exported_papers import SPECS, content_named, export, papers

from ml_backend.document.fields import FieldSpec
from ml_backend.exports.csv_tables import CsvTables, _row, guarded
from ml_backend.exports.folder import ExportFile, ExportFolder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_repeats_are_numbered_in_one_table_and_joined_in_the_other(tmp_path: Path) -> None:
    export("csv", tmp_path / "out")
    (wide,) = [row for row in rows(tmp_path / "out" / "documents.csv") if row["document"] == content_named("test")]
    assert (wide["item"], wide["total"], wide["address"]) == (
        '\'=SUM("A1") | 東京\t5',
        "'-5",
        "ONCE upon a time there were",
    )
    tall = [row for row in rows(tmp_path / "out" / "fields.csv") if row["document"] == content_named("test")]
    assert [(row["label"], row["number"], row["text"]) for row in tall[:2]] == [
        ("item", "1", '\'=SUM("A1")'),
        ("item", "2", "東京\t5"),
    ]
    data = (tmp_path / "out" / "fields.csv").read_bytes()
    assert data.count(b"\r\n") == 1 + sum(len(paper.fields) for paper in papers())


def test_a_label_may_be_called_like_a_column(tmp_path: Path) -> None:
    folder = ExportFolder(tmp_path)
    CsvTables().write(papers(), (FieldSpec("split"), *SPECS), folder)
    assert [row["split"] for row in rows(tmp_path / "documents.csv")] == ["train", "val", "test"]
    assert "split (field)" in rows(tmp_path / "documents.csv")[0]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201"]
)
def test_a_cell_that_a_spreadsheet_would_run_gets_a_quote_mark(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Total;=1+1", "Total;'=1+1"),
        ("receipt;=cmd|'/C calc'!A0.pdf", "receipt;'=cmd|'/C calc'!A0.pdf"),
        ('a;"=1;b', "a;\"'=1;b"),
        ("\t=1", "'\t'=1"),
        ("High Street\r\n-5", "High Street\r\n'-5"),
        (" =1", " '=1"),
    ],
)
def test_a_part_that_a_spreadsheet_would_make_a_cell_and_run_gets_a_quote_mark(text: str, cell: str) -> None:
    assert guarded(text) == cell


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_begins_with_a_sign_of_a_formula_whatever_the_spreadsheet_splits_at(delimiter: str) -> None:
    """All short texts of these letters, each in a table of its own: an open quote would hide what follows."""
    for letters in product('a;"=, \t\n', repeat=4):
        raw = io.BytesIO()
        _row(ExportFile(raw), ["a1", "".join(letters), 7, "\uff1d"])
        table = io.StringIO(raw.getvalue().decode(), newline="")
        cells = [cell for row in csv.reader(table, delimiter=delimiter) for cell in row]
        assert not [cell for cell in cells if cell.lstrip().startswith(("=", "\uff1d"))], letters


def test_a_long_run_of_what_spreadsheets_split_at_takes_no_time() -> None:
    assert guarded("\t" * 1_000_000 + "x") == "'" + "\t" * 1_000_000 + "x"


@pytest.mark.parametrize("text", ["", "12.50", "1-2", "東京", " x", "1 - 2", 'a "-" b', "a;b", "a; b\nc"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert guarded(text) == text
