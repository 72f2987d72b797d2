"""What labels mean by their names."""

from __future__ import annotations

import pytest

from ml_backend.document.fields import FIELD_TYPES
from ml_backend.models.keywords.role import Role
from ml_backend.models.keywords.roles import ROLES
from ml_backend.models.label_guess import guess_role, guess_type
from ml_backend.models.plain_text import normalise

EXPECTED = {
    "date": "date invoiceDate due_date Datum Fälligkeitsdatum fecha fecha_vencimiento échéance data_fattura vervaldatum",
    "amount": "total Grand-Total subtotal tax VAT montant montant_ttc importeTotal Gesamtbetrag MwSt totale bedrag valor change",
    "company": "company vendor SUPPLIER shop Lieferant magasin empresa fornitore leverancier fornecedor companies",
    "address": "address vendor_address Lieferantenadresse dirección indirizzo adres endereço addresses",
    "person": "name cashier contact_person Ansprechpartner nom",
    "phone": "phone telephone_number Telefon telefono téléphone telefoonnummer fax mobile phones",
    "email": "email e-mail E-Mail-Adresse correo courriel",
    "url": "url website Webseite sitio_web",
    "iban": "iban bank_account Kontonummer",
    "ean": "ean barcode GTIN",
    "serial": "serial serial_number S/N Seriennummer numero_di_serie numéro_de_série serial_numbers",
    "model_number": "model model_number part_no Artikelnummer modèle",
    "invoice_number": "invoice_no InvoiceNumber receipt_no Rechnungsnummer numero_factura VAT_number customerId table_no",
    "line": "line lines Zeile",
    "text": "project_name line_item comment colour quantity 合計 x",
}  # fmt: skip


@pytest.mark.parametrize(
    ("label", "kind"), [(label, kind) for kind, labels in EXPECTED.items() for label in labels.split()]
)
def test_a_type_is_guessed_from_the_name(label: str, kind: str) -> None:
    assert guess_type(label) == kind


def test_every_type_can_be_guessed() -> None:
    assert set(EXPECTED) == set(FIELD_TYPES)


@pytest.mark.parametrize(
    ("label", "kind", "role", "reason"),
    [
        ("total", "amount", "total", "exact"),
        ("totals", "amount", "total", "plural"),
        ("subTotal", "amount", "subtotal", "camel case"),
        ("gst", "amount", "tax", "another word for it"),
        ("invocie_number", "invoice_number", "invoice number", "a slip of the finger"),
        ("receipt_no", "invoice_number", "receipt number", "one of several kinds of number"),
        ("receipt_total", "amount", "total", "a word that says nothing new"),
        ("total_in_EUR", "amount", "total", "the currency says nothing new"),
        ("date of purchase", "date", "date", "the same words in another order"),
        ("kunde", "company", "customer", "the other party"),
        ("pickup_date", "date", "pickup date", "a role of its own"),
    ],
)
def test_a_role_is_guessed_from_the_name(label: str, kind: str, role: str, reason: str) -> None:
    assert guess_role(label, kind).name == role, reason


def test_a_declared_type_wins_over_the_type_of_the_role() -> None:
    role = guess_role("order_number", "text")

    assert (role.name, role.type) == ("order number", "text")


def test_a_label_that_nobody_knows_is_its_own_keyword() -> None:
    assert guess_role("Blue_Whale", "text") == Role("blue whale", "text", ("blue whale",))


def test_a_phone_number_of_somebody_is_found_like_any_phone_number() -> None:
    role, phone = guess_role("vendor_phone"), guess_role("phone")

    assert (role.name, role.type) == ("phone", "phone")
    assert role.names == ("vendor phone", *phone.names)


def test_the_word_of_the_type_may_be_missing_on_the_paper() -> None:
    assert guess_role("pickup_date", "date").names == ("pickup date", "pickup")


def test_roles_are_written_as_text_is_compared_and_have_known_types() -> None:
    assert {phrase for role in ROLES for phrase in role.phrases if normalise(phrase) != phrase} == set()
    assert {role.type for role in ROLES} <= set(FIELD_TYPES)
    assert len({role.name for role in ROLES}) == len(ROLES)
