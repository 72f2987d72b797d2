"""Receipts from a roll of paper: supermarket, café, petrol station, taxi, pharmacy, hardware store, restaurant.

A layout writes one receipt with a pen; it marks each labelled value once.
"""

from __future__ import annotations

from random import Random

from docloop.demo import logos
from docloop.demo.pen import Align, Mark, Part, Pen
from docloop.demo.receipt import Receipt


def supermarket(pen: Pen, receipt: Receipt, random: Random) -> None:
    pen.line(Mark("company", receipt.company), align="center", scale=1.5, bold=True)
    _address(pen, receipt, "center")
    pen.line(f"{receipt.word('phone')} ", Mark("phone", receipt.phone), align="center")
    pen.gap()
    pen.row(("",), (receipt.locale.amount(0)[-1] if receipt.locale.money.startswith("{") else receipt.locale.money[0],))
    for item in receipt.items:
        pen.row((receipt.name_of(item),), (f"{receipt.number_of(item.total)} A",))
        if item.pieces > 1:
            pen.line(f"   {item.pieces} x {receipt.number_of(item.price)}")
    pen.rule("dashes")
    if receipt.locale.tax_on_top:
        pen.row((receipt.word("subtotal"),), (receipt.number_of(receipt.net),))
        pen.row((receipt.tax_name,), (Mark("tax", receipt.number_of(receipt.tax)),))
    pen.row((receipt.word("total"),), (receipt.marked("total", receipt.total),), scale=1.45, bold=True)
    _paid(pen, receipt, random)
    pen.gap()
    if not receipt.locale.tax_on_top:
        _tax_table(pen, receipt)
    pen.rule("dashes")
    pen.row(
        (Mark("date", receipt.locale.short_date(receipt.day)), f"  {receipt.time}"),
        (f"{receipt.word('receipt_no')} ", Mark("receipt_number", receipt.number)),
    )
    pen.line(f"{receipt.word('till')} {receipt.table:02d}  {receipt.word('served')} {receipt.person}")
    pen.gap()
    pen.line(receipt.word("thanks"), align="center")
    pen.gap()
    pen.barcode("2" + "".join(str(random.randrange(10)) for _ in range(12)), random)


def cafe(pen: Pen, receipt: Receipt, random: Random) -> None:
    logos.cup(pen)
    pen.line(Mark("company", receipt.company), align="center", scale=1.7)
    _address(pen, receipt, "center", joined=True)
    pen.line(Mark("phone", receipt.phone), align="center")
    pen.rule("dots")
    pen.row(
        (f"{receipt.word('table')} {receipt.table}",),
        (Mark("date", receipt.locale.short_date(receipt.day)), f", {receipt.time}"),
    )
    pen.line(f"{receipt.word('receipt_no')} ", Mark("receipt_number", receipt.number))
    pen.rule("dots")
    for item in receipt.items:
        pen.row((f"{item.pieces}  ", receipt.name_of(item)), (receipt.number_of(item.total),))
    pen.rule("dots")
    pen.row((receipt.word("net"),), (receipt.number_of(receipt.net),), scale=0.9)
    pen.row((receipt.tax_name,), (Mark("tax", receipt.number_of(receipt.tax)),), scale=0.9)
    pen.gap(0.3)
    pen.row((receipt.word("total"),), (receipt.marked("total", receipt.total),), scale=1.4, bold=True)
    pen.gap()
    pen.line(receipt.word("thanks"), align="center")
    pen.line("~ ~ ~", align="center")


def petrol(pen: Pen, receipt: Receipt, random: Random) -> None:
    logos.drop(pen)
    pen.line(Mark("company", receipt.company), scale=1.35, bold=True)
    _address(pen, receipt, "left")
    pen.line(f"{receipt.word('phone')}: ", Mark("phone", receipt.phone))
    pen.rule("solid")
    pen.row((f"{receipt.word('receipt_no')}:",), (Mark("receipt_number", receipt.number),))
    pen.row((f"{receipt.word('date')}:",), (Mark("date", receipt.locale.short_date(receipt.day)),))
    pen.row((f"{receipt.word('time')}:",), (receipt.time,))
    pen.rule("solid")
    fuel = receipt.items[0]
    pen.line("* ", receipt.name_of(fuel), bold=True, scale=1.15)
    pen.row(
        (f"{receipt.word('pump')} {receipt.table % 9 + 1}",),
        (f"{receipt.word('litres')} {receipt.number_of(fuel.quantity)}",),
    )
    pen.row((f"{receipt.word('price')} / {receipt.word('litres')[:1]}",), (receipt.number_of(fuel.price),))
    pen.gap()
    pen.row((receipt.word("net"),), (receipt.number_of(receipt.net),))
    pen.row(("+ ", receipt.tax_name), (Mark("tax", receipt.number_of(receipt.tax)),))
    pen.rule("double")
    pen.row((receipt.word("total").upper(),), (receipt.marked("total", receipt.total),), scale=1.5, bold=True)
    pen.rule("double")
    pen.line(f"{receipt.word('card')}  **** **** **** {random.randrange(10000):04d}")
    pen.gap()
    pen.line(receipt.word("visit"), align="center")


