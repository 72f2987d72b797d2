"""Lines for ``benchmarks/ocr_learning.py`` that no training has seen: the machine's own translations, drawn with its fonts.

General lines are messages of vim and other programs in a dozen languages, in fonts that ``training/reading/general.py`` does not
use. Hebrew lines are words of business papers with prices and dates.
"""

from __future__ import annotations

import gettext
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageFont

from ml_backend.ocr.recogniser.alphabet import plain_line
from training.reading.general import GeneralLine, draw_line, fonts

LOCALES = Path("/usr/share/locale")
LANGUAGES = ("de", "fr", "es", "it", "nl", "pt_BR", "sv", "da", "fi", "pl", "cs", "hu", "tr", "vi", "id")
FONTS = Path("/usr/share/fonts/truetype/liberation")
HEBREW = (  # noqa: SIM905 - easier to read than a list
    "חשבונית מס קבלה תאריך סכום לתשלום מחיר כמות סה״כ מע״מ לקוח ספק טלפון כתובת רחוב עיר מיקוד עסקה אשראי מזומן עודף תודה "
    "שקנית אצלנו הנחה פריט לחם חלב גבינה ביצים קפה תה סוכר קמח אורז עגבניה מלפפון בצל גזר תפוח בננה ענבים יין מים מיץ שוקולד "
    "עוגה עוף דג בשר סלט מרק פיצה צלחת כוס סכין מזלג שולחן כיסא דלת חלון בית משרד חנות מרכז צפון דרום מזרח מערב ירושלים חיפה "
    "תל אביב באר שבע נתניה אשדוד רמת גן ראשון שני שלישי רביעי חמישי שישי שבת ינואר פברואר מרץ אפריל מאי יוני יולי אוגוסט"
).split()


def general(count: int, seed: int) -> list[GeneralLine]:
    """``count`` lines in the languages of the machine. Raises SystemExit if it has no translations or fonts."""
    messages = {language: _messages(language) for language in LANGUAGES}
    files = sorted(FONTS.glob("*.ttf"))
    if not files or not any(messages.values()):
        raise SystemExit(f"General lines need translations in {LOCALES} and fonts in {FONTS}.")
    known = [language for language, texts in messages.items() if texts]
    lines = []
    for number in range(count):
        random = Random(f"benchmark general/{seed}/{number}")
        words = random.choice(messages[known[number % len(known)]]).split()
        start = random.randrange(len(words))
        text = " ".join(words[start : start + random.randint(1, 6)])
        font = ImageFont.truetype(random.choice(files), random.randint(16, 44))
        lines.append(GeneralLine(draw_line(text, font, random), text))
    return lines


def hebrew(count: int, seed: int) -> list[GeneralLine]:
    """``count`` lines of Hebrew, drawn from right to left. Raises SystemExit without a font that has it."""
    files = [path for path in fonts() if path.name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")]
    if not files:
        raise SystemExit("Hebrew lines need matplotlib's DejaVu Sans: pip install matplotlib")
    lines = []
    for number in range(count):
        random = Random(f"benchmark hebrew/{seed}/{number}")
        words = [random.choice(HEBREW) for _ in range(random.randint(2, 5))]
        if random.random() < 0.5:
            words.append(
                random.choice(
                    (f"{random.randint(1, 99999) / 100:.2f}", f"{random.randint(1, 28)}/{random.randint(1, 12)}/2026")
                )
            )
        text = plain_line(" ".join(words))
        font = ImageFont.truetype(random.choice(files), random.randint(20, 40), layout_engine=ImageFont.Layout.RAQM)
        lines.append(GeneralLine(draw_line(text, font, random), text))
    return lines


def page_of(lines: list[GeneralLine]) -> Image.Image:
    """The lines one under the other on one white page."""
    gap = 24
    height = sum(line.image.shape[0] + gap for line in lines) + gap
    page = Image.new("RGB", (max(line.image.shape[1] for line in lines) + 2 * gap, height), "white")
    ImageDraw.Draw(page)
    top = gap
    for line in lines:
        page.paste(Image.fromarray(line.image), (gap, top))
        top += line.image.shape[0] + gap
    return page


def _messages(language: str) -> list[str]:
    """Translated messages without place holders."""
    texts: set[str] = set()
    for file in sorted((LOCALES / language / "LC_MESSAGES").glob("*.mo")):
        try:
            catalogue = gettext.GNUTranslations(file.open("rb"))
        except (OSError, UnicodeDecodeError, ValueError):
            continue
        for key, value in catalogue._catalog.items():  # type: ignore[attr-defined]
            if isinstance(key, str) and isinstance(value, str) and key and not set("%\\{}<>\x04|_") & set(value):
                texts.add(plain_line(value))
    return sorted(text for text in texts if 8 <= len(text) <= 200 and text.isprintable())
