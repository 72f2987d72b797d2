"""A page with its words and fields drawn on it, for people who would rather look than read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ml_backend.document.elements import Page
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Quad

# The first ten colours of Tableau, as in label_config/.
_COLOURS = (
    "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#bcbd22", "#e377c2", "#8c564b", "#7f7f7f",
)  # fmt: skip
_WORD, _UNCERTAIN = "#c8c8c8", "#ff7f0e"


def draw_page(image: Image.Image, page: Page, fields: Sequence[Field]) -> Image.Image:
    """A copy of ``image`` with a thin outline around each word (orange: read with doubt) and a labelled box around each field."""
    result = image.convert("RGB")
    pen = ImageDraw.Draw(result, "RGBA")
    size = result.size
    thick = max(2, round(size[1] / 600))
    font = ImageFont.load_default(size=max(12, round(size[1] / 75)))
    for word in page.words:
        pen.polygon(_pixels(word.quad, size), outline=_UNCERTAIN if word.uncertain else _WORD)
    labels = list(dict.fromkeys(field.label for field in fields))
    for field in fields:
        colour = _COLOURS[labels.index(field.label) % len(_COLOURS)]
        pen.polygon(_pixels(Quad.of_box(field.box, *size), size), outline=colour, fill=colour + "20", width=thick)
        _flag(pen, field, size, colour, font)
    return result


def _flag(
    pen: ImageDraw.ImageDraw,
    field: Field,
    size: tuple[int, int],
    colour: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """The label beside the box, or above it where the page ends: mostly blank paper, so that the text stays readable."""
    text = f" {field.label} {field.confidence:.0%} "
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    width, height = right - left, bottom - top + 4
    x, y = field.box.right * size[0] + 3, field.box.center[1] * size[1] - height / 2
    if x + width > size[0]:
        x, y = size[0] - width, field.box.top * size[1] - height - 2
    if y < 0:
        y = field.box.bottom * size[1] + 2
    pen.rectangle((x, y, x + width, y + height), fill=colour)
    pen.text((x, y + 2 - top), text, fill="white", font=font)


def _pixels(quad: Quad, size: tuple[int, int]) -> list[tuple[float, float]]:
    return [(x * size[0], y * size[1]) for x, y in quad.points]


def drawing_name(source_name: str, page: int, pages: int) -> str:
    """The name of a page's drawing: ``name.png``, or ``name-p2.png`` for documents of several pages."""
    stem = source_name.rpartition(".")[0] or source_name
    return f"{stem}.png" if pages == 1 else f"{stem}-p{page + 1}.png"


def unused(folder: Path, name: str, taken: set[Path]) -> Path:
    """``name`` in ``folder``, numbered if this run has written it already: ``a/x.png`` and ``b/x.png`` are two drawings."""
    stem, _, suffix = name.rpartition(".")
    numbered = (folder / (f"{stem}-{i}.{suffix}" if i > 1 else name) for i in count(1))
    path = next(path for path in numbered if path not in taken)
    taken.add(path)
    return path
