"""What a network that looks at pages is shown: their pictures in its scale; plain grey for what is no picture of ours."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from layout_parts import SHAPE, sub_words, table_for, write_version
from made_receipts import made_receipt
from PIL import Image

from ml_backend.document.elements import MOST_PICTURE, Document
from ml_backend.errors import ModelRejected
from ml_backend.images.squeezed import squeezed
from ml_backend.models.layout_model import LayoutModel
from ml_backend.models.layout_model.encoding import as_batch, encode
from ml_backend.models.layout_model.looks import Look, opened

PAGE = made_receipt(3).document.pages[0]


def plain(colour: str) -> bytes:
    return squeezed(Image.new("RGB", (50, 80), colour))


def file_of(kind: str, mode: str = "RGB", size: tuple[int, int] = (224, 224)) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind)
    return file.getvalue()


def seen(*pictures: bytes) -> Document:
    """A document of pages that say the same and look like this."""
    return Document(tuple(replace(PAGE, picture=picture) for picture in pictures))


def test_colours_are_scaled_as_the_base_model_says() -> None:
    pixels = Look(mean=(0.5, 0.5, 0.0), std=(0.5, 0.25, 1.0)).pixels([plain("white"), plain("black")])

    assert pixels.shape == (2, 3, 224, 224)
    assert pixels.dtype == np.float32
    assert np.allclose(pixels[0].mean(axis=(1, 2)), [1.0, 2.0, 1.0], atol=0.02)
    assert np.allclose(pixels[1].mean(axis=(1, 2)), [-1.0, -2.0, 0.0], atol=0.02)


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"\xff\xd8\xff\xe0 nothing more", id="a beginning alone"),
        pytest.param(plain("white")[:700], id="cut off"),
        pytest.param(file_of("PNG"), id="another kind"),
        pytest.param(file_of("JPEG", "L"), id="grey"),
        pytest.param(file_of("JPEG", "CMYK"), id="four colours"),
        pytest.param(file_of("JPEG", size=(223, 224)), id="another size"),
        pytest.param(plain("white") + bytes(MOST_PICTURE), id="too many bytes"),
        pytest.param(plain("white")[:20] + b"\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03" + bytes(60), id="a bomb"),
    ],
)
def test_what_is_no_picture_of_ours_is_shown_as_grey(picture: bytes) -> None:
    assert opened(picture) is None
    assert not Look().pixels([picture]).any()


def test_each_window_goes_with_the_picture_of_its_own_page() -> None:
    windows = encode(seen(plain("white"), plain("black")), sub_words(), SHAPE)
    assert len({window.page for window in windows}) == 2 < len(windows)

    pixels = as_batch(windows, SHAPE.pad, Look()).pixels

    assert pixels is not None
    assert [round(float(each.mean())) for each in pixels] == [-1 if window.page else 1 for window in windows]
    assert as_batch(windows, SHAPE.pad).pixels is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version that takes "GOODS" for the total on a light page, and nothing on a dark one."""
    table = table_for({"GOODS": "B-total"}, sure=3.0)
    return write_version(tmp_path_factory.mktemp("looking"), table, light=6.0, look=Look())


def found(folder: Path, *pictures: bytes) -> list[int]:
    totals = LayoutModel.load(folder, "fields-1").reader.read(seen(*pictures))
    return [int((page.chances[:, 0] < 0.5).sum()) for page in totals]


def test_an_answer_depends_on_what_the_page_looks_like(folder: Path) -> None:
    light, dark, none = found(folder, plain("white"), plain("black"), b"")

    assert dark == 0 < none <= light


def test_documents_read_together_are_read_as_they_are_alone(folder: Path) -> None:
    reader = LayoutModel.load(folder, "fields-1").reader
    documents = [seen(plain("white")), seen(plain("black"), b""), made_receipt(5).document, Document((PAGE,) * 2)]

    together = reader.read_all(documents)

    for document, pages in zip(documents, together, strict=True):
        for one, other in zip(reader.read(document), pages, strict=True):
            assert (one.page, one.words) == (other.page, other.words)
            assert np.array_equal(one.chances, other.chances)


def _another_look(value: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / "layout.json").read_text(encoding="utf-8")
        changed = text.replace('"look":[[0.5,0.5,0.5],[0.5,0.5,0.5]]', f'"look":{value}')
        assert changed != text
        (folder / "layout.json").write_text(changed, encoding="utf-8")

    return change


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(_another_look("null"), id="a network that looks, and says it does not"),
        pytest.param(_another_look("[[0.5,0.5],[0.5,0.5]]"), id="two colours"),
        pytest.param(_another_look("[[0.5,0.5,0.5],[0.5,0.5,0]]"), id="a division by nothing"),
        pytest.param(_another_look("[[0.5,0.5,1e9],[1,1,1]]"), id="a mean that no colour has"),
        pytest.param(_another_look('"white"'), id="a text"),
    ],
)
def test_a_look_that_does_not_fit_is_rejected(folder: Path, tmp_path: Path, harm: Callable[[Path], None]) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    harm(tmp_path)

    with pytest.raises(ModelRejected) as refusal:
        LayoutModel.load(tmp_path, "fields-1")

    assert refusal.value.code == "model_files"


def test_a_version_made_before_networks_looked_still_answers(tmp_path: Path) -> None:
    write_version(tmp_path, table_for({"GOODS": "B-total"}))
    text = (tmp_path / "layout.json").read_text(encoding="utf-8")
    (tmp_path / "layout.json").write_text(text.replace('"look":null,', ""), encoding="utf-8")

    model = LayoutModel.load(tmp_path, "fields-1")

    assert model.learned.look is None
    assert model.reader.read(seen(plain("white")))
