"""Annotators whose labels contradict everything else."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from made_receipts import SPECS, flipped, made_receipt

from builders import found
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.document.samples import Sample
from training.trust import Doubt, contradictions, doubts, sentence_of

HERE, THERE = Box(0.5, 0.5, 0.6, 0.52), Box(0.1, 0.1, 0.2, 0.12)
NOWHERE = Box(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("champion", "out_of_fold", "contradicted", "why"),
    [
        ([], [found("date", box=HERE)], True, "the same place, another label"),
        ([found("date", box=HERE)], [], True, "the champion says so too"),
        ([found("total", box=HERE)], [found("date", box=HERE)], False, "the champion sides with the annotator"),
        ([found("date", box=HERE)], [found("total", box=HERE)], False, "the challenger does"),
        ([], [found("date", box=THERE)], False, "another place says nothing"),
        ([], [found("date", box=HERE, page=1)], False, "nor does another page"),
        ([], [], False, "a field that no model finds is what people are for"),
        ([], [found("date", "12.50", box=NOWHERE)], True, "without a box the text decides"),
        ([], [found("date", "1.00", box=NOWHERE)], False, "another text"),
    ],
)
def test_what_contradicts_a_field(
    champion: Sequence[Field], out_of_fold: Sequence[Field], contradicted: bool, why: str
) -> None:
    expected = [("total", "date")] if contradicted else []
    assert contradictions([found("total", "12.50", box=HERE)], champion, out_of_fold) == expected, why


def test_a_place_that_bears_two_labels_contradicts_neither() -> None:
    truth = [found("total", box=HERE), found("paid", box=HERE)]
    assert contradictions(truth, [], [found("paid", box=HERE)]) == []
    assert contradictions(truth, [], [found("date", box=HERE)]) == [("total", "date"), ("paid", "date")]


def batch(seed: int, documents: int = 36, slips: float = 0.03) -> list[Sample]:
    """Receipts of three annotators, each of whom forgets a field now and then."""
    chosen = random.Random(seed).sample(range(60), documents)
    return [replace(made_receipt(number, slips=slips), annotator=1 + n % 3) for n, number in enumerate(chosen)]


def imperfect(samples: Sequence[Sample], seed: int) -> dict[str, list[Field]]:
    """A model that finds four fields in five, and gives one in two hundred the wrong label."""
    dice = random.Random(seed)
    labels = [spec.label for spec in SPECS]
    return {
        sample.content: [
            replace(field, label=dice.choice(labels)) if dice.random() < 0.005 else field
            for field in sample.fields
            if dice.random() < 0.8
        ]
        for sample in samples
    }


@pytest.mark.parametrize("swap", [False, True], ids=["any other label", "always the same other label"])
def test_an_annotator_with_wrong_labels_is_in_doubt_and_nobody_else(swap: bool) -> None:
    missed = []
    for seed in range(20):
        samples = batch(seed)
        model = imperfect(samples, seed)
        wrong = [s for s in samples if s.annotator != 2]
        wrong += flipped([s for s in samples if s.annotator == 2], (0.1, 0.2, 0.3, 0.4)[seed % 4], seed, swap)
        if [doubt.annotator for doubt in doubts(wrong, {}, model)] != [2]:
            missed.append(seed)
    assert len(missed) <= 1, missed


def test_honest_annotators_are_rarely_in_doubt() -> None:
    batches = [batch(seed) for seed in range(40)]
    assert sum(bool(doubts(samples, {}, imperfect(samples, n))) for n, samples in enumerate(batches)) <= 2


def test_labels_that_every_model_confuses_put_nobody_in_doubt() -> None:
    """The keyword baseline calls every member number a total; all annotators contradict it alike."""
    samples = batch(0)
    confused = {
        s.content: [replace(field, label="total") if field.label == "member" else field for field in s.fields]
        for s in samples
    }
    assert doubts(samples, confused, {}) == doubts(samples, {}, confused) == ()


def test_the_only_annotator_is_right_unless_hardly_anything_fits() -> None:
    samples = [replace(sample, annotator=None) for sample in batch(0)]
    model = {sample.content: list(sample.fields) for sample in samples}
    assert doubts(flipped(samples, 0.1, seed=0), {}, model) == ()
    [doubt] = doubts(flipped(samples, 0.3, seed=0), {}, model)
    assert (doubt.annotator, doubt.documents) == (None, 36)
    assert sentence_of([doubt]).startswith(
        f"{doubt.contradicted} of {doubt.fields} fields of an unknown annotator contradict"
    )


def test_who_submitted_nearly_everything_is_not_judged_by_the_few_others() -> None:
    samples = [replace(sample, annotator=1 if n < 33 else 2) for n, sample in enumerate(batch(0))]
    model = {sample.content: list(sample.fields) for sample in samples}
    assert doubts(flipped(samples[:33], 0.1, seed=0) + samples[33:], {}, model) == ()


def test_a_document_that_no_model_answered_is_no_evidence() -> None:
    samples = batch(0)
    assert doubts(flipped(samples, 0.3, seed=0), {}, {}) == ()


def test_the_sentence_names_people_by_number_and_labels_by_name_and_quotes_no_document() -> None:
    samples = batch(3)
    model = {sample.content: list(sample.fields) for sample in samples}
    wrong = [s for s in samples if s.annotator != 2] + flipped([s for s in samples if s.annotator == 2], 0.2, 3, True)
    found_doubts = doubts(wrong, {}, model)
    assert [(d.annotator, d.documents) for d in found_doubts] == [(2, 12)]
    sentence = sentence_of(found_doubts)
    assert "fields of annotator 2 contradict the other documents" in sentence
    texts = {word for sample in samples for field in sample.fields for word in field.text.split() if len(word) > 3}
    assert not [text for text in texts if text in sentence]


def test_nobody_in_doubt_is_nothing_to_say() -> None:
    assert sentence_of(()) == ""
    assert "annotator 4" in sentence_of([Doubt(4, 1, 5, 2, (("a", "b", 2),))])
