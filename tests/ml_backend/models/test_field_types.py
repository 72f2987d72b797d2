"""Where values of a type stand in a line, and their normal form."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from paper import paper

from ml_backend.models.layout import Segment, lay_out
from ml_backend.models.types.amounts import find_amounts
from ml_backend.models.types.candidate import Candidate
from ml_backend.models.types.codes import find_codes, find_eans, find_ibans
from ml_backend.models.types.contacts import find_emails, find_phones, find_urls
from ml_backend.models.types.dates import find_dates
from ml_backend.models.types.places import LEGAL_FORM, address_points, company_points, is_job, is_person


def segment(text: str) -> Segment:
    (page,) = lay_out(paper(text))
    (line,) = page.segments
    return line


def read(find: Callable[[Segment], Iterable[Candidate]], text: str) -> list[tuple[str, str]]:
    """What is found, as (text on the paper, normal form)."""
    return [(candidate.text, candidate.value) for candidate in find(segment(text))]


@pytest.mark.parametrize(
    ("text", "found", "reason"),
    [
        ("31/12/2018", [("31/12/2018", "2018-12-31")], "day first"),
        ("04/05/2018", [("04/05/2018", "2018-05-04")], "day first, though month first is a date too"),
        ("12/31/2018", [("12/31/2018", "2018-12-31")], "only month first is a date"),
        ("31-12-18", [("31-12-18", "2018-12-31")], "a year of two digits"),
        ("01.02.85", [("01.02.85", "1985-02-01")], "a year of two digits of the last century"),
        ("2018.12.31", [("2018.12.31", "2018-12-31")], "year first"),
        ("2018-12-31T08:15", [("2018-12-31", "2018-12-31")], "ISO with a time"),
        ("31 / 12 / 2018", [("31 / 12 / 2018", "2018-12-31")], "spaces around the separators"),
        ("12 Mar 2018", [("12 Mar 2018", "2018-03-12")], "short month name"),
        ("25/FEB/2017 02:56", [("25/FEB/2017", "2017-02-25")], "month name between slashes"),
        ("12 MAR 18", [("12 MAR 18", "2018-03-12")], "month name and a year of two digits"),
        ("Dec 31, 2018", [("Dec 31, 2018", "2018-12-31")], "month name first"),
        ("31. März 2026", [("31. März 2026", "2026-03-31")], "German"),
        ("1er août 2019", [("1er août 2019", "2019-08-01")], "French"),
        ("12 de marzo de 2019", [("12 de marzo de 2019", "2019-03-12")], "Spanish"),
        ("3 giugno 2021", [("3 giugno 2021", "2021-06-03")], "Italian"),
        ("12 de março de 2018", [("12 de março de 2018", "2018-03-12")], "Portuguese"),
        ("3 mei 2020", [("3 mei 2020", "2020-05-03")], "Dutch"),
        ("20180331", [("20180331", "2018-03-31")], "digits only, year first"),
        ("25032018", [("25032018", "2018-03-25")], "digits only, day first"),
        ("25/12/20188:13PM", [("25/12/2018", "2018-12-25")], "a time glued to the year"),
        ("18-11-1813:58", [("18-11-18", "2018-11-18")], "a time glued to a year of two digits"),
        ("Date:25/12/2018", [("25/12/2018", "2018-12-25")], "a keyword glued to the date"),
        ("01/02/2018 - 03/02/2018", [("01/02/2018", "2018-02-01"), ("03/02/2018", "2018-02-03")], "two dates"),
        ("31/02/2018", [], "there is no such day"),
        ("12 items 2018", [], "no month name"),
        ("03-40210276", [], "a phone number"),
        ("1/102/0305", [], "a document number"),
        ("12.50", [], "an amount"),
    ],
)
def test_dates(text: str, found: list[tuple[str, str]], reason: str) -> None:
    assert read(find_dates, text) == found, reason


@pytest.mark.parametrize(
    ("text", "found", "reason"),
    [
        ("1,234.56", [("1,234.56", "1234.56")], "comma for thousands"),
        ("1.234,56", [("1.234,56", "1234.56")], "point for thousands"),
        ("1 234,56", [("1 234,56", "1234.56")], "space for thousands"),
        ("1'234.50", [("1'234.50", "1234.50")], "apostrophe for thousands"),
        ("RM 12.50", [("12.50", "12.50")], "the currency is no part of the amount"),
        ("RM12.50", [("12.50", "12.50")], "currency glued in front"),
        ("12,50 EUR", [("12,50", "12.50")], "currency behind"),
        ("12,50€", [("12,50", "12.50")], "currency sign glued behind"),
        ("$12", [("12", "12")], "a whole number with a currency"),
        ("12.50-", [("12.50", "-12.50")], "minus behind"),
        ("-12.50", [("-12.50", "-12.50")], "minus in front"),
        ("(12.50)", [("12.50", "-12.50")], "brackets are a minus"),
        (".50", [(".50", "0.50")], "no digit before the point"),
        ("159. 00", [("159. 00", "159.00")], "a space that OCR put behind the point"),
        ("12,-", [("12", "12")], "a dash for the cents"),
        ("Total:12.50", [("12.50", "12.50")], "a keyword glued in front"),
        ("2 x 3.11  6.22", [("3.11", "3.11"), ("6.22", "6.22")], "two amounts and a count"),
        ("6.00%", [], "a percentage"),
        ("42", [], "a whole number alone is no amount"),
        ("31.12.2018", [], "a date"),
        ("192.168.10.12", [], "an address of a computer"),
        ("08:15", [], "a time"),
    ],
)
def test_amounts(text: str, found: list[tuple[str, str]], reason: str) -> None:
    assert read(find_amounts, text) == found, reason


@pytest.mark.parametrize(
    ("text", "found", "reason"),
    [
        ("IBAN: DE89 3704 0044 0532 0130 00", [("DE89 3704 0044 0532 0130 00", "DE89370400440532013000")], "in groups"),
        ("DE89370400440532013000 BIC X", [("DE89370400440532013000", "DE89370400440532013000")], "words behind it"),
        (
            "FR14 2004 1010 0505 0001 3M02 606",
            [("FR14 2004 1010 0505 0001 3M02 606", "FR1420041010050500013M02606")],
            "letters",
        ),
        ("GB82 WEST 1234 5698 7654 77", [], "wrong check digits"),
        ("DE89 37O4 0044 O532 0130 00", [], "two slips outside of the check digits"),
        ("DE89 3704 0044 0582 0130 00", [], "one wrong digit that several repairs would explain"),
    ],
)
def test_ibans(text: str, found: list[tuple[str, str]], reason: str) -> None:
    assert read(find_ibans, text) == found, reason


@pytest.mark.parametrize(
    ("text", "found", "reason"),
    [
        ("4 006381 333931", [("4 006381 333931", "4006381333931")], "EAN-13 as printed below the bars"),
        ("96385074", [("96385074", "96385074")], "EAN-8"),
        ("036000291452", [("036000291452", "036000291452")], "UPC"),
        ("4006381333932", [], "a wrong check digit"),
        ("000000000000", [], "only zeros"),
    ],
)
def test_eans(text: str, found: list[tuple[str, str]], reason: str) -> None:
    assert read(find_eans, text) == found, reason


@pytest.mark.parametrize(
    ("text", "found", "reason"),
    [
        ("S/N: 4711-0815a", ["4711-0815A"], "letters and a dash"),
        ("Nr. RE-2026/0042", ["RE-2026/0042"], "several separators"),
        ("Invoice 12.50 31/12/2018", [], "amounts and dates are no codes"),
        ("Invoice", [], "no digit"),
    ],
)
def test_codes(text: str, found: list[str], reason: str) -> None:
    assert [value for _, value in read(find_codes, text)] == found, reason


@pytest.mark.parametrize(
    ("text", "country", "found", "reason"),
    [
        ("Tel: +49 30 1234567", "", [("+49 30 1234567", "+49301234567")], "international"),
        ("TEL : 03-40210276", "MY", [("03-40210276", "+60340210276")], "national, with the country known"),
        ("TEL : 03-40210276", "", [("03-40210276", "0340210276")], "national, with no country: the digits"),
        ("Total 12.50", "MY", [], "an amount"),
    ],
)
def test_phones(text: str, country: str, found: list[tuple[str, str]], reason: str) -> None:
    assert read(lambda line: find_phones(line, country), text) == found, reason


@pytest.mark.parametrize(
    ("find", "text", "found", "reason"),
    [
        (find_emails, "Mail: Info@Shop.example", [("Info@Shop.example", "info@shop.example")], "lower case"),
        (find_emails, "info @shop.example", [("info @shop.example", "info@shop.example")], "a space that OCR put in"),
        (find_emails, "3 @ 2.50", [], "a price for each"),
        (
            find_urls,
            "Visit WWW.Shop.com/Sale.",
            [("WWW.Shop.com/Sale", "www.shop.com/Sale")],
            "host in lower case, path as it is",
        ),
        (find_urls, "https://shop.de", [("https://shop.de", "https://shop.de")], "with its scheme"),
        (find_urls, "info@shop.de", [], "the host of a mail address"),
        (find_urls, "No.5 St.Ives", [], "abbreviations"),
    ],
)
def test_mail_and_web_addresses(
    find: Callable[[Segment], Iterable[Candidate]], text: str, found: list[tuple[str, str]], reason: str
) -> None:
    assert read(find, text) == found, reason


def test_a_line_with_a_street_or_a_postcode_looks_like_an_address() -> None:
    like = ["12 High Street, London", "Hauptstraße 12, 80331 München", "14 rue de la République", "53200 KUALA LUMPUR,"]
    unlike = ["CORNER SHOP LTD", "TAX INVOICE", "Thank you", "TOTAL 12.50"]

    assert min(address_points(text) for text in like) >= 1.5 > 1 > max(address_points(text) for text in unlike)


def test_a_legal_form_tells_more_of_a_company_than_a_trade_and_a_trade_more_than_nothing() -> None:
    names = ["Corner Shop Ltd.", "Corner Shop", "Corner", "12345 A"]

    assert sorted(names, key=company_points, reverse=True) == names


@pytest.mark.parametrize(
    ("text", "form", "reason"),
    [
        ("Hilltop Hardware Sdn. Bhd. (123-X)", "Sdn. Bhd", "with dots"),
        ("Beispiel GmbH & Co. KG", "GmbH & Co. KG", "the long form"),
        ("Beispiel AG", "AG", "a short form behind a name"),
        ("Same as above", None, "a short form that is a word"),
        ("SAME AS ABOVE", None, "a word in capitals"),
        ("Incense", None, "the beginning of a word"),
    ],
)
def test_legal_forms(text: str, form: str | None, reason: str) -> None:
    match = LEGAL_FORM.search(text)

    assert (match and match[0].rstrip(".")) == form, reason


@pytest.mark.parametrize(
    ("text", "person", "job"),
    [
        ("Dr. Julia Hansen", True, False),
        ("Jean-Luc O'Neill", True, False),
        ("Head of Engineering", False, True),
        ("Leiterin Vertrieb", True, True),
        ("Room 12", False, False),
        ("CEO", False, True),
    ],
)
def test_people_and_jobs(text: str, person: bool, job: bool) -> None:
    assert (is_person(text), is_job(text)) == (person, job)


@pytest.mark.parametrize(
    ("find", "text", "printed", "sure"),
    [
        (find_ibans, "IBAN DEB9 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00", 0.9),
        (find_ibans, "DE89 37O4 0044 0532 0130 00 BIC X", "DE89 3704 0044 0532 0130 00", 0.9),
        (find_eans, "4OO6381 33393I", "4006381 333931", 0.85),
        (find_codes, "DE13669597G", "DE136695976", 0.9),
        (find_codes, "DEI36695976", "DE136695976", 0.9),
    ],
)
def test_check_digits_put_a_misread_code_right(
    find: Callable[[Segment], Iterable[Candidate]], text: str, printed: str, sure: float
) -> None:
    found = [one for one in find(segment(text)) if one.printed]
    (one,) = found
    assert (one.span.text, one.value, one.sure) == (printed, printed.replace(" ", ""), sure)
    assert one.text in text  # what OCR read stays known


def test_a_digit_for_a_digit_is_believed_less_than_a_letter_for_one() -> None:
    (one,) = find_ibans(segment("GB82 WEST 1234 5098 7654 33".replace("5098", "5698")))
    assert (one.printed, one.sure) == ("GB82 WEST 1234 5098 7654 33", 0.6)


def test_letters_are_not_bent_into_codes() -> None:
    for text in ("GOOD SOIL BOSS", "OISZSGBIOOI", "BILLS 100", "SIZES: S 10 B 12"):
        assert list(find_eans(segment(text))) == []
        assert list(find_ibans(segment(text))) == []
