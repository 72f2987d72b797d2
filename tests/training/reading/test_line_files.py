"""A folder of line images with PaddleOCR's rec_gt.txt, and what is refused."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml_backend.errors import ModelRejected
from training.reading.line_files import LineFolder


def picture(path: Path, shade: int = 200, size: tuple[int, int] = (60, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, shade, shade)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        picture(tmp_path / "crop_img" / f"a_crop_{number}.png", 100 + number)
    picture(tmp_path / "single.png", 50)
    rows = [f"crop_img/a_crop_{number}.png\tline {number}" for number in range(3)] + ["single.png\tשלום\t2"]
    (tmp_path / "rec_gt.txt").write_text("\n".join(rows) + "\r\n", encoding="utf-8-sig")
    return tmp_path


def test_every_row_is_a_line_with_its_pixels_and_text(folder: Path) -> None:
    seen: list[float] = []
    lines = list(LineFolder.open(folder).lines(seen.append))
    assert [line.text for line in lines] == ["line 0", "line 1", "line 2", "שלום\t2"]
    assert [int(line.image[0, 0, 0]) for line in lines] == [100, 101, 102, 50]
    assert lines[0].image.shape == (20, 60, 3)
    assert lines[0].image.dtype == np.uint8
    assert seen == [0, 0.25, 0.5, 0.75]


def test_crops_of_one_page_are_one_document_and_another_line_is_its_own(folder: Path) -> None:
    documents = [line.document for line in LineFolder.open(folder).lines()]
    assert len(set(documents[:3])) == 1
    assert documents[3] not in documents[:3]


def test_a_picture_that_cannot_be_read_is_passed_over_and_noted(folder: Path) -> None:
    (folder / "single.png").write_bytes(b"GIF89a...")
    (folder / "crop_img" / "a_crop_1.png").write_bytes(b"")
    opened = LineFolder.open(folder)
    assert [line.text for line in opened.lines()] == ["line 0", "line 2"]
    assert {Path(name).name: code for name, code in opened.failed.items()} == {
        "single.png": "image_kind_refused",
        "a_crop_1.png": "image_empty",
    }


def _labels(content: str | bytes) -> Callable[[Path], None]:
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / "rec_gt.txt").write_bytes(data) and None


def _link_out(folder: Path) -> None:
    os.symlink("/etc/hostname", folder / "out.png")
    (folder / "rec_gt.txt").write_text("out.png\ttext")


def _huge(folder: Path) -> None:
    with (folder / "rec_gt.txt").open("wb") as file:
        file.truncate(60_000_000)


@pytest.mark.parametrize(
    ("harm", "code", "said"),
    [
        (lambda folder: (folder / "rec_gt.txt").unlink(), "no_labels", "rec_gt.txt"),
        (_labels(""), "labels_count", "0 rows"),
        (_labels("single.png secret"), "labels_row", "Row 1 .* no tab"),
        (_labels("single.png\t \n"), "labels_row", "Row 1"),
        (_labels("single.png\ta\n\nsingle.png\t" + "x" * 501), "labels_row", "Row 3 .* 501 characters"),
        (_labels("../single.png\tsecret"), "labels_path", "outside"),
        (_labels("/etc/hostname\tsecret"), "labels_path", "outside"),
        (_labels("crop_img\\..\\..\\x.png\tsecret"), "labels_path", "outside"),
        (_labels("\tsecret"), "labels_path", "outside"),
        (_labels("none.png\tsecret"), "labels_image", "none.png"),
        (_labels("crop_img\tsecret"), "labels_image", "crop_img"),
        (_labels(b"single.png\t\xff\xfe"), "labels_encoding", "UTF-8 at byte 11"),
        (_link_out, "labels_path", "link"),
        (_huge, "labels_large", "50,000,000"),
    ],
)
def test_a_labels_file_that_is_none_is_refused_by_row_and_without_its_text(
    folder: Path, harm: Callable[[Path], None], code: str, said: str
) -> None:
    harm(folder)
    with pytest.raises(ModelRejected, match=said) as caught:
        LineFolder.open(folder)
    assert caught.value.code == code
    assert "secret" not in str(caught.value)
