"""What a person changed, and why it was wrong: tables with the reason on each row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest

from builders import found, page, recorded, word
from ml_backend.document.elements import Document
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.label_studio.results import from_prediction_body, from_results
from ml_backend.store.records import AnnotationRecord, CorrectionRecord
from training.corrections import corrections_of, differences

HERE = Box(0.5, 0.5, 0.6, 0.52)
THERE = Box(0.1, 0.1, 0.2, 0.12)
READ = Document((page(word("12.50", 0.5, 0.5, 0.6, 0.52), word("TOTAL", 0.1, 0.1, 0.2, 0.12)),))


def total(text: str = "12.50", box: Box = HERE, **more: Any) -> Field:
    return replace(found("total", text, box, id="a"), **more)


def told(records: tuple[CorrectionRecord, ...]) -> list[tuple[str, str]]:
    return [(record.kind, record.cause) for record in records]


@pytest.mark.parametrize(
    ("shown", "final", "expected", "why"),
    [
        ([total()], [total()], [("confirmed", "")], "nothing was changed"),
        ([total()], [total(" 12.50 ")], [("confirmed", "")], "spaces around a text are no change"),
        ([total()], [total("12.60")], [("text", "misread characters")], "OCR has 12.50 there, like 12.60"),
        ([total("EUR 12.50")], [total()], [("text", "wrong field")], "OCR has it right there: other words were taken"),
        ([total("iban de1")], [total("IBAN-DE1")], [("text", "wrong format")], "the same letters and digits"),
        ([total("abc")], [total("xyz")], [("text", "wrong field")], "nothing in common"),
        ([total("a", Box(0, 0, 0.1, 0.1))], [total("b", Box(0, 0, 0.1, 0.1))], [("text", "detection missed")],
         "OCR has no words there"),
        ([total()], [replace(total(), label="tax")], [("label", "wrong field")], "another label"),
        ([total()], [total("12.60", Box(0.5, 0.5, 0.65, 0.52), label="tax")],
         [("label", "wrong field"), ("text", "misread characters"), ("box", "")], "all three of one region"),
        ([total()], [total(box=Box(0.5005, 0.5, 0.6, 0.52))], [("confirmed", "")], "less than 0.1 % of the page"),
        ([total()], [total(box=Box(0.49, 0.49, 0.61, 0.53))], [("box", "")], "wider around the same words"),
        ([total(box=THERE)], [total()], [("box", "wrong field")], "around other words"),
        ([total()], [total(box=replace(HERE, rotation=359.95))], [("confirmed", "")], "turned by less than can be seen"),
        ([total()], [total(box=replace(HERE, rotation=3.0))], [("box", "")], "turned"),
        ([total()], [], [("deleted", "absent")], "the field is not on the document"),
        ([total()], [found("tax", "12.50", THERE)], [("added", "wrong field"), ("deleted", "wrong field")],
         "the value was there under another label"),
        ([total("TOTAL", THERE)], [total(id="b")], [("added", "wrong field"), ("deleted", "wrong field")],
         "the label was at another place"),
        ([], [total()], [("added", "field missed")], "OCR read it right, the model gave it no label"),
        ([], [total("to be agreed")], [("added", "field missed")], "the same, and another text was typed"),
        ([], [total("12.60")], [("added", "misread characters")], "OCR read it nearly right"),
        ([], [total(box=Box(0.8, 0.8, 0.9, 0.9))], [("added", "detection missed")], "OCR has no words there"),
        ([total()], [total(id="b")], [("confirmed", "")], "deleted and drawn anew at the same place"),
        ([total()], [found("tax", "12.50", HERE, id="b")], [("label", "wrong field")], "drawn anew with another label"),
        ([total(), found("tax", "1", HERE, id="a")], [found("tax", "1", HERE, id="a"), total()],
         [("confirmed", ""), ("confirmed", "")], "two labels of one region, in another order"),
        ([total()], [total(label="")], [("deleted", "absent")], "a box without a label is no field"),
        ([total()], [total(page=1, id="c")], [("added", "wrong field"), ("deleted", "wrong field")], "on another page"),
        ([], [total(page=1)], [("added", "")], "the words of that page are not known"),
        ([total(id="")], [total("12.60", id="")], [("text", "misread characters")], "without ids, by place"),
    ],
)  # fmt: skip
def test_a_difference_has_its_kind_and_its_cause(
    shown: list[Field], final: list[Field], expected: list[tuple[str, str]], why: str
) -> None:
    assert told(differences(shown, final, READ)) == expected, why


@pytest.mark.parametrize(
    ("shown", "final", "expected", "why"),
    [
        ([total("EUR 12.50")], [total()], [("text", "wrong field")], "a whole word was cut off"),
        ([total("12.5O")], [total()], [("text", "misread characters")], "like the text before"),
        ([], [total()], [("added", "")], "whether OCR missed it cannot be told yet"),
        ([total()], [total(box=Box(0.5, 0.5, 0.7, 0.52))], [("box", "")], "what else is in the box cannot be told"),
        ([total()], [total("12.50 EUR", Box(0.5, 0.5, 0.7, 0.52))], [("text", "wrong field"), ("box", "wrong field")],
         "a whole word was put to it"),
        ([total("12.50")], [total("Total 12.50 EUR")], [("text", "wrong field")], "whole words at both ends"),
        ([total("2.50 EUR")], [total("12.50 EUR")], [("text", "misread characters")], "half a word is no word"),
    ],
)  # fmt: skip
def test_before_the_words_are_known_the_texts_have_to_do(
    shown: list[Field], final: list[Field], expected: list[tuple[str, str]], why: str
) -> None:
    assert told(differences(shown, final, None)) == expected, why


def test_a_record_says_what_was_shown_read_and_submitted() -> None:
    annotation = AnnotationRecord(
        7, "made", "changed", (found("tax", "12.60", HERE, id="b"),), 3, 4.5, reviewed=True, shown=(total(),),
        shown_version="v1",
    )  # fmt: skip
    common = {
        "label": "tax", "predicted_label": "total", "ocr_text": "12.50", "predicted_value": "12.50", "final_value": "12.60",
        "region_id": "b", "model_version": "v1", "engine": "fake", "lead_time": 4.5, "completed_by": 3, "at": "changed",
        "task_id": 11, "annotation_id": 7, "field_number": 0,
    }  # fmt: skip
    assert corrections_of(annotation, 11, READ) == (
        CorrectionRecord("label", "wrong field", **common),
        CorrectionRecord("text", "misread characters", **common),
    )


@pytest.mark.parametrize(
    "change",
    [{"reviewed": False}, {"skipped": True}, {"shown": None}],
    ids=["nobody looked", "it was skipped", "nothing was shown"],
)
def test_what_is_no_judgement_of_a_prediction_has_no_corrections(change: dict[str, Any]) -> None:
    annotation = AnnotationRecord(7, "", "", (total("12.60"),), reviewed=True, shown=(total(),))
    assert corrections_of(annotation, 1, READ)
    assert corrections_of(replace(annotation, **change), 1, READ) == ()


class Counted(str):
    """Text that counts how often it is compared, and so do its words."""

    __slots__ = ()
    __hash__ = str.__hash__
    compared: ClassVar[list[str]] = []

    def __eq__(self, other: object) -> bool:
        self.compared.append(self)
        return str.__eq__(self, other)

    def split(self, *how: Any, **more: Any) -> list[str]:
        return [Counted(one) for one in super().split(*how, **more)]


def test_long_texts_are_judged_without_comparing_every_word_with_every_other() -> None:
    """Anybody may store an annotation by Label Studio's API."""
    Counted.compared.clear()
    shown, final = Counted("a " * 300 + "c"), Counted("a " * 500 + "b")
    assert told(differences([total(shown)], [total(final)], None)) == [("text", "misread characters")]
    assert len(Counted.compared) < 3000


