"""General lines: rendered text of many languages and fonts, on which a recogniser must not get worse.

They are replayed in training and judged by the gate (with another seed). Their truth is known, nothing is downloaded, and the
same seed gives the same lines as long as the fonts stay the same. Fonts are those of installed packages; Pillow's own is always
there.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Pixels = npt.NDArray[np.uint8]
_PACKAGES = {
    "matplotlib": "mpl-data/fonts/ttf",
    "font_source_sans_pro": "files",
    "font_source_serif_pro": "files",
}
_FILES = (
    "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf",
    "DejaVuSerif.ttf", "DejaVuSerif-Italic.ttf", "STIXGeneral.ttf", "STIXGeneralBol.ttf", "STIXGeneralItalic.ttf",
    "SourceSansPro-Regular.ttf", "SourceSansPro-Bold.ttf", "SourceSerifPro-Regular.ttf", "SourceSerifPro-Bold.ttf",
)  # fmt: skip
# Sentences that hold most letters of their language, and words of business papers.
_SENTENCES = (
    "The quick brown fox jumps over the lazy dog while five wizards watch from the quay",
    "Please pay this invoice within thirty days; goods remain our property until paid in full",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich, Straße für Straße",
    "Zahlbar innerhalb von 14 Tagen ohne Abzug, Lieferung frei Haus, Mehrwertsteuer enthalten",
    "Portez ce vieux whisky au juge blond qui fume; voix ambiguë d'un cœur qui préfère les jattes de kiwis",
    "Veuillez régler la facture dès réception, merci de votre fidélité et à bientôt",
    "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia y frío, añoraba a su querido cachorro",
    "À noite, vovô Kowalsky vê o ímã cair no pé do pinguim queixoso e não há mais pão",
    "Quel vituperabile xenofobo zelante assaggia il whisky ed esclama: alleluja, perché no",
    "Pa's wijze lynx bezag vroom het fikse aquaduct; bedankt en tot ziens in onze winkel",
    "Flygande bäckasiner söka hwila på mjuka tuvor, och priset är inklusive moms",
    "Quizdeltagerne spiste jordbær med fløde, mens cirkusklovnen Walther spillede på xylofon",
    "Törkylempijävongahdus, kiitos käynnistä ja tervetuloa uudelleen",
    "Pchnąć w tę łódź jeża lub ośm skrzyń fig, dziękujemy za zakupy i zapraszamy ponownie",
    "Příliš žluťoučký kůň úpěl ďábelské ódy, cena včetně daně z přidané hodnoty",
    "Árvíztűrő tükörfúrógép, köszönjük a vásárlást, végösszeg forintban",
    "Pijamalı hasta yağız şoföre çabucak güvendi, fiş ve fatura değişim için gereklidir",
    "Do bạch kim rất quý nên sẽ dùng để lắp vô xương, cảm ơn quý khách và hẹn gặp lại",
)
_SIGNS = ("-", "/", ".", ":", "#", "*", "&", "+", "%", "@")


@dataclass(frozen=True, slots=True)
class GeneralLine:
    """A rendered line: ``image`` (height, width, RGB) and what it says."""

    image: Pixels
    text: str


def general_lines(count: int, seed: int) -> list[GeneralLine]:
    """``count`` lines; those of one seed do not depend on ``count``."""
    return [_line(Random(f"general/{seed}/{number}")) for number in range(count)]


def fonts() -> tuple[Path, ...]:
    """The font files of installed packages that lines are drawn with; none is no harm."""
    found = []
    for package, below in _PACKAGES.items():
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            folder = Path(spec.origin).parent / below
            found += [folder / name for name in _FILES if (folder / name).is_file()]
    return tuple(found)


def draw_line(text: str, font: ImageFont.FreeTypeFont, random: Random) -> Pixels:
    """``text`` as print that was scanned: some grey, noise and blur, a margin of a few pixels."""
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    margin = random.randint(2, max(3, (bottom - top) // 5))
    paper, ink = random.randint(225, 255), random.randint(0, 90)
    image = Image.new("L", (max(1, right - left) + 2 * margin, max(1, bottom - top) + 2 * margin), paper)
    ImageDraw.Draw(image).text((margin - left, margin - top), text, font=font, fill=ink)
    if random.random() < 0.6:
        image = image.filter(ImageFilter.GaussianBlur(random.uniform(0.2, 0.8)))
    noise = np.random.default_rng(random.getrandbits(64)).normal(0, random.uniform(0, 7), image.size[::-1])
    grey = np.clip(np.asarray(image, np.float32) + noise, 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _line(random: Random) -> GeneralLine:
    text = _number(random) if random.random() < 0.3 else _words(random)
    return GeneralLine(draw_line(text, _font(random), random), text)


def _font(random: Random) -> ImageFont.FreeTypeFont:
    size = random.randint(16, 44)
    known = _known_fonts()
    if known:
        return ImageFont.truetype(random.choice(known), size)
    own = ImageFont.load_default(size)
    if not isinstance(own, ImageFont.FreeTypeFont):  # a Pillow without FreeType has a font of dots only
        raise TypeError("Pillow was built without FreeType")
    return own


@lru_cache(maxsize=1)
def _known_fonts() -> tuple[Path, ...]:
    return fonts()


def _words(random: Random) -> str:
    words = random.choice(_SENTENCES).split()
    start = random.randrange(len(words))
    text = " ".join(words[start : start + random.randint(1, 6)])
    return random.choice((str, str, str, str.upper, str.title))(text)


def _number(random: Random) -> str:
    kinds = (
        lambda: f"{random.randint(0, 99999) / 100:,.2f}",
        lambda: f"{random.choice('€$£')}{random.randint(1, 9999)}.{random.randint(0, 99):02d}",
        lambda: f"{random.randint(1, 31):02d}/{random.randint(1, 12):02d}/{random.randint(1990, 2039)}",
        lambda: f"{random.randint(0, 23):02d}:{random.randint(0, 59):02d}",
        lambda: f"+{random.randint(1, 99)} {random.randint(100, 999)} {random.randint(10**5, 10**7)}",
        lambda: f"{_letters(random).lower()}.{_letters(random).lower()}@{_letters(random).lower()}.com",
        lambda: f"{_letters(random)}{random.choice(_SIGNS)}{random.randint(0, 10**6)}",
        lambda: f"{_letters(random)} {random.randint(0, 999)}{random.choice(_SIGNS)}{_letters(random).lower()}",
    )
    return random.choice(kinds)()


def _letters(random: Random) -> str:
    return "".join(random.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(random.randint(2, 6)))