def taxi(pen: Pen, receipt: Receipt, random: Random) -> None:
    pen.line(receipt.word("receipt").upper(), align="center", scale=1.5, bold=True)
    logos.checkers(pen)
    pen.line(Mark("company", receipt.company), align="center", bold=True, scale=1.2)
    pen.line(Mark("phone", receipt.phone), align="center")
    _address(pen, receipt, "center")
    pen.gap(0.3)
    pen.line(f"{receipt.word('receipt_no')} ", Mark("receipt_number", receipt.number))
    pen.line(f"{receipt.word('date')} ", Mark("date", receipt.locale.short_date(receipt.day)), f" {receipt.time}")
    stops = random.sample(receipt.locale.streets, 2)
    pen.line(f"{receipt.word('from')}: {stops[0]}")
    pen.line(f"{receipt.word('to')}: {stops[1]}")
    unit = "mi" if receipt.locale.code in ("us", "gb") else "km"
    pen.line(f"{receipt.word('distance')}: {receipt.number_of(receipt.items[1].quantity)} {unit}")
    pen.rule("dashes")
    for item in receipt.items:
        pen.row((receipt.name_of(item),), (receipt.number_of(item.total),))
    pen.rule("dashes")
    _total_and_tax(pen, receipt, receipt.word("total"))
    pen.gap(1.5)
    logos.signature(pen, random)
    pen.line(receipt.word("paid"), align="center", scale=0.85)


def pharmacy(pen: Pen, receipt: Receipt, random: Random) -> None:
    logos.cross(pen)
    pen.line(Mark("company", receipt.company), align="center", scale=1.35, bold=True)
    _address(pen, receipt, "center")
    pen.line(f"{receipt.word('phone')} ", Mark("phone", receipt.phone), align="center")
    pen.gap()
    pen.cells(
        [
            (0, "left", receipt.word("quantity")),
            (0.16, "left", receipt.word("item")),
            (1, "right", receipt.word("amount")),
        ],
        bold=True,
    )
    pen.rule("solid")
    for item in receipt.items:
        pen.cells(
            [
                (0, "left", str(item.pieces)),
                (0.16, "left", receipt.name_of(item)),
                (1, "right", receipt.number_of(item.total)),
            ]
        )
    pen.gap()
    top = pen.y
    pen.row((f" {receipt.word('total')}",), (receipt.marked("total", receipt.total), " "), scale=1.4, bold=True)
    pen.box(top, pen.y)
    pen.gap(0.6)
    pen.row((receipt.tax_name,), (receipt.marked("tax", receipt.tax),), scale=0.9)
    pen.row((receipt.word("net"),), (receipt.amount(receipt.net),), scale=0.9)
    pen.gap()
    pen.line(f"{receipt.word('receipt_no')} ", Mark("receipt_number", receipt.number), scale=0.9)
    pen.line(Mark("date", receipt.locale.short_date(receipt.day)), f" - {receipt.time} - {receipt.person}", scale=0.9)
    pen.gap()
    pen.line(receipt.word("thanks"), align="center", scale=0.9)


