"""What more documents would bring: the learning curve so far, carried on, with how far that can be trusted.

The error of a version falls as a power of the documents that people confirmed, perhaps towards a floor that no document lowers:

    err(n) = err(N) * ((1 - f) * (n / N) ** -b + f)        N: the documents of today, b: how steep, f: the floor's share

Power laws fit most learning curves (Cortes et al. 1993; Viering and Loog 2023, "The shape of learning curves"); weighted least
squares finds theirs well from few points (Figueroa et al. 2012). A single best curve promises too much, though, where a handful
of versions was judged on a handful of documents. So curves are drawn (Monte Carlo, seeded): slopes and floors from 0 to 1, and
for ``FLAT`` of them no slope at all, for ``BOTTOMLESS`` no floor. Each is weighed by its least squares to the versions' errors
(of their logarithms, with binomial standard errors, and some luck), and the forecast is what the weighed curves say. Versions
were judged partly on the same documents, so their errors may rise and fall together: how much is drawn, too. The standard errors
are those of the curve, not of the errors seen (iteratively reweighted least squares): else an error that is high by chance counts
as a certain one, and an early one of those makes the curve fall.

What is said is bounded: nothing beyond twice the documents of today, nothing where the curves disagree, and nothing where no
curve goes through the points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ml_backend.models.manifest import RELEASE_ASKED, Manifest

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Floats = NDArray[numpy.float64]

LEAST_VERSIONS = 3
LEAST_JUDGED = 5  # documents; a version that fewer have judged is no point of a curve ...
MOST_JUDGED = 10**9  # ... nor one whose manifest says that more did
AIM = 0.02  # of F1: what is asked for
SMALLEST = 0.005  # of F1: less is no gain to speak of
WORTH = 0.01  # of F1: where twice the documents bring less than this, there is no more to gain
LOW, HIGH = 0.1, 0.9  # the interval that is said: 80 %
TELLING = 1.5  # times the documents of today: where the next version tells more than the ones before
FIRM = 0.25  # of the forecast: its low end must be at least this, or the forecast says nothing
FLAT = 0.3  # of the curves have no slope: so many learners are at their end before anything is seen
BOTTOMLESS = 0.5  # of the curves have no floor: half of the belief, until the points speak for one
TOGETHER = 0.3  # correlation of the errors of one document's fields (Kish 1965: the design effect)
LUCK = 0.05  # of its error, by which a version is better or worse for the documents it happened to learn from
UNLIKELY = 3.09  # standard deviations: the best curve fits worse than that once in 1,000 times, if there is a curve
DRAWN, KEPT = 20_000, 4_000
_TURNS = 3  # of reweighting; more change nothing
_SHARED = (0.0, 0.3, 0.6, 0.9)  # how alike two versions err on the same document

State = Literal["forecast", "no more to gain", "not enough evidence"]


@dataclass(frozen=True, slots=True)
class Point:
    """A version on the learning curve: ``error`` in ``[0, 1]`` (1 - F1) when ``documents`` were confirmed.

    ``judged`` documents have judged it, by as many independent ``fields``.
    """

    documents: int
    judged: int
    fields: float
    error: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What ``more`` documents bring: ``gain`` (the median), ``low`` and ``high`` (the 80 % interval), all in F1.

    ``documents`` are those confirmed when the newest version was made: ``more`` counts from there, and ``f1`` is what it had.
    ``label`` "" is over all fields. Without evidence, ``missing`` says what would be one, and the figures are 0; ``f1`` is None
    only where no version was judged.
    """

    label: str
    state: State
    versions: int
    documents: int = 0
    more: int = 0
    gain: float = 0.0
    low: float = 0.0
    high: float = 0.0
    f1: float | None = None
    missing: str = ""

    @property
    def sentence(self) -> str:
        """For people: "about 12 more documents for +2.0 points of total's F1 (0.8-3.4)"."""
        of = f"{self.label}'s F1" if self.label else "F1"
        if self.state == "forecast":
            gain, low, high = (f"{100 * value:.1f}" for value in (self.gain, self.low, self.high))
            return f"about {self.more} more documents for +{gain} points of {of} ({low}-{high})"
        if self.state == "no more to gain":
            return (
                f"no more to gain: {self.more} more documents would bring {of} less than {100 * self.high:.1f} points"
            )
        return f"not enough evidence on {of}: {self.missing}"


