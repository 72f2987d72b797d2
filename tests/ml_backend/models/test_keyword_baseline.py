"""The keyword baseline on small papers in several languages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paper import paper

from contracts.field_extractor_contract import FieldExtractorContract
from ml_backend.document.elements import Document, Page, Word
from ml_backend.document.fields import FIELD_TYPES, Field, FieldSpec
from ml_backend.document.geometry import Box, Quad
from ml_backend.models.base import FieldExtractor
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.models.label_guess import guess_type


class TestKeywordBaseline(FieldExtractorContract):
    @pytest.fixture
    def extractor(self) -> FieldExtractor:
        return KeywordBaseline()


def fields(document: Document, *labels: str, country: str = "", **more: bool) -> list[Field]:
    """What is found for the labels, their types guessed from their names."""
    specs = [FieldSpec(label, guess_type(label), **more) for label in labels]
    return list(KeywordBaseline(country).extract(document, specs).fields)


def texts(document: Document, *labels: str, country: str = "") -> dict[str, str]:
    return {field.label: field.text for field in fields(document, *labels, country=country)}


def values(document: Document, *labels: str, country: str = "") -> dict[str, str]:
    return {field.label: field.value for field in fields(document, *labels, country=country)}


ENGLISH_RECEIPT = paper(
    """
              HILLTOP HARDWARE SDN BHD
                    (123456-X)
         NO 290, JALAN AIR BIRU,
         53200 KUALA LUMPUR
         TEL : 03-40210276
              TAX INVOICE
    DOC NO. : CS00012664            DATE: 11/01/2018
    ITEM             QTY            AMOUNT
    WALL SCRAPER     1              4.45
    CEMENT           2              111.83
    TOTAL QTY:       3
    TOTAL SALES (EXCLUDING GST) :   109.70
    TOTAL GST :                     6.58
    ROUNDING :                      0.02
    TOTAL SALES (INCLUSIVE OF GST) :   116.30
    CASH :                          120.00
    CHANGE :                        3.70
    GST SUMMARY      AMT(RM)        TAX(RM)
    SR               109.70         6.58
    TOTAL :          109.70         6.58
    """
)


def test_an_english_receipt() -> None:
    labels = ("company", "address", "receipt_no", "date", "total", "subtotal", "gst", "change", "cash", "phone")

    assert texts(ENGLISH_RECEIPT, *labels) == {
        "company": "HILLTOP HARDWARE SDN BHD",
        "address": "NO 290, JALAN AIR BIRU, 53200 KUALA LUMPUR",
        "receipt_no": "CS00012664",
        "date": "11/01/2018",
        "total": "116.30",
        "subtotal": "109.70",
        "gst": "6.58",
        "change": "3.70",
        "cash": "120.00",
        "phone": "03-40210276",
    }


def test_a_german_invoice_knows_the_supplier_from_the_customer_and_the_date_from_the_due_date() -> None:
    invoice = paper(
        """
        Müller Bürobedarf GmbH
        Hauptstraße 12, 80331 München

        Frau
        Anna Schmidt
        Beispiel AG                                   Rechnungsnummer: RE-2026-0042
        Lindenweg 7                                   Rechnungsdatum: 31. März 2026
        10115 Berlin                                  Fällig am: 14.04.2026

        Pos   Bezeichnung              Menge    Einzelpreis    Gesamt
        1     Druckerpapier A4         10       4,50 EUR       45,00 EUR
        2     Toner schwarz            1        1.189,00 EUR   1.189,00 EUR

        Zwischensumme                                          1.234,00 EUR
        zzgl. 19% MwSt.                                        234,46 EUR
        Rechnungsbetrag                                        1.468,46 EUR

        Bitte überweisen Sie auf IBAN: DE89 3704 0044 0532 0130 00
        Tel.: 089 1234567   info@mueller-buero.de   www.mueller-buero.de
        """
    )
    labels = (
        "Lieferant", "Lieferantenadresse", "Rechnungsnummer", "Rechnungsdatum", "Fälligkeitsdatum", "Gesamtbetrag", "Nettobetrag",
        "MwSt", "IBAN", "Telefon", "E-Mail", "Webseite",
    )  # fmt: skip

    assert values(invoice, *labels, country="DE") == {
        "Lieferant": "Müller Bürobedarf GmbH",
        "Lieferantenadresse": "Hauptstraße 12, 80331 München",
        "Rechnungsnummer": "RE-2026-0042",
        "Rechnungsdatum": "2026-03-31",
        "Fälligkeitsdatum": "2026-04-14",
        "Gesamtbetrag": "1468.46",
        "Nettobetrag": "1234.00",
        "MwSt": "234.46",
        "IBAN": "DE89370400440532013000",
        "Telefon": "+49891234567",
        "E-Mail": "info@mueller-buero.de",
        "Webseite": "www.mueller-buero.de",
    }


def test_a_french_receipt() -> None:
    receipt = paper(
        """
              BOULANGERIE DU MARCHÉ SARL
              14 rue de la République
              69002 Lyon
              Tél : 04 72 00 11 22

        Ticket n° 004512          le 12/03/2026 08:41
        2 x Croissant                     2,40 €
        1 x Pain complet                  3,10 €
        TOTAL TTC                         5,50 €
        dont TVA 5,5%                     0,29 €
        Espèces                          10,00 €
        Rendu                             4,50 €
        """
    )
    labels = ("magasin", "adresse", "date", "montant_total", "tva", "telephone", "numero_de_ticket", "monnaie")

    assert values(receipt, *labels, country="FR") == {
        "magasin": "BOULANGERIE DU MARCHÉ SARL",
        "adresse": "14 rue de la République 69002 Lyon",
        "date": "2026-03-12",
        "montant_total": "5.50",
        "tva": "0.29",
        "telephone": "+33472001122",
        "numero_de_ticket": "004512",
        "monnaie": "4.50",
    }


def test_a_spanish_invoice() -> None:
    invoice = paper(
        """
        Ferretería López S.L.
        Calle Mayor 23, 28013 Madrid
        Teléfono: 912 345 678

        Factura n.º: F2026/0117
        Fecha: 5 de marzo de 2026
        Fecha de vencimiento: 4 de abril de 2026

        Base imponible                 100,00
        IVA 21%                         21,00
        TOTAL A PAGAR                  121,00 €
        """
    )
    labels = ("empresa", "direccion", "numeroFactura", "fecha", "fecha_vencimiento", "importeTotal", "iva", "telefono")

    assert values(invoice, *labels, country="ES") == {
        "empresa": "Ferretería López S.L.",
        "direccion": "Calle Mayor 23, 28013 Madrid",
        "numeroFactura": "F2026/0117",
        "fecha": "2026-03-05",
        "fecha_vencimiento": "2026-04-04",
        "importeTotal": "121.00",
        "iva": "21.00",
        "telefono": "+34912345678",
    }


def test_a_business_card() -> None:
    card = paper(
        """
        Nordlicht Software GmbH

        Dr. Julia Hansen
        Head of Engineering

        Hafenstraße 4
        20457 Hamburg
        T  +49 40 1234567
        M  +49 171 1234567
        julia.hansen@nordlicht-software.de
        """
    )

    assert texts(card, "person", "job_title", "company", "address") == {
        "person": "Dr. Julia Hansen",
        "job_title": "Head of Engineering",
        "company": "Nordlicht Software GmbH",
        "address": "Hafenstraße 4 20457 Hamburg",
    }
    assert [field.value for field in fields(card, "phone", repeats=True)] == ["+49401234567", "+491711234567"]


def test_a_type_plate() -> None:
    plate = paper(
        """
        ACME Industrial Tools Ltd.
        Model: XR-2000B        Type 1
        S/N: 4711-0815A
        4 006381 333931
        Production date 12.05.2024
        """
    )

    assert values(plate, "manufacturer", "model_number", "serial_number", "ean", "production_date") == {
        "manufacturer": "ACME Industrial Tools Ltd.",
        "model_number": "XR-2000B",
        "serial_number": "4711-0815A",
        "ean": "4006381333931",
        "production_date": "2024-05-12",
    }


@pytest.mark.parametrize(
    ("text", "wanted", "reason"),
    [
        (
            "TOTAL 30.91\nROUNDING 0.01-\nTOTAL ROUNDED 30.90\nCASH 51.00\nCHANGE 20.10",
            "30.90",
            "cash less change decides",
        ),
        ("TOTAL 45.34\nROUNDING RM 45.35\nCASH 50.00\nCHANGE 4.65", "45.35", "a rounding of 45 is the rounded total"),
        ("SUBTOTAL 20.40\nTAX 1.00\nT0TAL 21.40", "21.40", "a letter misread"),
        ("SUBTOTAL 20.40\nGRANDTOTAL21.40", "21.40", "keyword and value glued"),
        ("TOTAL QTY 3.00\nTOTAL 21.40\nTOTAL SAVINGS 55.00", "21.40", "totals of other things"),
        ("TOTAL\n21.40\nTea 5.00", "21.40", "the value stands below"),
        ("Tea 5.00\nCake 7.00\nCASH 12.00", "12.00", "no total is printed: what was paid without change"),
        ("TOTAL INCLUDES 6% GST    1.66\nTOTAL    29.30", "29.30", "the tax that is included"),
    ],
)
def test_the_total_among_other_amounts(text: str, wanted: str, reason: str) -> None:
    assert values(paper(text), "total") == {"total": wanted}, reason


@pytest.mark.parametrize(
    ("text", "label", "wanted", "reason"),
    [
        ("Printed on 02/01/2020\nDate 01/01/2020", "date", "2020-01-01", "the print date comes second"),
        ("Due date 01/02/2020\n05/01/2020", "date", "2020-01-05", "a date that is said to be another one"),
        ("05/01/2020\nPay by 01/02/2020", "due_date", "2020-02-01", "the due date"),
        ("Valid until 2027-05-01\nDate of birth 3 May 1990", "birth_date", "1990-05-03", "the birth date"),
        ("05/01/2020", "due_date", None, "a due date must say so"),
        ("05/01/2020", "pickup_date", "2020-01-05", "the only date, for a label that nobody knows"),
        ("Pickup 01/02/2020\nReturn 05/02/2020", "pickup_date", "2020-02-01", "a label's own name"),
    ],
)
def test_the_right_one_of_several_dates(text: str, label: str, wanted: str | None, reason: str) -> None:
    assert values(paper(text), label) == ({label: wanted} if wanted else {}), reason


@pytest.mark.parametrize(
    ("text", "label", "wanted", "reason"),
    [
        ("Tea 5.00\nTotal 5.00", "tax", None, "a tax must say so"),
        ("Deposit fee 5.00\nTea 3.00", "deposit_fee", "5.00", "a label's own name"),
        ("Tea 5.00\nCake 3.00", "deposit_fee", None, "several amounts, and none says so"),
        ("Blue Whale\n5.00 EUR", "deposit_fee", "5.00", "the only amount, for a label that nobody knows"),
    ],
)
def test_an_amount_of_another_kind_than_the_total(text: str, label: str, wanted: str | None, reason: str) -> None:
    specs = [FieldSpec(label, "amount")]
    found = {field.label: field.value for field in KeywordBaseline().extract(paper(text), specs).fields}
    assert found == ({label: wanted} if wanted else {}), reason


@pytest.mark.parametrize(
    ("text", "label", "wanted", "reason"),
    [
        ("Project: Blue Whale", "project", "Blue Whale", "behind the colon"),
        ("Project name      Blue Whale", "project_name", "Blue Whale", "in the next column"),
        ("Project\nBlue Whale", "Project", "Blue Whale", "below"),
        ("Progress: Blue Whale", "project", None, "another word"),
    ],
)
def test_a_text_label_nobody_knows_is_found_by_its_own_name(
    text: str, label: str, wanted: str | None, reason: str
) -> None:
    assert texts(paper(text), label) == ({label: wanted} if wanted else {}), reason


def test_a_value_glued_to_its_keyword_is_cut_out_with_its_part_of_the_box() -> None:
    glued = Word("Total:RM12.50", Quad.of_box(Box(0.1, 0.1, 0.36, 0.12)), 0.9)

    (total,) = fields(Document((Page(1000, 1000, (glued,)),)), "total")

    assert total == Field("total", "12.50", Box(0.26, 0.1, 0.36, 0.12), 0, total.confidence)
    assert (total.words, total.value) == ((0,), "12.50")


def test_a_reason_quotes_the_paper() -> None:
    reasons = {field.label: field.reason for field in fields(ENGLISH_RECEIPT, "company", "date", "total")}

    assert reasons == {
        "company": "a name with 'SDN BHD' near the top",
        "date": "date right of 'DATE:'",
        "total": "amount right of 'TOTAL SALES (INCLUSIVE OF GST) :'",
    }


def test_every_line_is_a_field_of_a_label_of_type_line() -> None:
    letter = paper("Dear Ann,\nsee you at noon.", "Bob")

    lines = fields(letter, "line", repeats=True)

    assert [(line.page, line.text, line.words) for line in lines] == [
        (0, "Dear Ann,", (0, 1)),
        (0, "see you at noon.", (2, 3, 4, 5)),
        (1, "Bob", (0,)),
    ]


def test_a_field_on_the_second_page_names_its_page() -> None:
    (total,) = fields(paper("Terms and conditions", "Total: 12.50"), "total")

    assert (total.page, total.text) == (1, "12.50")


def test_word_labels_hold_the_rivals_too() -> None:
    answer = KeywordBaseline().extract(paper("Total: 12.50\nCash: 20.00"), [FieldSpec("total", "amount")])

    (labels,) = answer.word_labels
    assert set(labels) == {1, 3}
    assert labels[1]["total"] > labels[3]["total"]


SOUP = "Total: 12.50 31/12/2018 DE89370400440532013000 ( ) GmbH & Sdn Bhd No. , +49 a@b.de www. 0 12, Straße"
word_texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(SOUP.split()),
)
words = st.builds(
    lambda text, left, top, width, height, line: Word(
        text, Quad.of_box(Box.clipped(left, top, left + width, top + height)), 0.5, line
    ),
    word_texts,
    *[st.floats(0, 1) for _ in range(2)],
    *[st.floats(0, 0.3) for _ in range(2)],
    st.integers(0, 5),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(words, max_size=25))
def test_no_soup_of_words_breaks_it(soup: list[Word]) -> None:
    specs = [FieldSpec(kind, kind, repeats=len(kind) % 2 == 0) for kind in FIELD_TYPES]

    answer = KeywordBaseline("DE").extract(Document((Page(700, 900, tuple(soup)),)), specs)

    assert all(0 <= field.confidence <= 1 and field.text and field.words for field in answer.fields)
