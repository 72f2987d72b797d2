"""Training the token classifier on a handful of typed receipts, for real."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from confirmed_papers import SPECS, confirmed, field_at, sample

from builders import page, word
from ml_backend.document.elements import Document, Page
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.geometry import Box
from ml_backend.document.samples import Sample
from ml_backend.errors import ModelRejected
from ml_backend.models.keyword_baseline import KeywordBaseline
from training.trainers.base import Fitted
from training.trainers.token_trainer import TokenTrainer

pytestmark = pytest.mark.slow

LEARNED = [confirmed(number) for number in range(12)]
NEW = confirmed(17)


def fit(samples: list[Sample], specs: tuple[FieldSpec, ...] = SPECS, seed: int = 0) -> Fitted:
    return TokenTrainer().fit(samples, specs, "fields-1", lambda stage, share: None, seed)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(LEARNED)


def said(fields: tuple[Field, ...]) -> list[tuple[str, str]]:
    return sorted((field.label, field.text) for field in fields)


def test_a_dozen_receipts_teach_whole_fields_that_no_keyword_tells(fitted: Fitted) -> None:
    answer = fitted.extractor.extract(NEW.document, SPECS)

    assert said(answer.fields) == said(NEW.fields)
    assert {field.label for field in KeywordBaseline().extract(NEW.document, SPECS).fields} < {
        spec.label for spec in SPECS
    }


def test_every_sample_is_answered_by_a_model_that_has_not_seen_it(fitted: Fitted) -> None:
    assert set(fitted.out_of_fold) == {one.content for one in LEARNED}
    right = sum(len(set(said(fitted.out_of_fold[one.content])) & set(said(one.fields))) for one in LEARNED)
    assert right >= 0.8 * sum(len(one.fields) for one in LEARNED)
    # the odd one out is not repeated from memory
    strange = replace(LEARNED[0], fields=(field_at(LEARNED[0].document, "company", "CASH"),))
    assert ("company", "CASH") not in said(fit([strange, *LEARNED[1:]]).out_of_fold[strange.content])


def test_the_same_samples_give_the_same_files_in_any_order(fitted: Fitted, tmp_path: Path) -> None:
    for name, version in (("one", fitted), ("other", fit(LEARNED[::-1]))):
        (tmp_path / name).mkdir()
        version.save(tmp_path / name)

    learned = [(tmp_path / name / "learned.json").read_bytes() for name in ("one", "other")]
    assert learned[0] == learned[1]


def test_a_label_that_is_new_is_known_from_the_next_version_on() -> None:
    table = FieldSpec("table", "text")
    before = [replace(one, fields=one.fields[:4]) for one in LEARNED[:6]]
    after = [replace(one, fields=(*one.fields[:4], replace(one.fields[4], label="table"))) for one in LEARNED[:6]]

    answers = [
        fit(samples, (*SPECS[:4], table)).extractor.extract(NEW.document, [table]) for samples in (before, after)
    ]

    assert [said(answer.fields) for answer in answers] == [[], [("table", NEW.fields[4].text)]]


def test_labels_that_are_not_asked_for_are_left_out_and_unseen_ones_are_the_baselines(fitted: Fitted) -> None:
    specs = (FieldSpec("total", "amount"), FieldSpec("cash", "amount"))

    answer = fitted.extractor.extract(NEW.document, specs)

    assert said(answer.fields) == [("cash", "50.00"), ("total", NEW.fields[3].text)]


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(sample(Document(()), [], "none"), id="no page"),
        pytest.param(sample(Document((Page(600, 900),)), [], "white"), id="a page without words"),
        pytest.param(
            sample(Document((Page(9, 9),)), [Field("total", "1", Box(0, 0, 1, 1))], "?"), id="a field on white"
        ),
        pytest.param(sample(NEW.document, [], "no fields"), id="no fields"),
        pytest.param(sample(NEW.document, [Field("ghost", "x", Box(0, 0, 1, 1))], "g"), id="a label that is not asked"),
        pytest.param(
            sample(Document((page(word(" ")),)), [Field("total", "", Box(0, 0, 1, 1))], "b"), id="white space"
        ),
        pytest.param(replace(NEW, fields=(field_at(NEW.document, "served by", "CASH"),)), id="one example of a label"),
    ],
)
def test_odd_samples_break_nothing(odd: Sample) -> None:
    fitted = fit([odd, *(replace(one, fields=one.fields[:4]) for one in LEARNED[:3])])

    assert set(fitted.out_of_fold) == {odd.content, *(one.content for one in LEARNED[:3])}
    assert fitted.extractor.extract(NEW.document, SPECS).fields


def test_a_document_that_alone_has_anything_to_choose_from_is_answered_as_the_baseline_would() -> None:
    date = FieldSpec("date", "date")
    words = [
        word(text, top=at / 10, bottom=at / 10 + 0.03, line=at) for at, text in enumerate(["to", "be", "or", "not"])
    ]
    plain = [sample(Document((page(*words),)), [], f"plain {number}") for number in range(4)]

    fitted = fit([LEARNED[0], *plain], (date,))

    assert fitted.extractor.extract(NEW.document, [date]).fields
    (told,) = fitted.out_of_fold[LEARNED[0].content]
    assert told.text == KeywordBaseline().extract(LEARNED[0].document, [date]).fields[0].text


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        pytest.param(LEARNED[:2], "too_few_samples", id="two samples"),
        pytest.param([replace(one, fields=()) for one in LEARNED[:4]], "no_region_matches", id="no region"),
        pytest.param(
            [replace(one, fields=(Field("total", "9", Box(0.98, 0.98, 1, 1)),)) for one in LEARNED[:4]],
            "no_region_matches",
            id="regions on white paper",
        ),
        pytest.param(
            [LEARNED[0], *(sample(Document((Page(600, 900),)), [], f"white {n}") for n in range(4))],
            "too_few_words",
            id="the words of all documents are in one",
        ),
    ],
)
def test_samples_that_teach_nothing_are_refused_with_a_reason(samples: list[Sample], code: str) -> None:
    with pytest.raises(ModelRejected) as refusal:
        fit(samples)

    assert refusal.value.code == code


def test_progress_is_told_often_and_may_stop_the_run() -> None:
    told: list[tuple[str, float]] = []

    def stop(stage: str, share: float) -> None:
        told.append((stage, share))
        if stage == "folds" and share > 0.5:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        TokenTrainer().fit(LEARNED[:5], SPECS, "fields-1", stop)

    assert len(told) > 10
    assert all(0.0 <= share <= 1.0 for _, share in told)