def forecasts(versions: Sequence[Manifest], seed: int = 0) -> list[Forecast]:
    """Over all fields first, then each label that was judged, by name. The same versions and seed give the same forecasts.

    Only versions of the newest one's kind and labels are points of its curve. One that was asked for a release is none: it
    learned from what was confirmed at another time, and would take all that learned from more documents off the curve.
    """
    versions = [one for one in versions if RELEASE_ASKED not in one.settings]
    newest = versions[-1] if versions else None
    alike = [one for one in versions if newest and one.kind == newest.kind and set(one.labels) == set(newest.labels)]
    labels = sorted({label for one in alike for label in _figures(one).get("labels", {}) if label in one.labels})
    return [forecast(_curve(alike, label), label, seed) for label in ("", *labels)]


def newest_judged(versions: Sequence[Manifest]) -> str:
    """The version whose F1 a forecast begins with; empty where none was judged. It need not be the one that serves."""
    judged = [one.version for one in versions if RELEASE_ASKED not in one.settings and point_of(one)]
    return judged[-1] if judged else ""


def _curve(versions: Sequence[Manifest], label: str) -> list[Point]:
    """The points of a label, but for those of more documents than the newest has: some were deleted since."""
    points = [point for one in versions if (point := point_of(one, label))]
    return [one for one in points if one.documents <= points[-1].documents]


def point_of(version: Manifest, label: str = "") -> Point | None:
    """Where a version stands on the curve of a label ("" for all fields); None if it was not judged by enough documents.

    Out of fold, each answer came of a model that lacked a fifth of the documents, and later a fifth is held out: in both cases a
    version has learned from four fifths of what people confirmed.
    """
    figures, judged = _figures(version), version.metrics.get("documents")
    f1 = figures.get("labels", {}).get(label) if label else figures.get("f1")
    if not isinstance(judged, int) or not LEAST_JUDGED <= judged <= MOST_JUDGED:
        return None
    if not isinstance(f1, int | float) or not 0 <= f1 <= 1 or not version.samples:
        return None
    folded = version.metrics.get("judged") == "out_of_fold"
    fields = 1 if label else max(1, len(figures.get("labels", {})))
    independent = judged * fields / (1 + (fields - 1) * TOGETHER)
    return Point(version.samples + (0 if folded else judged), judged, independent, 1 - float(f1))


def forecast(points: Sequence[Point], label: str = "", seed: int = 0) -> Forecast:
    """What more documents bring, by the learning curve through ``points``; of two with as many documents the last one counts."""
    points = sorted({one.documents: one for one in points}.values(), key=lambda one: one.documents)
    now, f1 = (points[-1].documents, 1 - points[-1].error) if points else (0, None)
    if len(points) < LEAST_VERSIONS:
        missing = (
            f"{len(points)} of the {LEAST_VERSIONS} numbers of documents that a curve needs;"
            " a training with more confirmed documents adds one"
        )
        return Forecast(label, "not enough evidence", len(points), now, f1=f1, missing=missing)
    curves = _curves(points, seed)
    if not curves.fit:
        missing = (
            f"{len(points)} versions differ by more than chance can and follow no learning curve;"
            " were documents or labels changed?"
        )
        return Forecast(label, "not enough evidence", len(points), now, f1=f1, missing=missing)
    more = _fewest(lambda number: curves.gain(number / now)[1] >= AIM, now)
    low, gain, high = curves.gain(more / now)
    if gain >= SMALLEST and low >= FIRM * gain:
        return Forecast(label, "forecast", len(points), now, more, gain, low, high, f1)
    low, gain, high = curves.gain(1.0)
    if high < WORTH:
        return Forecast(label, "no more to gain", len(points), now, now, gain, low, high, f1)
    missing = (
        f"{len(points)} versions, the newest judged by {points[-1].judged} documents, differ by no more than chance can;"
        f" one made at about {math.ceil(TELLING * now)} documents will tell more"
    )
    return Forecast(label, "not enough evidence", len(points), now, f1=f1, missing=missing)


