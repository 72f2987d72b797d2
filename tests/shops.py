"""Receipts of two shops that come back, for tests of what is remembered of a layout; and what a scanner does to a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from confirmed_papers import field_at, sample
from paper import paper

from ml_backend.document.elements import Document, Word
from ml_backend.document.fields import FieldSpec
from ml_backend.document.geometry import Quad
from ml_backend.document.samples import Sample

SPECS = (
    FieldSpec("company", "company", required=True),
    FieldSpec("address", "address"),
    FieldSpec("date", "date", required=True),
    FieldSpec("total", "amount", required=True),
    FieldSpec("served by", "text"),
    FieldSpec("item", "text", repeats=True),
)
Items = Sequence[tuple[str, str]]
TEA: Items = (("Green tea", "4.50"), ("Lemon cake", "6.20"))
MANY: Items = (
    ("Ginger beer", "3.10"),
    ("Rye bread", "5.00"),
    ("Oat milk", "2.40"),
    ("Plum jam", "7.30"),
    ("Honey", "9.90"),
)


def harbour(date: str, total: str, items: Items = TEA, waiter: str = "Anna", name: str = "", day: str = "") -> Sample:
    """A receipt of the Harbour Tea House; the total that counts stands beside PAYABLE, the date beside Seen."""
    lines = [
        "The Harbour Tea House",
        "14 Quay Street",
        "Bristol BS1 4RW",
        "VAT Reg 284719365",
        "",
        f"Seen {date}  Till 3",
    ]
    lines += [f"Waiter: {waiter}", "", "Article                    Price"]
    lines += [f"{good:25}  {price}" for good, price in items]
    lines += [
        "",
        "TOTAL                    99.00",
        f"PAYABLE                   {total}",
        "CARD                     99.00",
    ]
    lines += ["", "Sheltered moorings behind the house", "Come back with the tide"]
    texts = {
        "company": lines[0],
        "address": f"{lines[1]} {lines[2]}",
        "date": date,
        "total": total,
        "served by": waiter,
    }
    return _confirmed("\n".join(lines), texts, items, name or f"harbour {date} {total}", day)


def mill(date: str, total: str, items: Items = TEA, name: str = "") -> Sample:
    """A receipt of another shop: other words in other places, but TOTAL, CARD and a date as everywhere."""
    lines = [
        "",
        f"{date}        Receipt",
        "MILLER & SONS LTD",
        "103 Station Lane, York YO1 7HH",
        "",
        "Qty Goods        Amount",
    ]
    lines += [f"1   {good:20} {price}" for good, price in items]
    lines += [f"TOTAL              {total}", f"CARD               {total}", "", "THANK YOU"]
    texts = {"company": lines[2], "address": lines[3], "date": date, "total": total}
    return _confirmed("\n".join(lines), texts, items, name or f"mill {date} {total}", "")


def _confirmed(text: str, texts: dict[str, str], items: Items, name: str, day: str) -> Sample:
    document = paper(text)
    fields = [field_at(document, label, value) for label, value in texts.items()]
    fields += [field_at(document, "item", good) for good, _ in items]
    return replace(sample(document, fields, name), confirmed_at=day)


def moved(document: Document, place: Callable[[float, float], tuple[float, float]]) -> Document:
    """The document with every corner of every word put elsewhere."""

    def carry(word: Word) -> Word:
        return replace(word, quad=Quad.clipped(place(x, y) for x, y in word.quad.points))

    return Document(tuple(replace(page, words=tuple(map(carry, page.words))) for page in document.pages))


def misread(document: Document, slips: dict[str, str]) -> Document:
    """The document with these words read as others."""
    pages = (
        replace(page, words=tuple(replace(word, text=slips.get(word.text, word.text)) for word in page.words))
        for page in document.pages
    )
    return Document(tuple(pages))
