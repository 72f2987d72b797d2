"""The one frame of docloop, and every conversion out of it and back.

Inside docloop all geometry lies in ``[0, 1]``: origin at the top left corner of the upright page, x to the right, y down.
Coordinates are kept on a grid of 1e-6 (a fiftieth of a pixel on the widest page), so that a trip through Label Studio's percent
and back gives the very same numbers. The 100 of Label Studio and the 1000 of LayoutLM appear in this file and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

Point = tuple[float, float]

_DIGITS = 6  # of a coordinate in [0, 1]
_PERCENT_DIGITS = 4  # the same grid, in percent


def snap(value: float) -> float:
    """``value`` on the coordinate grid; minus zero becomes zero."""
    return round(value, _DIGITS) + 0.0


def clip(value: float) -> float:
    """``value`` moved into ``[0, 1]``, on the grid."""
    return snap(min(1.0, max(0.0, value)))


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """An upright rectangle: left, top, right, bottom in ``[0, 1]``, ``left <= right`` and ``top <= bottom``.

    ``rotation`` (degrees clockwise, in pixels, about the top left corner, as Label Studio draws it) is 0 for all but boxes that
    an annotator turned; ``left..bottom`` then describe the rectangle before it is turned.
    """

    left: float
    top: float
    right: float
    bottom: float
    rotation: float = 0.0

    @classmethod
    def clipped(cls, left: float, top: float, right: float, bottom: float, rotation: float = 0.0) -> Box:
        """The box with its edges in order, clipped to the page."""
        left, right = sorted((left, right))
        top, bottom = sorted((top, bottom))
        return cls(clip(left), clip(top), clip(right), clip(bottom), round(rotation % 360, _PERCENT_DIGITS) + 0.0)

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def center(self) -> Point:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def intersection(self, other: Box) -> float:
        """Area shared with ``other``, rotation ignored."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)

    def iou(self, other: Box) -> float:
        """Intersection over union in ``[0, 1]``; 0 for two empty boxes."""
        shared = self.intersection(other)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def upright(self, width: int, height: int) -> Box:
        """The smallest box without rotation that holds this one on a page of ``width`` x ``height`` pixels."""
        if not self.rotation:
            return self
        return Quad.of_box(self, width, height).box


@dataclass(frozen=True, slots=True)
class Quad:
    """Four corners in ``[0, 1]``: top left, top right, bottom right, bottom left *of the text*, so clockwise as it is read."""

    points: tuple[Point, Point, Point, Point]

    @classmethod
    def clipped(cls, points: Iterable[Point]) -> Quad:
        corners = tuple((clip(x), clip(y)) for x, y in points)
        if len(corners) != 4:
            raise ValueError(f"a quad has 4 corners, but it was: {len(corners)}")
        return cls(corners)

    @classmethod
    def of_box(cls, box: Box, width: int = 1, height: int = 1) -> Quad:
        """The corners of ``box``; a turned box needs the page size in pixels, since degrees are degrees in pixels."""
        angle = math.radians(box.rotation)
        across = (math.cos(angle) * box.width, math.sin(angle) * box.width * width / height)
        down = (-math.sin(angle) * box.height * height / width, math.cos(angle) * box.height)
        x, y = box.left, box.top
        return cls.clipped(
            [
                (x, y),
                (x + across[0], y + across[1]),
                (x + across[0] + down[0], y + across[1] + down[1]),
                (x + down[0], y + down[1]),
            ]
        )

    @property
    def box(self) -> Box:
        """The upright box around the four corners."""
        xs, ys = zip(*self.points, strict=True)
        return Box(min(xs), min(ys), max(xs), max(ys))


def union(boxes: Iterable[Box]) -> Box:
    """The smallest upright box around all ``boxes`` (rotation ignored). At least one is needed."""
    boxes = list(boxes)
    return Box(
        min(b.left for b in boxes), min(b.top for b in boxes), max(b.right for b in boxes), max(b.bottom for b in boxes)
    )


# -- Label Studio: percent of the image, rotated rectangles ------------------------------------------------


def to_percent(box: Box) -> dict[str, float]:
    """``x y width height rotation`` as Label Studio stores them: percent, clamped, the size taken from the rounded edges."""
    left, top, right, bottom = (
        round(clip(edge) * 100, _PERCENT_DIGITS) for edge in (box.left, box.top, box.right, box.bottom)
    )
    return {
        "x": left,
        "y": top,
        "width": round(right - left, _PERCENT_DIGITS),
        "height": round(bottom - top, _PERCENT_DIGITS),
        "rotation": box.rotation,
    }


def from_percent(x: float, y: float, width: float, height: float, rotation: float = 0.0) -> Box:
    """The box of a Label Studio rectangle, clipped to the page."""
    return Box.clipped(x / 100, y / 100, (x + width) / 100, (y + height) / 100, rotation)


def points_to_percent(points: Iterable[Point]) -> list[list[float]]:
    """Polygon corners as Label Studio stores them."""
    return [[round(clip(x) * 100, _PERCENT_DIGITS), round(clip(y) * 100, _PERCENT_DIGITS)] for x, y in points]


def points_from_percent(points: Iterable[Iterable[float]]) -> list[Point]:
    """Corners in ``[0, 1]`` of a Label Studio polygon, clipped to the page."""
    return [(clip(x / 100), clip(y / 100)) for x, y in points]


# -- LayoutLM: whole numbers from 0 to 1000 ----------------------------------------------------------------

THOUSAND = 1000  # the largest coordinate that models of the LayoutLM family know


def to_thousand(box: Box) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in thousandths of the page, clipped to it; rotation is ignored."""
    left, top, right, bottom = (round(clip(edge) * THOUSAND) for edge in (box.left, box.top, box.right, box.bottom))
    return left, top, right, bottom