def _fewest(enough: Callable[[int], bool], most: int) -> int:
    """The smallest number from 1 that is enough, or ``most``; more is never less."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


@dataclass(frozen=True, slots=True)
class _Curves:
    """``KEPT`` curves, as often as they are likely: error today, slope and floor. ``fit``: one of all goes through the points."""

    error: Floats
    steep: Floats
    floor: Floats
    fit: bool

    def gain(self, share: float) -> tuple[float, float, float]:
        """What ``share`` more documents bring, in F1: low end, median and high end."""
        import numpy as np

        gains = self.error * (1 - self.floor) * (1 - (1 + share) ** -self.steep)
        low, middle, high = np.quantile(gains, (LOW, 0.5, HIGH))
        return float(low), float(middle), float(high)


def _curves(points: Sequence[Point], seed: int) -> _Curves:
    """Draw curves by how well they fit."""
    import numpy as np

    dice = np.random.default_rng(seed)
    documents, judged, fields, error = (np.array(column, float) for column in zip(*map(_row, points), strict=True))
    steep = dice.uniform(0, 1, DRAWN) * (dice.random(DRAWN) >= FLAT)
    floor = dice.uniform(0, 1, DRAWN) * (dice.random(DRAWN) >= BOTTOMLESS)
    shape = np.log((1 - floor)[:, None] * (documents / documents[-1]) ** -steep[:, None] + floor[:, None])
    seen = (error * fields + 0.5) / (fields + 1)  # never 0, whose logarithm is none
    luck, expected = dice.standard_normal(DRAWN), seen
    for _ in range(_TURNS):
        deviation = np.sqrt((1 - expected) / (expected * fields))  # of the logarithm
        squares, level, spread, weight = _fits(np.log(seen) - shape, deviation, judged)
        level = level + luck * spread
        chance = np.exp(weight - weight.max())
        chance /= chance.sum()
        expected = np.minimum(np.exp(chance @ (level[:, None] + shape)), 0.99)
    kept = dice.choice(DRAWN, KEPT, p=chance)
    fit = bool(squares.min() <= _most(len(points) - 1))
    return _Curves(np.minimum(np.exp(level[kept]), 1.0), steep[kept], floor[kept], fit)


def _fits(left: Floats, deviation: Floats, judged: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Of each curve: the weighted squares that its best level leaves, that level with its standard deviation, and the logarithm
    of how likely it is. Rows of ``left`` are curves: the logarithms of the errors, less the curve's shape.
    """
    import numpy as np

    same = np.sqrt(np.minimum.outer(judged, judged) / np.maximum.outer(judged, judged))
    squares, level, spread, weight = (np.empty(len(left)) for _ in range(4))
    for start, shared in enumerate(_SHARED):
        mine = slice(start, None, len(_SHARED))
        correlation = shared * same
        np.fill_diagonal(correlation, 1.0)
        covariance = correlation * np.outer(deviation, deviation) + np.diag(np.full(len(judged), LUCK**2))
        weights = np.linalg.inv(covariance)
        certain = weights.sum()
        level[mine] = left[mine] @ weights.sum(axis=1) / certain
        rest = left[mine] - level[mine, None]
        squares[mine] = ((rest @ weights) * rest).sum(axis=1)
        spread[mine] = 1 / math.sqrt(certain)
        weight[mine] = -(squares[mine] + np.linalg.slogdet(covariance)[1] + math.log(certain)) / 2
    return squares, level, spread, weight


def _most(freedom: int) -> float:
    """The squares (chi-square) that chance leaves but once in 1,000 times (Wilson and Hilferty 1931)."""
    share = 2 / (9 * freedom)
    return freedom * (1 - share + UNLIKELY * math.sqrt(share)) ** 3


def _row(point: Point) -> tuple[float, float, float, float]:
    return point.documents, point.judged, point.fields, point.error


def _figures(version: Manifest) -> Mapping[str, Any]:
    """What the gate measured of a version; a manifest comes from disk and may hold anything."""
    figures = version.metrics.get("challenger")
    if not isinstance(figures, dict) or not isinstance(figures.get("labels", {}), dict):
        return {}
    return figures
