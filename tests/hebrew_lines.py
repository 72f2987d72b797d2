"""Lines of Hebrew print, a script that the wheel's recogniser has never had, with their truth."""

from __future__ import annotations

from random import Random

import pytest
from PIL import Image, ImageFont

from training.reading import general

WORDS = (
    *("חשבונית", "מס", "קבלה", "תאריך", "סכום", "לתשלום", "מחיר", "כמות", "לקוח", "ספק", "טלפון", "כתובת"),
    *("רחוב", "עיר", "שבת", "אשראי", "עודף", "גן", "צפון", "דף"),
)
LEFT, STEP = 40, 80  # pixels: where the lines of a page begin, and from one to the next


def hebrew_font() -> ImageFont.FreeTypeFont:
    files = [path for path in general.fonts() if path.name == "DejaVuSans.ttf"]
    if not files:
        pytest.skip("matplotlib's DejaVu Sans is not installed")
    return ImageFont.truetype(files[0], 32)


def hebrew(count: int, seed: int, font: ImageFont.FreeTypeFont) -> list[general.GeneralLine]:
    random = Random(seed)
    lines = []
    for _ in range(count):
        text = " ".join([random.choice(WORDS) for _ in range(3)] + [f"{random.randint(100, 9999) / 100:.2f}"])
        lines.append(general.GeneralLine(general.draw_line(text, font, random), text))
    return lines


def page_of(lines: list[general.GeneralLine]) -> Image.Image:
    page = Image.new("RGB", (max(one.image.shape[1] for one in lines) + 2 * LEFT, STEP * len(lines) + 40), "white")
    for number, line in enumerate(lines):
        page.paste(Image.fromarray(line.image), (LEFT, STEP * number + 30))
    return page
