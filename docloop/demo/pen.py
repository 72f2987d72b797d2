"""Draws text on a strip of white paper from top to bottom, and remembers where the labelled texts came to stand.

A part of a line is a string, or a ``Mark``: a string whose place matters. Positions are pixels of the strip.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from ml_backend.errors import SetupError

PixelBox = tuple[float, float, float, float]  # left, top, right, bottom
Align = Literal["left", "center", "right"]
_TALLEST = 4000  # pixels; the strip is cut below the last line

FAMILIES = {
    "sans": ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf", "mpl-data/fonts/ttf/DejaVuSans-Bold.ttf"),
    "mono": ("matplotlib", "mpl-data/fonts/ttf/DejaVuSansMono.ttf", "mpl-data/fonts/ttf/DejaVuSansMono-Bold.ttf"),
    "serif": ("matplotlib", "mpl-data/fonts/ttf/DejaVuSerif.ttf", "mpl-data/fonts/ttf/DejaVuSerif-Bold.ttf"),
    "stix": ("matplotlib", "mpl-data/fonts/ttf/STIXGeneral.ttf", "mpl-data/fonts/ttf/STIXGeneralBol.ttf"),
    "source-sans": ("font_source_sans_pro", "files/SourceSansPro-Regular.ttf", "files/SourceSansPro-Bold.ttf"),
    "source-serif": ("font_source_serif_pro", "files/SourceSerifPro-Regular.ttf", "files/SourceSerifPro-Bold.ttf"),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A text that is the value of a field; ``before`` and ``after`` (a currency) stand beside it and are not part of it."""

    label: str
    text: str
    before: str = ""
    after: str = ""


Part = str | Mark


@dataclass(frozen=True, slots=True)
class Strip:
    """What was drawn: the strip, and for each label its texts and boxes in the order they were drawn."""

    image: Image.Image
    texts: dict[str, str]
    boxes: dict[str, list[PixelBox]]


@lru_cache(maxsize=128)
def font(family: str, bold: bool, size: int) -> ImageFont.FreeTypeFont:
    """A font of the packages in the ``demo`` extra.

    Raises:
        SetupError: the package that holds it is not installed.
    """
    package, *files = FAMILIES[family]
    try:
        folder = Path(str(import_module(package).__file__)).parent
    except ImportError as error:
        raise SetupError(
            "demo_fonts_missing",
            f"The fonts of the sample receipts are in the package {package}, which is not installed.",
            "Run: pip install 'docloop[demo]'",
        ) from error
    return ImageFont.truetype(folder / files[bold], size)


