"""Making a layout memory: from one document up, with answers for each document as if it had not been remembered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_receipts import SPECS as MADE_SPECS
from made_receipts import made_receipt
from shops import MANY, SPECS, TEA, harbour, mill

from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.document.samples import Sample
from ml_backend.errors import ModelRejected
from ml_backend.models.memory import LayoutMemory
from ml_backend.models.memory.files import FILE
from ml_backend.models.memory.votes import FIXED
from training.trainers.base import Fitted
from training.trainers.memory_trainer import MemoryTrainer


def fit(samples: list[Sample]) -> Fitted:
    return MemoryTrainer().fit(samples, SPECS, "fields-1", lambda stage, share: None)


def said(fields: tuple[Field, ...]) -> set[tuple[str, str]]:
    return {(field.label, field.text) for field in fields}


ONE = harbour("02/03/2024", "10.70")
OTHER = harbour("17/11/2024", "27.70", MANY)
LONE = mill("05/06/2024", "12.00")


def test_each_sample_is_answered_from_the_others_alone() -> None:
    fitted = fit([ONE, OTHER, LONE])

    assert {content: said(fields) for content, fields in fitted.out_of_fold.items()} == {
        ONE.content: said(ONE.fields),
        OTHER.content: said(OTHER.fields),
        LONE.content: set(),
    }


def test_one_sample_is_enough_and_what_is_saved_answers_as_what_was_fitted(tmp_path: Path) -> None:
    fitted = fit([ONE])
    fitted.save(tmp_path)
    answer = LayoutMemory.load(tmp_path, "fields-1").extract(OTHER.document, SPECS)

    assert answer == fitted.extractor.extract(OTHER.document, SPECS)
    assert said(answer.fields) == said(OTHER.fields)
    assert fitted.extractor.version == "fields-1"
    assert isinstance(fitted.extractor, LayoutMemory)
    assert fitted.extractor.curves == FIXED


MANY_OF_ONE_SHOP = [harbour(f"{day:02}/05/2024", f"{day}1.50", TEA if day % 2 else MANY) for day in range(1, 25)]
THREE = (SPECS[0], SPECS[2], SPECS[3])


def fitted_curves(samples: list[Sample]) -> Fitted:
    return MemoryTrainer().fit(samples, THREE, "fields-1", lambda stage, share: None)


@pytest.mark.slow
def test_confidence_falls_where_the_answers_for_others_were_wrong() -> None:
    """The total is a number that the paper does not say: what stands at its place is always wrong."""
    wrong = [
        replace(one, fields=tuple(replace(f, text=f"{i}7.77") if f.label == "total" else f for f in one.fields))
        for i, one in enumerate(MANY_OF_ONE_SHOP)
    ]
    before, after = (
        {f.label: f.confidence for f in fitted_curves(some).extractor.extract(OTHER.document, THREE).fields}
        for some in (MANY_OF_ONE_SHOP, wrong)
    )

    assert before["total"] > 0.9
    assert after.get("total", 0.0) < 0.5
    assert after["company"] > 0.8


@pytest.mark.slow
def test_the_same_samples_give_the_same_file_in_any_order(tmp_path: Path) -> None:
    for name, some in (("one", MANY_OF_ONE_SHOP), ("other", MANY_OF_ONE_SHOP[::-1])):
        (tmp_path / name).mkdir()
        fitted_curves(some).save(tmp_path / name)

    assert (tmp_path / "one" / FILE).read_bytes() == (tmp_path / "other" / FILE).read_bytes()
    assert LayoutMemory.load(tmp_path / "one", "fields-1").curves != FIXED


def test_receipts_of_all_kinds_of_shops_are_no_layout() -> None:
    """They share their table heads and keywords; a company is never taken from another one's receipt."""
    samples = [made_receipt(seed) for seed in range(30)]
    fitted = MemoryTrainer().fit(samples, MADE_SPECS, "fields-1", lambda stage, share: None)

    for sample in samples:
        truth = said(sample.fields)
        wrong = [f for f in fitted.out_of_fold[sample.content] if (f.label, f.text) not in truth]
        assert all(field.confidence < 0.9 for field in wrong)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param([], id="none"),
        pytest.param([replace(ONE, fields=())], id="no region"),
        pytest.param([replace(ONE, fields=(Field("total", "9", Box(0.98, 0.98, 1, 1)),))], id="on white paper"),
        pytest.param([replace(ONE, fields=(replace(ONE.fields[0], label="ghost"),))], id="a label that is not asked"),
    ],
)
def test_samples_that_leave_nothing_to_remember_are_refused(samples: list[Sample]) -> None:
    with pytest.raises(ModelRejected) as refusal:
        fit(samples)

    assert refusal.value.code == "no_region_matches"


def test_progress_is_told_often_and_may_stop_the_run() -> None:
    told: list[float] = []

    def stop(stage: str, share: float) -> None:
        told.append(share)
        if share > 0.5:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        MemoryTrainer().fit([harbour("02/03/2024", f"{n}.70") for n in range(8)], SPECS, "fields-1", stop)

    assert len(told) > 5
    assert all(0.0 <= share <= 1.0 for share in told)
