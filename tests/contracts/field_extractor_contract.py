"""What every field model promises. A test class inherits ``FieldExtractorContract`` and says how its model is made."""

from __future__ import annotations

import pytest
from paper import paper

from ml_backend.document.elements import Document, Page, Word
from ml_backend.document.fields import FIELD_TYPES, FieldSpec
from ml_backend.document.geometry import Box, Quad
from ml_backend.models.base import FieldExtractor

RECEIPT = paper(
    """
    CORNER SHOP LTD
    12 High Street, London SW1A 1AA
    Tel: 020 7946 0123

    Receipt No: A-1042    Date: 31/12/2018 18:05

    Tea                   2.50
    Cake                  4.00
    TOTAL                 6.50
    CASH                  10.00
    CHANGE                3.50
    """
)
TWO_PAGES = paper("Invoice No: 77-A", "Total: 12.50\nPlease pay by 01/02/2026")
SPECS = (
    FieldSpec("company", "company", required=True),
    FieldSpec("address", "address"),
    FieldSpec("date", "date", required=True),
    FieldSpec("total", "amount", required=True),
    FieldSpec("phone", "phone", repeats=True),
    FieldSpec("receipt_number", "invoice_number"),
)
ONE_OF_EACH = tuple(FieldSpec(kind, kind, repeats=kind == "line") for kind in FIELD_TYPES)
EDGE = 1e-6  # the grid of coordinates


def around(outer: Box, inner: Box) -> bool:
    return (
        outer.left <= inner.left + EDGE
        and outer.top <= inner.top + EDGE
        and inner.right <= outer.right + EDGE
        and inner.bottom <= outer.bottom + EDGE
    )


class FieldExtractorContract:
    """Inherit, and give ``extractor`` as a fixture: the model."""

    def test_it_has_a_version(self, extractor: FieldExtractor) -> None:
        assert extractor.version.strip() == extractor.version != ""

    @pytest.mark.parametrize("document", [RECEIPT, TWO_PAGES], ids=["receipt", "two pages"])
    def test_the_same_input_gives_the_same_output(self, extractor: FieldExtractor, document: Document) -> None:
        first, second = (extractor.extract(document, ONE_OF_EACH) for _ in range(2))

        assert first == second
        assert [field.reason for field in first.fields] == [field.reason for field in second.fields]

    @pytest.mark.parametrize("document", [RECEIPT, TWO_PAGES], ids=["receipt", "two pages"])
    def test_only_labels_that_were_asked_for_are_answered(self, extractor: FieldExtractor, document: Document) -> None:
        for specs in ((), SPECS[:1], SPECS[2:4], ONE_OF_EACH):
            answered = {field.label for field in extractor.extract(document, specs).fields}
            assert answered <= {spec.label for spec in specs}

    @pytest.mark.parametrize("document", [RECEIPT, TWO_PAGES], ids=["receipt", "two pages"])
    def test_every_field_says_where_how_sure_and_why(self, extractor: FieldExtractor, document: Document) -> None:
        for field in extractor.extract(document, SPECS + ONE_OF_EACH).fields:
            assert field.text.strip() == field.text != ""
            assert field.reason != ""
            assert 0.0 <= field.confidence <= 1.0
            assert field.page in range(len(document.pages))
            assert field.words
            page = document.pages[field.page]
            assert set(field.words) <= set(range(len(page.words)))
            assert around(Box(0, 0, 1, 1), field.box)
            assert around(page.box_of(field.words), field.box)
            assert all(field.box.intersection(page.words[word].box) > 0 for word in field.words)

    def test_word_labels_are_probabilities_of_asked_labels_on_words_that_exist(self, extractor: FieldExtractor) -> None:
        answer = extractor.extract(RECEIPT, SPECS)

        assert len(answer.word_labels) in (0, len(RECEIPT.pages))
        for page, labels in zip(RECEIPT.pages, answer.word_labels, strict=False):
            assert set(labels) <= set(range(len(page.words)))
            for chances in labels.values():
                assert set(chances) <= {spec.label for spec in SPECS}
                assert all(0.0 <= chance <= 1.0 for chance in chances.values())

    def test_a_label_that_does_not_repeat_has_at_most_one_field(self, extractor: FieldExtractor) -> None:
        specs = [FieldSpec(kind, kind) for kind in FIELD_TYPES]

        labels = [field.label for field in extractor.extract(RECEIPT, specs).fields]

        assert len(labels) == len(set(labels))

    @pytest.mark.parametrize(
        "document",
        [
            pytest.param(Document(()), id="no page"),
            pytest.param(Document((Page(600, 900),)), id="a page without words"),
            pytest.param(Document((Page(600, 900), Page(1, 1))), id="two pages without words"),
            pytest.param(
                Document((Page(9, 9, (Word(" ", Quad.of_box(Box(0.1, 0.1, 0.2, 0.2)), 0.1),)),)),
                id="a word of white space",
            ),
        ],
    )
    def test_an_empty_document_has_no_field(self, extractor: FieldExtractor, document: Document) -> None:
        assert extractor.extract(document, SPECS + ONE_OF_EACH).fields == ()

    @pytest.mark.parametrize(
        "spec",
        [
            pytest.param(FieldSpec("total", "colour"), id="a type that nobody knows"),
            pytest.param(FieldSpec("", "text"), id="a label without a name"),
            pytest.param(FieldSpec("***", "date"), id="a name without letters"),
            pytest.param(FieldSpec("合計", "amount", repeats=True), id="a name in another script"),
            pytest.param(FieldSpec("x" * 5000, ""), id="a very long name and no type"),
        ],
    )
    def test_an_odd_label_does_no_harm(self, extractor: FieldExtractor, spec: FieldSpec) -> None:
        assert {field.label for field in extractor.extract(RECEIPT, [spec]).fields} <= {spec.label}
