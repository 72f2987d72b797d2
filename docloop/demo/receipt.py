"""What stands on a sample receipt, before it is drawn: shop, items, and sums that add up. Money is whole cents."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from random import Random

from docloop.demo.goods import GOODS, PEOPLE, SHOPS
from docloop.demo.locales import LOCALES, Locale
from docloop.demo.pen import Mark, Part

_FIRST_DAY = datetime.date(2025, 1, 7)
_DAYS = 640


@dataclass(frozen=True, slots=True)
class Item:
    """One line. ``quantity`` is in hundredths (litres and kilometres have decimals), ``price`` in cents a piece."""

    name: str
    quantity: int
    price: int

    @property
    def pieces(self) -> int:
        return self.quantity // 100

    @property
    def total(self) -> int:
        return (self.quantity * self.price + 50) // 100


@dataclass(frozen=True, slots=True)
class Receipt:
    """All that a layout needs. ``net + tax == total``, and the items make up ``total``, or ``net`` where tax comes on top."""

    kind: str
    locale: Locale
    company: str
    street: str
    town: str
    phone: str
    day: datetime.date
    time: str
    number: str
    items: tuple[Item, ...]
    net: int
    tax: int
    person: str
    table: int

    @property
    def total(self) -> int:
        return self.net + self.tax

    def word(self, key: str) -> str:
        return self.locale.words[key]

    def number_of(self, cents: int) -> str:
        return self.locale.number(cents)

    def amount(self, cents: int) -> str:
        return self.locale.amount(cents)

    def marked(self, label: str, cents: int) -> Mark:
        """An amount with its currency beside it: the value of the field is the number alone."""
        number = self.number_of(cents)
        before, _, after = self.amount(cents).partition(number)
        return Mark(label, number, before, after)

    def name_of(self, item: Item) -> Part:
        """An item's name; that of the first one is a field that no rule of docloop knows, and that has to be learned."""
        return Mark("first_item", item.name) if item is self.items[0] else item.name

    @property
    def tax_name(self) -> Mark:
        """The tax in words, with its rate, which has to be learned as well."""
        return Mark("tax_rate", f"{self.locale.rate} %", f"{self.word('tax')} ")


def make_receipt(kind: str, locale: Locale, random: Random) -> Receipt:
    """A receipt of a shop of this kind in this country."""
    items = _ITEMS.get(kind, _basket)(kind, locale, random)
    gross = sum(item.total for item in items)
    if locale.tax_on_top:
        net, tax = gross, (gross * locale.rate + 50) // 100
    else:
        net = (gross * 100 + (100 + locale.rate) // 2) // (100 + locale.rate)
        tax = gross - net
    phone = "".join(str(random.randrange(10)) if sign == "#" else sign for sign in random.choice(locale.phones))
    return Receipt(
        kind=kind,
        locale=locale,
        company=SHOPS[kind][LOCALES.index(locale)],
        street=_street(locale, random),
        town=random.choice(locale.towns),
        phone=phone,
        day=_FIRST_DAY + datetime.timedelta(days=random.randrange(_DAYS)),
        time=f"{random.randrange(7, 22):02d}:{random.randrange(60):02d}",
        number=_number(kind, random),
        items=items,
        net=net,
        tax=tax,
        person=random.choice(PEOPLE),
        table=random.randrange(1, 30),
    )


def _street(locale: Locale, random: Random) -> str:
    house, street = random.randrange(2, 180), random.choice(locale.streets)
    return f"{street} {house}" if locale.code in ("de", "es") else f"{house} {street}"


def _number(kind: str, random: Random) -> str:
    match kind:
        case "hotel" | "online":
            return f"{random.choice(('R', 'F', 'INV'))}-{random.randrange(2025, 2027)}-{random.randrange(1, 99999):05d}"
        case "taxi":
            return str(random.randrange(100, 9999))
        case "hardware":
            return f"{random.randrange(10, 99)}/{random.randrange(100000, 999999)}"
        case _:
            return f"{random.randrange(1000, 999999):06d}"


def _basket(kind: str, locale: Locale, random: Random) -> tuple[Item, ...]:
    """A handful of different goods."""
    goods = GOODS[kind]
    most = {"supermarket": 11, "hardware": 7, "online": 5}.get(kind, 5)
    chosen = random.sample(range(len(goods.prices)), random.randint(min(3, most), min(most, len(goods.prices))))
    names = goods.names[locale.language]
    return tuple(Item(names[i], 100 * random.choice((1, 1, 1, 2, 3)), goods.prices[i]) for i in chosen)


def _fuel(kind: str, locale: Locale, random: Random) -> tuple[Item, ...]:
    choice = random.randrange(3)
    names, price = GOODS[kind].names[locale.language], GOODS[kind].prices[choice]
    if locale.code == "us":  # a gallon
        return (Item(names[choice], random.randrange(600, 1600), price * 2),)
    return (Item(names[choice], random.randrange(1800, 6200), price),)


def _ride(kind: str, locale: Locale, random: Random) -> tuple[Item, ...]:
    names, prices = GOODS[kind].names[locale.language], GOODS[kind].prices
    ride = [Item(names[0], 100, prices[0]), Item(names[1], random.randrange(210, 2900), prices[1])]
    if random.random() < 0.5:
        ride.append(Item(names[2], 100 * random.randint(1, 2), prices[2]))
    return tuple(ride)


def _stay(kind: str, locale: Locale, random: Random) -> tuple[Item, ...]:
    nights = random.randint(1, 4)
    names, prices = GOODS[kind].names[locale.language], GOODS[kind].prices
    chosen = [0, 1, *sorted(random.sample((2, 3), random.randint(0, 2)))]
    return tuple(Item(names[i], 100 * (nights if i < 3 else 1), prices[i]) for i in chosen)


_ITEMS = {"petrol": _fuel, "taxi": _ride, "hotel": _stay}
