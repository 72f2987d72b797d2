"""Makes a drawn strip look like a paper that has lived: faded, folded, stained, lit from a side, photographed a little askew.

Colours are floats in ``[0, 1]``, arrays are (height, width) or (height, width, 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from docloop.demo.pen import PixelBox
from ml_backend.document.geometry import Box, Quad, union

Array = NDArray[np.float32]
_PAPERS = ((0.985, 0.98, 0.97), (0.97, 0.965, 0.94), (0.975, 0.98, 0.985), (0.96, 0.95, 0.925))
_DESKS = ((0.42, 0.31, 0.23), (0.30, 0.32, 0.35), (0.62, 0.60, 0.57), (0.20, 0.21, 0.22), (0.55, 0.47, 0.38))


@dataclass(frozen=True, slots=True)
class Wear:
    """What happened to a paper: ``angle`` in degrees against the clock, ``noise`` a standard deviation, ``blur`` in pixels."""

    angle: float
    noise: float
    blur: float
    fading: float = 0.0
    folds: int = 0
    stained: bool = False


def draw_wear(random: Generator, thermal: bool) -> Wear:
    """A believable life; thermal print fades, and receipts are folded more often than letters."""
    return Wear(
        angle=float(random.uniform(-2.5, 2.5)),
        noise=float(random.uniform(0.006, 0.03)),
        blur=float(random.uniform(0.25, 0.75)),
        fading=float(random.uniform(0.1, 0.5)) if thermal and random.random() < 0.55 else 0.0,
        folds=int(random.choice((0, 0, 1, 2) if thermal else (0, 1, 2))),
        stained=bool(random.random() < 0.3),
    )


@dataclass(frozen=True, slots=True)
class Photo:
    """The paper on a desk: how far the strip was moved and turned to get there."""

    image: Image.Image
    left: int
    top: int
    angle: float

    def box(self, boxes: list[PixelBox]) -> Box:
        """The upright box in ``[0, 1]`` of the photo, around these boxes of the strip."""
        return union(self._turned(box).box for box in boxes)

    def _turned(self, box: PixelBox) -> Quad:
        left, top, right, bottom = box
        width, height = self.image.size
        sin, cos = math.sin(math.radians(self.angle)), math.cos(math.radians(self.angle))
        corners = []
        for x, y in ((left, top), (right, top), (right, bottom), (left, bottom)):
            across, down = x + self.left - width / 2, y + self.top - height / 2
            corners.append(
                ((width / 2 + across * cos + down * sin) / width, (height / 2 - across * sin + down * cos) / height)
            )
        return Quad.clipped(corners)


def photograph(strip: Image.Image, wear: Wear, random: Generator) -> Photo:
    """The strip as worn paper on a desk, from above."""
    paper = _worn(strip, wear, random)
    width, height = strip.size
    lean = math.sin(math.radians(abs(wear.angle)))
    left, top = (round(14 + lean * side / 2 + random.uniform(0, 16)) for side in (height, width))
    size = (width + 2 * left, height + 2 * top)
    desk = _desk(size, random)
    flat = Image.new("RGB", size)
    flat.paste(_image(paper), (left, top))
    mask = Image.new("L", size, 0)
    mask.paste(255, (left, top, left + width, top + height))
    turned = flat.rotate(wear.angle, Image.Resampling.BICUBIC)
    edge = mask.rotate(wear.angle, Image.Resampling.BICUBIC)
    # the turned picture is dark outside the paper, so its own edge pixels are taken a little further in
    edge = edge.filter(ImageFilter.MinFilter(3))
    shadow = edge.filter(ImageFilter.GaussianBlur(7)).point(lambda value: round(value * 0.55))
    desk.paste((8, 8, 10), (3, 5), shadow)
    desk.paste(turned, (0, 0), edge)
    seen = desk.filter(ImageFilter.GaussianBlur(wear.blur))
    grain = np.float32(wear.noise) * random.standard_normal((size[1], size[0], 1), np.float32)
    return Photo(_image(_array(seen) + grain), left, top, wear.angle)


def _worn(strip: Image.Image, wear: Wear, random: Generator) -> Array:
    print_on_white = _array(strip)
    height, width = print_on_white.shape[:2]
    ink = 1 - print_on_white
    if wear.fading:
        ink = ink * _fading(height, width, wear.fading, random)[..., None]
    paper = np.asarray(_PAPERS[random.integers(len(_PAPERS))], dtype=np.float32) * (1 - ink)
    paper = paper * _light(height, width, random)[..., None]
    for _ in range(wear.folds):
        paper = paper * _fold(height, width, random)[..., None]
    if wear.stained:
        paper = paper * _coffee_ring(height, width, random)
    return paper


def _fading(height: int, width: int, strength: float, random: Generator) -> Array:
    """How much ink is left: print that faded in waves, with streaks where a dot of the print head was worn."""
    down = np.sin(np.linspace(0, random.uniform(1.5, 5), height) + random.uniform(0, 6))[:, None]
    across = np.sin(np.linspace(0, random.uniform(1, 3), width) + random.uniform(0, 6))[None, :]
    left: Array = (1 - strength * (0.6 + 0.25 * down + 0.15 * across)).astype(np.float32)
    for x in random.integers(0, width, 3):
        left[:, x : x + 1] *= 0.75
    return left


def _light(height: int, width: int, random: Generator) -> Array:
    """Light that falls from a side."""
    across = np.linspace(-1, 1, width)[None, :] * random.uniform(-0.06, 0.06)
    down = np.linspace(-1, 1, height)[:, None] * random.uniform(-0.08, 0.08)
    return (0.94 + across + down).astype(np.float32)


def _fold(height: int, width: int, random: Generator) -> Array:
    """A crease across: dark on one side of the line, light on the other."""
    at = random.uniform(0.2, 0.8) * height
    slope = random.uniform(-0.02, 0.02)
    distance = np.arange(height)[:, None] - (at + slope * np.arange(width)[None, :])
    dark = 0.13 * np.exp(-((distance + 2) ** 2) / 14) + 0.05 * np.exp(-np.abs(distance) / 45) * (distance < 0)
    light = 0.06 * np.exp(-((distance - 3) ** 2) / 10)
    return (1 - dark + light).astype(np.float32)


def _coffee_ring(height: int, width: int, random: Generator) -> Array:
    """The ring that a cup left: thin, of uneven strength, paler inside."""
    x, y = random.uniform(0.1, 0.9) * width, random.uniform(0.15, 0.85) * height
    radius = random.uniform(0.2, 0.3) * width
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = np.hypot(across - x, (down - y) * random.uniform(0.96, 1.04))
    angle = np.arctan2(down - y, across - x)
    uneven = 0.6 + 0.25 * np.sin(angle * 2 + random.uniform(0, 6)) + 0.15 * np.sin(angle * 5 + random.uniform(0, 6))
    ring = np.exp(-(((distance - radius) / 4.5) ** 2)) + 0.35 * np.exp(-(((distance - radius + 9) / 10) ** 2))
    strength = 0.42 * uneven * ring + 0.05 * (distance < radius)
    colour = np.asarray((0.45, 0.75, 1.0), dtype=np.float32)  # brown: takes most of the blue
    left: Array = (1 - strength[..., None] * colour).astype(np.float32)
    return left


def _desk(size: tuple[int, int], random: Generator) -> Image.Image:
    """A plain desk with some grain along it."""
    width, height = size
    colour = np.asarray(_DESKS[random.integers(len(_DESKS))], dtype=np.float32)
    grain = 0.02 * random.standard_normal((height, 1), np.float32) + 0.012 * random.standard_normal(
        (height, width), np.float32
    )
    return _image(colour + grain[..., None]).filter(ImageFilter.GaussianBlur(1.2))


def _array(image: Image.Image) -> Array:
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def _image(array: Array) -> Image.Image:
    return Image.fromarray((np.clip(array, 0, 1) * 255).round().astype(np.uint8))
