"""The learning forecast on made data: it knows the truth about as often as it says, and promises nothing that is not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ml_backend.ground_truth.forecast import Forecast, Point, forecast, forecasts, point_of
from ml_backend.models.manifest import Manifest

TRAINED_AT = (20, 30, 40, 50, 60, 72, 87, 105)


def made_points(
    error: Any, seed: int, documents: Sequence[int] = TRAINED_AT, fields: int = 4, nested: bool = True
) -> list[Point]:
    """Versions judged by what really happens: every field is hard to some degree, which those of a document share a third of.

    A version gets wrong whatever is harder than its skill, so versions err on the same fields. Not ``nested``: each is judged by
    other documents.
    """
    dice = np.random.default_rng(seed)
    points = []
    shared, own = dice.normal(size=(max(documents), 1)), dice.normal(size=(max(documents), fields))
    crowd = np.sort(dice.normal(size=50_000))
    for number in documents:
        if not nested:
            shared, own = dice.normal(size=(number, 1)), dice.normal(size=(number, fields))
        hard = np.sqrt(0.3) * shared[:number] + np.sqrt(0.7) * own[:number]
        wrong = float((hard < np.quantile(crowd, min(1.0, error(number)))).mean())
        points.append(Point(number, number, number * fields / (1 + (fields - 1) * 0.3), wrong))
    return points


def holds(said: Forecast, error: Any, now: int = TRAINED_AT[-1]) -> bool:
    """Whether the interval has the true gain in it."""
    return said.low <= error(now) - error(now + said.more) <= said.high


CURVES = {
    "steep": lambda n: 2 * n**-0.6,
    "usual": lambda n: n**-0.4,
    "with a floor": lambda n: 1.5 * n**-0.6 + 0.05,
}


@pytest.mark.slow
@pytest.mark.parametrize("nested", [True, False], ids=["same documents", "other documents"])
def test_the_interval_has_the_truth_about_as_often_as_it_says(nested: bool) -> None:
    said = [
        (found, error)
        for error in CURVES.values()
        for seed in range(30)
        if (found := forecast(made_points(error, seed, nested=nested))).state == "forecast"
    ]
    right = sum(holds(found, error) for found, error in said)
    assert len(said) >= 60, "it speaks where there is something to learn"
    assert right / len(said) >= 0.70, f"{right} of {len(said)}"


@pytest.mark.slow
def test_over_curves_of_all_kinds_it_promises_too_much_no_more_often_than_it_says() -> None:
    """Flat ones and those at their floor are among them; versions are judged by other documents each time."""
    right = too_much = spoke = 0
    for seed in range(300):
        dice = np.random.default_rng(seed)
        today, steep = np.exp(dice.uniform(np.log(0.02), np.log(0.15))), dice.uniform() * (dice.random() > 0.3)
        floor = dice.uniform() * (dice.random() > 0.5)
        true = {n: today * ((1 - floor) * (n / 105) ** -steep + floor) for n in range(20, 211)}
        wrong = [(n, round(n * 4 / 1.9), true[n] * np.exp(0.05 * dice.standard_normal())) for n in TRAINED_AT]
        found = forecast([Point(n, n, float(k), dice.binomial(k, min(1.0, p)) / k) for n, k, p in wrong])
        if found.state == "forecast":
            gain = true[105] - true[105 + found.more]
            spoke, right, too_much = spoke + 1, right + (found.low <= gain <= found.high), too_much + (gain < found.low)
    assert spoke >= 60
    assert 0.74 <= right / spoke <= 0.94, f"{right} of {spoke} in the interval of 80 %"
    assert too_much / spoke <= 0.15, f"{too_much} of {spoke} below its low end, which should be one in ten"


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.3, 0.05])
def test_a_flat_curve_promises_nothing(level: float) -> None:
    states = [forecast(made_points(lambda n: level, seed)).state for seed in range(50)]
    assert states.count("forecast") <= 1, "chance alone"


def test_a_curve_without_noise_is_carried_on() -> None:
    points = [Point(n, 5000, 20_000.0, 2 * n**-0.6) for n in TRAINED_AT]
    found = forecast(points, "total")
    assert found.state == "forecast"
    assert holds(found, CURVES["steep"])
    assert found.gain == pytest.approx(0.02, abs=0.002)
    assert abs(CURVES["steep"](105) - CURVES["steep"](105 + found.more) - 0.02) < 0.003
    low, high = f"{100 * found.low:.1f}", f"{100 * found.high:.1f}"
    assert found.sentence == f"about {found.more} more documents for +2.0 points of total's F1 ({low}-{high})"
    assert found.documents == 105
    assert forecast(points[::-1], "total") == found, "whatever the order"


def test_nothing_is_said_beyond_twice_the_documents() -> None:
    found = forecast([Point(n, 5000, 20_000.0, 0.4 * n**-0.3) for n in TRAINED_AT])
    assert (found.state, found.more) == ("forecast", 105)
    assert found.gain < 0.02


@pytest.mark.parametrize(("judged", "error"), [(5000, 0.05), (30, 0.0)], ids=["many judged", "nothing wrong"])
def test_where_no_curve_leads_further_there_is_no_more_to_gain(judged: int, error: float) -> None:
    found = forecast([Point(n, judged, 4.0 * judged, error) for n in TRAINED_AT], "date")
    assert (found.state, found.more) == ("no more to gain", 105)
    assert found.sentence.startswith("no more to gain: 105 more documents would bring date's F1 less than ")


@pytest.mark.parametrize(
    ("points", "missing"),
    [
        ([], "0 of the 3 numbers of documents"),
        ([Point(20, 20, 40, 0.3), Point(30, 30, 60, 0.2)], "2 of the 3 numbers of documents"),
        ([Point(20, 20, 40, 0.3), Point(30, 30, 60, 0.2), Point(30, 30, 60, 0.1)], "2 of the 3 numbers of documents"),
        (
            [Point(n, n, 2 * n, 0.2) for n in (20, 30, 40)],
            "3 versions, the newest judged by 40 documents, differ by no more than chance can; one made at about 60 documents",
        ),
        (
            [Point(n, n, 2 * n, wrong) for n, wrong in ((20, 0.2), (30, 0.25), (40, 0.3))],
            "differ by no more than chance",
        ),
        (
            [Point(n, 5000, 20_000.0, wrong) for n, wrong in ((20, 0.1), (30, 0.15), (40, 0.2), (50, 0.25))],
            "4 versions differ by more than chance can and follow no learning curve",
        ),
    ],
    ids=["none", "two", "two, one again", "flat", "worse by chance", "worse for sure"],
)
def test_too_little_evidence_is_said_with_what_is_missing(points: list[Point], missing: str) -> None:
    found = forecast(points)
    assert (found.state, found.more, found.gain) == ("not enough evidence", 0, 0.0)
    assert missing in found.sentence


def version(number: int, samples: int, **more: Any) -> Manifest:
    figures = {"f1": 0.9, "labels": {"total": 0.8, "date": 1.0}}
    metrics = {"documents": samples, "judged": "out_of_fold", "challenger": figures, **more.pop("metrics", {})}
    return Manifest(
        f"fields-{number}", "combined", "", samples=samples, labels=("total", "date"), metrics=metrics, **more
    )


def test_a_version_stands_where_people_had_confirmed_as_many_documents() -> None:
    folded, held = version(1, 40), version(2, 120, metrics={"documents": 30, "judged": "held_out"})
    assert point_of(folded, "total") == Point(40, 40, 40.0, pytest.approx(0.2))
    assert point_of(held, "total") == Point(150, 30, 30.0, pytest.approx(0.2))
    assert point_of(held) == Point(150, 30, pytest.approx(60 / 1.3), pytest.approx(0.1))


@pytest.mark.parametrize(
    "metrics",
    [
        {"documents": 4},
        {"documents": "many"},
        {"documents": 10**400},
        {"challenger": None},
        {"challenger": {"f1": "0.9", "labels": {"total": None}}},
        {"challenger": {"f1": 7, "labels": {"total": float("nan")}}},
        {"challenger": {"labels": ["total"]}},
    ],
)
def test_a_version_that_nothing_sensible_is_known_of_is_no_point(metrics: Any) -> None:
    odd = version(1, 40, metrics=metrics)
    assert (point_of(odd), point_of(odd, "total")) == (None, None)


def test_only_versions_like_the_newest_one_are_on_its_curve() -> None:
    others = [version(n, 10 * n) for n in range(1, 5)]
    newest = Manifest(**{**{f: getattr(others[-1], f) for f in Manifest.__slots__}, "labels": ("total",)})
    assert [(one.label, one.versions) for one in forecasts(others)] == [("", 4), ("date", 4), ("total", 4)]
    assert [(one.label, one.versions) for one in forecasts([*others, newest])] == [("", 1), ("total", 1)]
    assert [one.sentence for one in forecasts([])] == [
        "not enough evidence on F1: 0 of the 3 numbers of documents that a curve needs;"
        " a training with more confirmed documents adds one"
    ]


def test_what_is_forecast_counts_from_the_newest_version_also_where_documents_were_deleted_since() -> None:
    found = forecasts([version(number, samples) for number, samples in enumerate((20, 40, 90, 60), 1)])
    assert [(one.documents, one.versions) for one in found] == [(60, 3)] * 3


def test_a_training_on_a_release_takes_nothing_off_the_curve_and_adds_nothing() -> None:
    grown = [version(number, samples) for number, samples in enumerate((20, 40, 60), 1)]
    again = version(4, 19, settings={"release_asked": "9" * 64})
    assert forecasts([*grown, again]) == forecasts(grown)
    assert [one.versions for one in forecasts([*grown, again])] == [3] * 3


def test_what_the_newest_version_has_is_said_also_where_a_curve_needs_more_documents() -> None:
    found = forecasts([version(1, 20), version(2, 20)])
    assert [(one.versions, one.f1) for one in found] == [(1, 0.9), (1, 1.0), (1, pytest.approx(0.8))]
    assert "1 of the 3 numbers of documents" in found[0].sentence
