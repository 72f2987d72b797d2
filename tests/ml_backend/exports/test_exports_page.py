"""docs/exports.md names all that can be asked for and all that a line holds."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from ml_backend.exports.formats import formats
from ml_backend.exports.ground_truth import Correction, GroundTruth
from ml_backend.ground_truth import Filters
from ml_backend.ground_truth.filters import NAMES

PAGE = (Path(__file__).parents[3] / "docs" / "exports.md").read_text(encoding="utf-8")
FIRST_COLUMN = "".join(line.split("|")[1] for line in PAGE.splitlines() if line.startswith("|"))
KEYS = [field.name for record in (GroundTruth, Correction) for field in fields(record)]
FLAGS = ("no_prediction", "prediction_differs", "several_annotations", "ground_truth", "skipped", "unreviewed")


@pytest.mark.parametrize("name", [*KEYS, *NAMES, *formats()])
def test_every_key_filter_and_format_has_a_row(name: str) -> None:
    assert f"`{name}`" in FIRST_COLUMN


def test_every_flag_is_explained() -> None:
    assert [flag for flag in FLAGS if f"`{flag}`" not in PAGE] == []


def test_every_filter_has_an_attribute() -> None:
    assert list(NAMES) == list(Filters().asked())
