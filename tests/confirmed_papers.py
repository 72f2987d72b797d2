"""Typed receipts with the fields that an annotator left, for tests of what learns from them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from paper import paper

from ml_backend.document.elements import Document
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.samples import Sample

SPECS = (
    FieldSpec("company", "company", required=True),
    FieldSpec("address", "address"),
    FieldSpec("date", "date", required=True),
    FieldSpec("total", "amount", required=True),
    FieldSpec("served by", "text"),
    FieldSpec("item", "text", repeats=True),
)
SHOPS = (
    ("CORNER SHOP LTD", "12 High Street", "London SW1A 1AA"),
    ("Blue Whale", "7 Harbour Road", "Bristol BS1 4RW"),
    ("MILLER & SONS", "103 Station Lane", "York YO1 7HH"),
    ("The Old Bakery", "5 Market Square", "Leeds LS1 6DT"),
)
GOODS = ("Tea", "Apple cake", "Coffee", "Brown bread", "Milk", "Orange juice")
WAITERS = ("Anna", "Bob", "Carla", "Dmitri", "Eve")


def field_at(document: Document, label: str, text: str) -> Field:
    """The region around the first run of words that spell ``text`` on the first page."""
    page = document.pages[0]
    wanted = text.split()
    for start in range(len(page.words)):
        words = tuple(range(start, start + len(wanted)))
        if [word.text for word in page.words[start : start + len(wanted)]] == wanted:
            return Field(label, text, page.box_of(words))
    raise AssertionError(f"not on the paper: {text}")


def sample(document: Document, fields: Sequence[Field], name: str) -> Sample:
    return Sample(hashlib.sha256(name.encode()).hexdigest(), document, tuple(fields), 1, "2026-01-01T00:00:00Z")


def confirmed(number: int) -> Sample:
    """Receipt ``number``: the date stands beside the word Seen, the waiter behind a star, which no baseline expects."""
    shop = SHOPS[number % len(SHOPS)]
    goods = [GOODS[(number + step) % len(GOODS)] for step in range(2 + number % 2)]
    prices = [f"{1 + (number * 7 + step * 3) % 9}.{(number * 13 + step) % 10}0" for step in range(len(goods))]
    total = f"{sum(map(float, prices)):.2f}"
    date, waiter = f"{1 + number % 28:02}/0{1 + number % 9}/2024", WAITERS[number % len(WAITERS)]
    lines = [*shop, "", f"Seen {date}", f"** {waiter}", ""]
    lines += [f"{good}                   {price}" for good, price in zip(goods, prices, strict=True)]
    document = paper("\n".join([*lines, "", f"TOTAL                 {total}", "CASH                  50.00"]))
    fields = [
        field_at(document, "company", shop[0]),
        field_at(document, "address", f"{shop[1]} {shop[2]}"),
        field_at(document, "date", date),
        field_at(document, "total", f"{total}"),
        field_at(document, "served by", waiter),
        *(field_at(document, "item", good) for good in goods),
    ]
    return sample(document, fields, f"receipt {number}")
