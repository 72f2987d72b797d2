"""The sample receipts of the demo: rendered here, seeded, with known truth.

Shops, towns and people are invented. The same seed gives the same pixels as long as Pillow and the fonts stay the same. What
stands on a receipt is ``receipt``, how it is laid out ``till_layouts`` and ``page_layouts``, what the paper went through
``paper``.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

import numpy as np

from docloop.demo import page_layouts, till_layouts
from docloop.demo.locales import LOCALES
from docloop.demo.paper import draw_wear, photograph
from docloop.demo.pen import Pen
from docloop.demo.receipt import Receipt, make_receipt
from ml_backend.document.geometry import Box

LABELS = ("company", "address", "phone", "date", "receipt_number", "tax", "total", "first_item", "tax_rate")
SEED = 20261120


@dataclass(frozen=True, slots=True)
class Sample:
    """One rendered receipt. ``truth`` is each label's text as it stands on the paper (two lines joined by a space)."""

    name: str
    png: bytes
    truth: Mapping[str, str]
    boxes: Mapping[str, Box]
    language: str
    layout: str


@dataclass(frozen=True, slots=True)
class Layout:
    """How a kind of receipt is printed. ``widths`` and ``sizes`` are pixels; ``thermal`` print is grey and fades."""

    draw: Callable[[Pen, Receipt, Random], None]
    families: tuple[str, ...]
    widths: tuple[int, int]
    sizes: tuple[int, int]
    thermal: bool = True


LAYOUTS: Mapping[str, Layout] = {
    "supermarket": Layout(till_layouts.supermarket, ("mono",), (520, 600), (20, 23)),
    "cafe": Layout(till_layouts.cafe, ("source-serif", "stix"), (480, 560), (25, 29), thermal=False),
    "petrol": Layout(till_layouts.petrol, ("mono", "sans"), (500, 580), (20, 23)),
    "hotel": Layout(page_layouts.hotel, ("source-serif", "stix", "serif"), (980, 1120), (24, 27), thermal=False),
    "taxi": Layout(till_layouts.taxi, ("sans", "source-sans"), (420, 480), (21, 24)),
    "pharmacy": Layout(till_layouts.pharmacy, ("source-sans", "sans"), (500, 580), (22, 25)),
    "hardware": Layout(till_layouts.hardware, ("mono", "source-sans"), (540, 620), (20, 23)),
    "online": Layout(page_layouts.online, ("source-sans", "sans"), (1020, 1160), (22, 25), thermal=False),
    "restaurant": Layout(till_layouts.restaurant, ("serif", "source-serif"), (520, 600), (21, 25), thermal=False),
}


def render_samples(count: int = 40, seed: int = SEED) -> Iterator[Sample]:
    """``count`` receipts: from 9 on every layout, from 5 on every country. The first ones do not depend on ``count``.

    Raises:
        SetupError: the fonts are not installed (the ``demo`` extra).
    """
    kinds = tuple(LAYOUTS)
    for index in range(count):
        kind, locale = kinds[index % len(kinds)], LOCALES[index % len(LOCALES)]
        random = Random(f"{seed}/{index}")
        receipt = make_receipt(kind, locale, random)
        yield _render(f"receipt-{index + 1:02d}-{locale.code}-{kind}.png", receipt, random)


def _render(name: str, receipt: Receipt, random: Random) -> Sample:
    layout = LAYOUTS[receipt.kind]
    width, size = random.randint(*layout.widths), random.randint(*layout.sizes)
    tone = random.randint(25, 70) if layout.thermal else random.randint(15, 40)
    pen = Pen(width, random.choice(layout.families), size, (tone, tone, tone + 6))
    layout.draw(pen, receipt, random)
    strip = pen.finish(page_layouts.sheet_height(width) if receipt.kind in ("hotel", "online") else 0)
    chance = np.random.default_rng(random.getrandbits(64))
    photo = photograph(strip.image, draw_wear(chance, layout.thermal), chance)
    out = io.BytesIO()
    photo.image.save(out, "PNG", compress_level=2)
    return Sample(
        name=name,
        png=out.getvalue(),
        truth={label: strip.texts[label] for label in LABELS},
        boxes={label: photo.box(strip.boxes[label]) for label in LABELS},
        language=receipt.locale.language,
        layout=receipt.kind,
    )