def test_many_labels_of_one_region_are_not_compared_with_each_other() -> None:
    Counted.compared.clear()
    shown = [total(label=Counted(f"shown {number}")) for number in range(300)]
    final = [total(label=Counted(f"final {number}")) for number in range(300)]
    assert told(differences(shown, final, None)) == [("label", "wrong field")] * 300
    assert len(Counted.compared) < 3000


EDITS = {
    "T0 accept as is": {"confirmed": 14},
    "T1 change text": {"confirmed": 13, "text": 1},
    "T2 change label": {"confirmed": 13, "label": 1},
    "T3 delete region": {"confirmed": 13, "deleted": 1},
    "T4 add region": {"confirmed": 14, "added": 1},
    "T5 move box": {"confirmed": 13, "box": 1},
}


@pytest.mark.parametrize("name", EDITS)
def test_what_was_done_in_the_real_editor_is_found(name: str) -> None:
    """Recorded submits of one layout. The prediction kept is that of the second task; the others had texts of their own."""
    shown = from_prediction_body(
        recorded("31_task_with_prediction_and_annotation_api_tasks.json")["predictions"][0]
    ).fields
    final = from_results(recorded("30_ui_submitted_annotations.json")[name]["result"])
    if name != "T1 change text":
        texts = {field.id: field.text for field in final}
        shown = tuple(replace(field, text=texts.get(field.id, field.text)) for field in shown)
    kinds = [record.kind for record in differences(shown, final, None)]
    assert {kind: kinds.count(kind) for kind in kinds} == EDITS[name]


def test_a_document_with_thousands_of_redrawn_fields_takes_no_minutes() -> None:
    shown = [total(id=f"a{n}") for n in range(3000)]
    records = differences(shown, [total(id=f"b{n}") for n in range(3000)], None)
    assert {record.kind for record in records} == {"added", "deleted"}
