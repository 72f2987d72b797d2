"""What more documents would bring: the learning curve so far, carried on, with how far that can be trusted.

The error of a version falls as a power of the documents that people confirmed, perhaps towards a floor that no document lowers:

    err(n) = err(N) * ((1 - f) * (n / N) ** -b + f)        N: the documents of today, b: how steep, f: the floor's share

Power laws fit most learning curves (Cortes et al. 1993; Viering and Loog 2023, "The shape of learning curves"); weighted least
squares finds theirs well from few points (Figueroa et al. 2012). A single best curve promises too much, though, where a handful
of versions was judged on a handful of documents. So curves are drawn (Monte Carlo, seeded): slopes and floors from 0 to 1, and
for ``FLAT`` of them no slope at all, for ``BOTTOMLESS`` no floor. Each is weighed by its least squares to the versions' errors
(of their logarithms, with binomial standard errors, and some luck), and the forecast is what the weighed curves say. Versions
were judged partly on the same documents, so their errors may rise and fall together: how much is drawn, too.

What is said is bounded: nothing beyond twice the documents of today, and nothing where the curves disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ml_backend.models.manifest import Manifest

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
DRAWN, KEPT = 20_000, 4_000
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

    ``label`` "" is over all fields. Without evidence, ``missing`` says what would be one, and the figures are 0.
    """

    label: str
    state: State
    versions: int
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

    Only versions of the newest one's kind and labels are points of its curve.
    """
    newest = versions[-1] if versions else None
    alike = [one for one in versions if newest and one.kind == newest.kind and set(one.labels) == set(newest.labels)]
    labels = sorted({label for one in alike for label in _figures(one).get("labels", {}) if label in one.labels})
    return [forecast([p for one in alike if (p := point_of(one, label))], label, seed) for label in ("", *labels)]


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
    """What more documents bring, by the learning curve through ``points``."""
    points = sorted({one.documents: one for one in points}.values(), key=lambda one: one.documents)
    if len(points) < LEAST_VERSIONS:
        missing = f"{len(points)} of the {LEAST_VERSIONS} judged versions that a curve needs; each training adds one"
        return Forecast(label, "not enough evidence", len(points), missing=missing)
    import numpy as np

    now = points[-1].documents
    curves = _curves(points, seed)
    f1 = 1 - points[-1].error

    def gains(more: int) -> tuple[float, float, float]:
        low, middle, high = np.quantile(_gains(curves, more / now), (LOW, 0.5, HIGH))
        return float(low), float(middle), float(high)

    more = _fewest(lambda number: gains(number)[1] >= AIM, now)
    low, gain, high = gains(more)
    if gain >= SMALLEST and low >= FIRM * gain:
        return Forecast(label, "forecast", len(points), more, gain, low, high, f1)
    low, gain, high = gains(now)
    if high < WORTH or points[-1].error == 0:
        return Forecast(label, "no more to gain", len(points), now, gain, low, high, f1)
    missing = (
        f"{len(points)} versions, the newest judged by {points[-1].judged} documents, differ by no more than chance can;"
        f" one made at about {math.ceil(TELLING * now)} documents will tell more"
    )
    return Forecast(label, "not enough evidence", len(points), f1=f1, missing=missing)


def _fewest(enough: Callable[[int], bool], most: int) -> int:
    """The smallest number from 1 that is enough, or ``most``; more is never less."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def _curves(points: Sequence[Point], seed: int) -> tuple[Floats, Floats, Floats]:
    """Error today, slope and floor of ``KEPT`` curves, drawn by how well they fit."""
    import numpy as np

    dice = np.random.default_rng(seed)
    documents, judged, fields, error = (np.array(column, float) for column in zip(*map(_row, points), strict=True))
    middle = (error * fields + 0.5) / (fields + 1)  # never 0, whose logarithm is none
    deviation = np.sqrt((1 - middle) / (middle * fields))  # of the logarithm
    steep = dice.uniform(0, 1, DRAWN) * (dice.random(DRAWN) >= FLAT)
    floor = dice.uniform(0, 1, DRAWN) * (dice.random(DRAWN) >= BOTTOMLESS)
    left = np.log(middle) - np.log(
        (1 - floor)[:, None] * (documents / documents[-1]) ** -steep[:, None] + floor[:, None]
    )
    same = np.sqrt(np.minimum.outer(judged, judged) / np.maximum.outer(judged, judged))
    fit, level = np.empty(DRAWN), np.empty(DRAWN)
    for start, shared in enumerate(_SHARED):
        mine = slice(start, None, len(_SHARED))
        correlation = shared * same
        np.fill_diagonal(correlation, 1.0)
        covariance = correlation * np.outer(deviation, deviation) + np.diag(np.full(len(points), LUCK**2))
        weights = np.linalg.inv(covariance)
        certain = weights.sum()
        best = left[mine] @ weights.sum(axis=1) / certain  # the level that fits a curve best, by least squares
        rest = left[mine] - best[:, None]
        squares = np.einsum("ij,jk,ik->i", rest, weights, rest)
        fit[mine] = -(squares + np.linalg.slogdet(covariance)[1] + math.log(certain)) / 2
        level[mine] = best + dice.standard_normal(len(best)) / math.sqrt(certain)
    chance = np.exp(fit - fit.max())
    kept = dice.choice(DRAWN, KEPT, p=chance / chance.sum())
    return np.minimum(np.exp(level[kept]), 1.0), steep[kept], floor[kept]


def _gains(curves: tuple[Floats, Floats, Floats], share: float) -> Floats:
    """What each curve says that ``share`` more documents bring, in F1."""
    error, steep, floor = curves
    return error * (1 - floor) * (1 - (1 + share) ** -steep)


def _row(point: Point) -> tuple[float, float, float, float]:
    return point.documents, point.judged, point.fields, point.error


def _figures(version: Manifest) -> Mapping[str, Any]:
    """What the gate measured of a version; a manifest comes from disk and may hold anything."""
    figures = version.metrics.get("challenger")
    if not isinstance(figures, dict) or not isinstance(figures.get("labels", {}), dict):
        return {}
    return figures