class Pen:
    """A strip ``width`` pixels wide, written in one family at a base size; ``scale`` of a line is relative to it."""

    def __init__(self, width: int, family: str, size: int, ink: tuple[int, int, int] = (30, 30, 34)) -> None:
        self.width = width
        self.size = size
        self.margin = round(width * 0.06)
        self.ink = ink
        self.y = float(self.margin)
        self._family = family
        self._image = Image.new("RGB", (width, _TALLEST), "white")
        self._draw = ImageDraw.Draw(self._image)
        self._texts: dict[str, list[str]] = {}
        self._boxes: dict[str, list[PixelBox]] = {}

    @property
    def inner(self) -> int:
        """Width between the margins."""
        return self.width - 2 * self.margin

    def line(self, *parts: Part, align: Align = "left", scale: float = 1.0, bold: bool = False) -> None:
        """One line of text; too long a line is set smaller."""
        chosen = self._font(scale, bold)
        while self._length(parts, chosen) > self.inner:
            scale *= 0.95
            chosen = self._font(scale, bold)
        free = self.inner - self._length(parts, chosen)
        x = self.margin + {"left": 0.0, "center": free / 2, "right": free}[align]
        self._write(parts, x, chosen)
        self._advance(scale)

    def row(self, left: Sequence[Part], right: Sequence[Part], scale: float = 1.0, bold: bool = False) -> None:
        """A line with something at both ends; the text on the left gives way to the one on the right."""
        chosen = self._font(scale, bold)
        right_length = self._length(right, chosen)
        room = self.inner - right_length - self.size * 0.6
        parts = list(left)
        while self._length(parts, chosen) > room and (shorter := _without_last(parts[-1])):
            parts[-1] = shorter
        self._write(parts, self.margin, chosen)
        self._write(right, self.width - self.margin - right_length, chosen)
        self._advance(scale)

    def cells(self, cells: Sequence[tuple[float, Align, Part]], scale: float = 1.0, bold: bool = False) -> None:
        """A table line: each cell has its place from 0 to 1 between the margins, and stands left, right or centred there."""
        chosen = self._font(scale, bold)
        for place, align, part in cells:
            length = self._length([part], chosen)
            x = self.margin + place * self.inner - {"left": 0.0, "center": length / 2, "right": length}[align]
            self._write([part], x, chosen)
        self._advance(scale)

    def gap(self, lines: float = 0.5) -> None:
        self.y += lines * self.size * 1.35

    def rule(self, style: Literal["solid", "dots", "dashes", "double"] = "solid") -> None:
        """A line across."""
        y = self.y + self.size * 0.25
        left, right = self.margin, self.width - self.margin
        match style:
            case "solid" | "double":
                for offset in (0, 4) if style == "double" else (0,):
                    self._draw.line((left, y + offset, right, y + offset), fill=self.ink, width=2)
            case "dots":
                for x in range(left, right, 9):
                    self._draw.ellipse((x, y, x + 2.5, y + 2.5), fill=self.ink)
            case "dashes":
                for x in range(left, right, 16):
                    self._draw.line((x, y, min(x + 9, right), y), fill=self.ink, width=2)
        self.y += self.size * 0.75

    def box(self, top: float, bottom: float) -> None:
        """A frame between the margins, from ``top`` to ``bottom``."""
        edge = self.size * 0.4
        corners = (self.margin - edge, top - edge, self.width - self.margin + edge, bottom + edge)
        self._draw.rectangle(corners, outline=self.ink, width=2)

    def shade(self, height: float, tone: int = 226) -> None:
        """A grey band behind the line that follows."""
        top = self.y - self.size * 0.2
        self._draw.rectangle((self.margin, top, self.width - self.margin, top + height), fill=(tone, tone, tone))

    def barcode(self, digits: str, random: Random) -> None:
        """Stripes as of a barcode, with the digits below; no scanner reads it."""
        width = round(self.inner * 0.62)
        x = start = (self.width - width) // 2
        height = self.size * 2.2
        while x < start + width:
            thick = random.choice((2, 2, 4, 6))
            self._draw.rectangle((x, self.y, x + thick - 1, self.y + height), fill=self.ink)
            x += thick + random.choice((2, 4, 4))
        self.y += height + self.size * 0.25
        self.line(" ".join(digits), align="center", scale=0.8)

    @property
    def canvas(self) -> ImageDraw.ImageDraw:
        """For logos."""
        return self._draw

    def finish(self, height: int = 0) -> Strip:
        """Cut the strip below the last line; not above ``height``."""
        bottom = min(_TALLEST, max(height, round(self.y + self.margin)))
        texts = {label: " ".join(texts) for label, texts in self._texts.items()}
        return Strip(self._image.crop((0, 0, self.width, bottom)), texts, self._boxes)

    def _font(self, scale: float, bold: bool) -> ImageFont.FreeTypeFont:
        return font(self._family, bold, max(9, round(self.size * scale)))

    def _advance(self, scale: float) -> None:
        self.y += self.size * scale * 1.35

    @staticmethod
    def _length(parts: Sequence[Part], chosen: ImageFont.FreeTypeFont) -> float:
        return sum(chosen.getlength(text) for text, _ in _pieces(parts))

    def _write(self, parts: Sequence[Part], x: float, chosen: ImageFont.FreeTypeFont) -> None:
        baseline = self.y + chosen.size
        for text, label in _pieces(parts):
            self._draw.text((x, baseline), text, font=chosen, fill=self.ink, anchor="ls")
            if label:
                self._texts.setdefault(label, []).append(text)
                self._boxes.setdefault(label, []).append(
                    self._draw.textbbox((x, baseline), text, font=chosen, anchor="ls")
                )
            x += chosen.getlength(text)


def _without_last(part: Part) -> Part:
    """The part without its last character; empty, and so false, when nothing is left."""
    if isinstance(part, str):
        return part[:-1]
    return replace(part, text=part.text[:-1].rstrip()) if len(part.text) > 1 else ""


def _pieces(parts: Sequence[Part]) -> Iterator[tuple[str, str]]:
    """Each piece of text with the label whose value it is, or with none."""
    for part in parts:
        if isinstance(part, str):
            yield part, ""
        else:
            yield from ((part.before, ""), (part.text, part.label), (part.after, ""))
