import numpy as np
import pytest

from builders import page, word
from ml_backend.document.elements import Document
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.document.samples import Sample
from ml_backend.ocr.recogniser.alphabet import Alphabet
from training.reading.project_lines import lines_of

KNOWN = Alphabet([chr(c) for c in range(33, 127)])
IMAGE = np.zeros((100, 200, 3), np.uint8)
PAGE = page(
    word("JALAN", 0.1, 0.10, 0.3, 0.15, line=0),
    word("SAQU", 0.35, 0.10, 0.5, 0.15, line=0),
    word("81lOO", 0.1, 0.20, 0.2, 0.25, line=1),
    word("JOHOR", 0.25, 0.20, 0.5, 0.25, line=1),
    word("25/12/2018", 0.1, 0.50, 0.5, 0.55, line=2),
    width=200,
    height=100,
)


def lines(*fields: Field) -> list[tuple[str, list[list[float]]]]:
    sample = Sample("content", Document((PAGE,)), fields)
    found = list(lines_of(sample, [IMAGE], KNOWN))
    assert all(one.document == "content" and one.image is IMAGE for one in found)
    return [(one.text, np.asarray(one.quad).round(2).tolist()) for one in found]


def box(top: float, bottom: float) -> Box:
    return Box.clipped(0.05, top, 0.6, bottom)


def test_a_field_of_two_lines_is_shared_out_among_them() -> None:
    assert lines(Field("address", "JALAN SAGU 81100 JOHOR", box(0.08, 0.27))) == [
        ("JALAN SAGU", [[20, 10], [100, 10], [100, 15], [20, 15]]),
        ("81100 JOHOR", [[20, 20], [100, 20], [100, 25], [20, 25]]),
    ]


@pytest.mark.parametrize(
    ("field", "texts", "why"),
    [
        (Field("date", "25/12/2019", box(0.48, 0.57)), ["25/12/2019"], "a corrected digit is what is to be learned"),
        (Field("date", "December 25th", box(0.48, 0.57)), [], "typed in another form: not what stands there"),
        (Field("date", "שלום", box(0.48, 0.57)), ["שלום"], "OCR cannot have read these letters"),
        (Field("date", " ", box(0.48, 0.57)), [], "no text"),
        (Field("date", "25/12/2018", box(0.7, 0.8)), [], "no word in the box"),
    ],
)
def test_only_what_stands_in_the_box_is_learned(field: Field, texts: list[str], why: str) -> None:
    assert [text for text, _ in lines(field)] == texts, why


def test_a_line_in_two_fields_is_learned_once() -> None:
    field = Field("date", "25/12/2018", box(0.48, 0.57))
    assert len(lines(field, field)) == 1