def hardware(pen: Pen, receipt: Receipt, random: Random) -> None:
    pen.line(Mark("company", receipt.company.upper()), scale=1.6, bold=True)
    pen.rule("double")
    _address(pen, receipt, "left", joined=True)
    pen.row((Mark("phone", receipt.phone),), (f"{receipt.word('till')} {receipt.table:02d}",))
    pen.gap()
    pen.row(
        (f"{receipt.word('date')} ", Mark("date", receipt.locale.short_date(receipt.day))),
        (f"{receipt.word('receipt_no')} ", Mark("receipt_number", receipt.number)),
    )
    pen.rule("dashes")
    for item in receipt.items:
        pen.line(f"{random.randrange(10**7, 10**8)}  ", receipt.name_of(item))
        pen.row((f"     {item.pieces} x {receipt.number_of(item.price)}",), (receipt.number_of(item.total),))
    pen.rule("dashes")
    _total_and_tax(pen, receipt, receipt.word("total").upper())
    _paid(pen, receipt, random)
    pen.gap()
    pen.line(receipt.word("thanks"))
    pen.barcode(receipt.number.replace("/", ""), random)


def restaurant(pen: Pen, receipt: Receipt, random: Random) -> None:
    pen.line("* * *", align="center")
    pen.line(Mark("company", receipt.company), align="center", scale=1.6, bold=True)
    _address(pen, receipt, "center")
    pen.line(f"{receipt.word('phone')} ", Mark("phone", receipt.phone), align="center")
    pen.gap()
    pen.line(receipt.word("invoice"), align="center", scale=1.25)
    pen.row(
        (f"{receipt.word('table')} {receipt.table}",),
        ("Nr. " if receipt.locale.code == "de" else "# ", Mark("receipt_number", receipt.number)),
    )
    pen.row((receipt.person,), (Mark("date", receipt.locale.long_date(receipt.day)),))
    pen.rule("dots")
    for item in receipt.items:
        pen.cells(
            [
                (0.06, "right", str(item.pieces)),
                (0.1, "left", receipt.name_of(item)),
                (1, "right", receipt.number_of(item.total)),
            ]
        )
    pen.rule("dots")
    pen.row((receipt.word("total"),), (receipt.marked("total", receipt.total),), scale=1.5, bold=True)
    pen.gap(0.3)
    pen.row(
        (f"{receipt.word('net')} {receipt.number_of(receipt.net)}",),
        (receipt.tax_name, "  ", Mark("tax", receipt.number_of(receipt.tax))),
        scale=0.85,
    )
    pen.gap()
    pen.line(f"{receipt.word('tip')}  ____________", align="right")
    pen.gap()
    pen.line(receipt.word("visit"), align="center")


def _address(pen: Pen, receipt: Receipt, align: Align, joined: bool = False) -> None:
    if joined:
        pen.line(Mark("address", f"{receipt.street}, {receipt.town}"), align=align)
        return
    for line in (receipt.street, receipt.town):
        pen.line(Mark("address", line), align=align)


def _total_and_tax(pen: Pen, receipt: Receipt, word: str) -> None:
    """The total, and the tax in it after it; where tax comes on top, before it."""
    tax = Mark("tax", receipt.number_of(receipt.tax))
    total = receipt.marked("total", receipt.total)
    if receipt.locale.tax_on_top:
        pen.row((receipt.word("subtotal"),), (receipt.number_of(receipt.net),))
        pen.row((receipt.tax_name,), (tax,))
    pen.row((word,), (total,), scale=1.35, bold=True)
    if not receipt.locale.tax_on_top:
        pen.row((f"{receipt.word('included')} ", receipt.tax_name), (tax,))


def _paid(pen: Pen, receipt: Receipt, random: Random) -> None:
    """Cash and change, or a card."""
    if random.random() < 0.5:
        pen.row((receipt.word("card"),), (receipt.number_of(receipt.total),))
        return
    given = -(-receipt.total // 500) * 500
    pen.row((receipt.word("cash"),), (receipt.number_of(given),))
    pen.row((receipt.word("change"),), (receipt.number_of(given - receipt.total),))


def _tax_table(pen: Pen, receipt: Receipt) -> None:
    heads: tuple[Part, ...] = ("A", receipt.word("net"), receipt.word("tax"), receipt.word("total"))
    values: tuple[Part, ...] = (
        Mark("tax_rate", f"{receipt.locale.rate}%"),
        receipt.number_of(receipt.net),
        Mark("tax", receipt.number_of(receipt.tax)),
        receipt.number_of(receipt.total),
    )
    for first, *others in (heads, values):
        right: list[tuple[float, Align, Part]] = [
            (place, "right", part) for place, part in zip((0.45, 0.7, 1.0), others, strict=True)
        ]
        pen.cells([(0.0, "left", first), *right], scale=0.85)
