"""Bills on a sheet of paper: the hotel's, and the printout of an online order, with tables and two columns."""

from __future__ import annotations

import datetime
from random import Random

from docloop.demo import logos
from docloop.demo.pen import Align, Mark, Part, Pen
from docloop.demo.receipt import Receipt

Cells = list[tuple[float, Align, Part]]
_SHEET = 1.2  # height by width, at least: the lower part of a bill is often cut off


def hotel(pen: Pen, receipt: Receipt, random: Random) -> None:
    logos.lanterns(pen)
    pen.line(Mark("company", receipt.company), scale=1.9, bold=True)
    pen.line(Mark("address", f"{receipt.street}, {receipt.town}"), scale=0.9)
    pen.line(f"{receipt.word('phone')} ", Mark("phone", receipt.phone), scale=0.9)
    pen.rule("solid")
    pen.gap()
    nights = receipt.items[0].pieces
    arrival = receipt.day - datetime.timedelta(days=nights)
    pen.row(
        (f"{receipt.word('guest')}: {receipt.person}",),
        (f"{receipt.word('invoice_no')} ", Mark("receipt_number", receipt.number)),
    )
    pen.row(
        (f"{receipt.word('room')}: {receipt.table + 100}",),
        (f"{receipt.word('date')} ", Mark("date", receipt.locale.long_date(receipt.day))),
    )
    stay = (("arrival", arrival), ("departure", receipt.day))
    pen.line("   ".join(f"{receipt.word(word)}: {_day_and_month(receipt, day)}" for word, day in stay))
    pen.gap()
    pen.line(receipt.word("invoice"), scale=1.5)
    pen.gap(0.3)
    _table(pen, receipt, "solid")
    _sums(pen, receipt)
    pen.gap(2)
    pen.line(f"{receipt.word('paid')}: {receipt.word('card')}")
    pen.gap()
    pen.line(receipt.word("visit"), scale=1.1)


def online(pen: Pen, receipt: Receipt, random: Random) -> None:
    logos.parcel(pen)
    pen.line(Mark("company", receipt.company), scale=1.7, bold=True)
    for line in (receipt.street, receipt.town):
        pen.line(Mark("address", line))
    pen.line(f"{receipt.word('phone')} ", Mark("phone", receipt.phone))
    pen.gap(2)
    other = random.choice(receipt.locale.streets)
    pen.cells([(0, "left", receipt.word("bill_to")), (0.55, "left", receipt.word("invoice"))], bold=True, scale=1.1)
    columns: tuple[tuple[str, str, Part], ...] = (
        (receipt.person, receipt.word("invoice_no"), Mark("receipt_number", receipt.number)),
        (f"{other} {receipt.table}", receipt.word("date"), Mark("date", receipt.locale.short_date(receipt.day))),
        (random.choice(receipt.locale.towns), receipt.word("order_no"), f"{random.randrange(10**8, 10**9)}"),
    )
    for left, word, value in columns:
        pen.cells([(0, "left", left), (0.55, "left", word), (1, "right", value)])
    pen.gap(2)
    pen.shade(pen.size * 1.5)
    _table(pen, receipt, "dots")
    _sums(pen, receipt)
    pen.gap(2)
    pen.line(f"{receipt.word('card')} **** {random.randrange(10000):04d}", scale=0.9)
    pen.line(receipt.word("thanks"), scale=0.9)


def sheet_height(width: int) -> int:
    """A sheet is not cut below the last line."""
    return round(width * _SHEET)


def _table(pen: Pen, receipt: Receipt, rule: str) -> None:
    heads: Cells = [
        (0.01, "left", receipt.word("item")),
        (0.6, "right", receipt.word("quantity")),
        (0.8, "right", receipt.word("price")),
        (0.99, "right", receipt.word("amount")),
    ]
    pen.cells(heads, bold=True)
    pen.rule("solid")
    for item in receipt.items:
        cells: Cells = [
            (0.01, "left", receipt.name_of(item)),
            (0.6, "right", str(item.pieces)),
            (0.8, "right", receipt.number_of(item.price)),
            (0.99, "right", receipt.number_of(item.total)),
        ]
        pen.cells(cells)
        if rule == "dots":
            pen.rule("dots")
    pen.rule("solid")


def _sums(pen: Pen, receipt: Receipt) -> None:
    rows: tuple[tuple[Part, Part, bool], ...] = (
        (receipt.word("net"), receipt.number_of(receipt.net), False),
        (receipt.tax_name, Mark("tax", receipt.number_of(receipt.tax)), False),
        (receipt.word("total"), receipt.marked("total", receipt.total), True),
    )
    for word, value, bold in rows:
        pen.cells([(0.72, "right", word), (0.99, "right", value)], bold=bold, scale=1.25 if bold else 1.0)


def _day_and_month(receipt: Receipt, day: datetime.date) -> str:
    """A date without its year, so that the only full date is the bill's."""
    order = (day.month, day.day) if receipt.locale.code == "us" else (day.day, day.month)
    mark = "." if receipt.locale.code == "de" else "/"
    return mark.join(f"{part:02d}" for part in order)
