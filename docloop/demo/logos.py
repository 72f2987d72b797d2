"""Small drawings above a shop's name, in the pen's own ink but for the green of a pharmacy."""

from __future__ import annotations

import math
from random import Random

from docloop.demo.pen import Pen

_GREEN = (34, 139, 74)


def cup(pen: Pen) -> None:
    """A cup with steam."""
    size = pen.size * 2.2
    left, top = pen.width / 2 - size / 2, pen.y + size * 0.45
    pen.canvas.chord((left, top - size * 0.55, left + size, top + size * 0.65), 0, 180, fill=pen.ink)
    pen.canvas.arc((left + size * 0.85, top, left + size * 1.2, top + size * 0.4), -90, 100, fill=pen.ink, width=4)
    for x in (0.3, 0.5, 0.7):
        points = [(left + size * (x + 0.04 * math.sin(step)), top - size * (0.1 + 0.05 * step)) for step in range(7)]
        pen.canvas.line(points, fill=pen.ink, width=3)
    pen.y += size * 1.25


def drop(pen: Pen) -> None:
    """A drop of fuel, at the right of the name."""
    size = pen.size * 1.8
    x, y = pen.width - pen.margin - size, pen.y + size * 0.4
    pen.canvas.ellipse((x, y, x + size, y + size), fill=pen.ink)
    pen.canvas.polygon(
        [(x + size * 0.06, y + size * 0.3), (x + size * 0.5, y - size * 0.6), (x + size * 0.94, y + size * 0.3)],
        fill=pen.ink,
    )
    pen.y += size * 1.3


def checkers(pen: Pen) -> None:
    """The band of squares of a taxi."""
    side = pen.size * 0.5
    columns = int(pen.inner / side)
    for row in range(2):
        for column in range(row, columns, 2):
            x, y = pen.margin + column * side, pen.y + row * side
            pen.canvas.rectangle((x, y, x + side, y + side), fill=pen.ink)
    pen.y += side * 3


def cross(pen: Pen) -> None:
    """The cross of a pharmacy."""
    arm = pen.size * 0.75
    x, y = pen.width / 2, pen.y + arm * 1.5
    pen.canvas.rectangle((x - arm / 2, y - arm * 1.5, x + arm / 2, y + arm * 1.5), fill=_GREEN)
    pen.canvas.rectangle((x - arm * 1.5, y - arm / 2, x + arm * 1.5, y + arm / 2), fill=_GREEN)
    pen.y += arm * 3.6


def lanterns(pen: Pen) -> None:
    """Three diamonds of a hotel."""
    side = pen.size * 0.7
    for offset in (-2.2, 0, 2.2):
        x, y = pen.margin + (offset + 3) * side, pen.y + side
        pen.canvas.polygon([(x, y - side), (x + side * 0.7, y), (x, y + side), (x - side * 0.7, y)], fill=pen.ink)
    pen.y += side * 2.6


def parcel(pen: Pen) -> None:
    """A parcel with a ribbon, at the top right."""
    side = pen.size * 3
    x, y = pen.width - pen.margin - side, pen.y
    pen.canvas.rectangle((x, y, x + side, y + side * 0.8), outline=pen.ink, width=4)
    pen.canvas.line((x + side / 2, y, x + side / 2, y + side * 0.8), fill=pen.ink, width=4)
    pen.canvas.line((x, y + side * 0.28, x + side, y + side * 0.28), fill=pen.ink, width=4)


def signature(pen: Pen, random: Random) -> None:
    """A scrawl on a line, in blue ballpoint."""
    x, y, points = pen.margin + pen.inner * 0.25, pen.y, []
    for step in range(60):
        turn = step * 0.55
        points.append(
            (
                x + step * pen.inner / 130 + 9 * math.sin(turn),
                y + 13 * math.sin(turn * 1.7 + random.random()) - step / 6,
            )
        )
    pen.canvas.line(points, fill=(40, 60, 150), width=3, joint="curve")
    pen.y += pen.size * 0.8
    pen.rule("solid")
