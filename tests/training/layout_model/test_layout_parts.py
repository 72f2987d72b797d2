"""Which documents learn, which answer, and what the examples and curves made of them are like."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from layout_parts import LABELS, SHAPE, sub_words
from made_receipts import SPECS, made_receipt

from ml_backend.document.bio_tags import bare
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.models.layout_model.calibration import Calibration, evidence
from ml_backend.models.layout_model.decoding import Choice, Run, tags_of
from training.trainers.layout_model.calibrating import Answer, calibrate, shown
from training.trainers.layout_model.examples import IGNORED, class_weights, examples, labels_of, word_tags
from training.trainers.layout_model.fitting import last_checkpoint, steps_of
from training.trainers.layout_model.job import JOB, SAMPLES, read_samples, write_job
from training.trainers.layout_model.options import LayoutTraining
from training.trainers.layout_model.parts import Workplace, plan

RECEIPTS = [made_receipt(number) for number in range(100)]


def contents(samples: tuple[Sample, ...]) -> set[str]:
    return {sample.content for sample in samples}


@pytest.mark.parametrize(("number", "dev"), [(8, 0), (100, 5)], ids=["few", "enough for a dev split"])
def test_with_folds_every_document_is_answered_by_one_network_that_has_not_seen_it(number: int, dev: int) -> None:
    parts = plan(RECEIPTS[:number], LayoutTraining())

    assert [part.name for part in parts] == ["fold 1 of 2", "fold 2 of 2", "network"]
    answered = [sample.content for part in parts for sample in part.answered]
    assert sorted(answered) == sorted(sample.content for sample in RECEIPTS[:number])
    for part in parts:
        sets = [contents(part.train), contents(part.dev), contents(part.answered)]
        assert sum(map(len, sets)) == len(set.union(*sets)) == number
    assert not parts[-1].answered
    assert len(parts[0].dev) == dev


def test_with_many_documents_one_network_holds_a_fifth_out() -> None:
    (part,) = plan(RECEIPTS, LayoutTraining(few_documents=50))

    assert len(part.answered) == 20
    assert len(part.dev) == 8
    assert len(part.train) == 72


def test_a_documents_place_does_not_move_with_the_order_of_the_samples() -> None:
    one, other = (plan(some, LayoutTraining(folds=1)) for some in (RECEIPTS, RECEIPTS[::-1]))

    assert contents(one[0].answered) == contents(other[0].answered)
    assert contents(one[0].dev) == contents(other[0].dev)


def test_checkpoints_of_other_data_are_cleared_and_those_of_the_same_stay(tmp_path: Path) -> None:
    options = LayoutTraining(work=tmp_path / "work")
    first = Workplace.of(RECEIPTS[:5], SPECS, options, 0).inner("network")
    (first / "checkpoint").write_text("x")

    again = Workplace.of(RECEIPTS[:5], SPECS, options, 0).inner("network")
    assert (again / "checkpoint").exists()

    for changed in (
        (RECEIPTS[:6], SPECS, options, 0),
        (RECEIPTS[:5], SPECS[:2], options, 0),
        (RECEIPTS[:5], SPECS, replace(options, epochs=3.0), 0),
        (RECEIPTS[:5], SPECS, options, 1),
        ([replace(RECEIPTS[0], fields=()), *RECEIPTS[1:5]], SPECS, options, 0),
    ):
        (Workplace.of(*changed).inner("network") / "checkpoint").write_text("x")
        assert not (Workplace.of(RECEIPTS[:5], SPECS, options, 0).inner("network") / "checkpoint").exists()


def test_a_folder_that_is_not_ours_is_not_cleared(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    Workplace.of(RECEIPTS[:5], SPECS, LayoutTraining(work=tmp_path), 0)

    assert (tmp_path / "thesis.txt").exists()


def test_processes_that_train_together_need_a_folder_that_all_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")

    with pytest.raises(ValueError, match="work"):
        Workplace.of(RECEIPTS[:5], SPECS, LayoutTraining(), 0)


def test_a_job_for_a_launcher_holds_the_very_same_samples(tmp_path: Path) -> None:
    more = {"version": "fields-1", "seed": 0, "country": ""}

    write_job(tmp_path, RECEIPTS, SPECS, LayoutTraining(epochs=2.0, work=tmp_path), more)

    assert list(read_samples(tmp_path / SAMPLES)) == RECEIPTS
    job = json.loads((tmp_path / JOB).read_text())
    assert LayoutTraining(**job["options"]) == LayoutTraining(epochs=2.0)
    assert tuple(FieldSpec(**spec) for spec in job["specs"]) == SPECS


def test_a_checkpoint_that_a_kill_left_half_is_not_gone_on_from(tmp_path: Path) -> None:
    for step, state in ((20, '{"global_step": 20}'), (30, '{"global'), (40, None)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)

    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-20"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-20"]


@pytest.mark.parametrize(
    ("windows", "values", "steps"),
    [
        pytest.param(8, {"max_steps": 7}, 7, id="as said"),
        pytest.param(800, {"epochs": 10.0, "batch_size": 4, "accumulate": 2}, 1000, id="ten epochs"),
        pytest.param(8, {"epochs": 10.0}, 300, id="never fewer than it takes"),
    ],
)
def test_how_long_is_trained(windows: int, values: dict[str, float], steps: int) -> None:
    assert steps_of(windows, LayoutTraining(**values)) == steps  # type: ignore[arg-type]


def test_the_first_piece_of_each_word_bears_its_tag_and_nothing_else_is_learned_from() -> None:
    tags = tags_of(LABELS)
    sample = made_receipt(3)
    wanted = {word: f"{'I' if at else 'B'}-{f.label}" for f in sample.fields for at, word in enumerate(f.words)}
    seen: dict[int, str] = {}

    rows = list(examples([sample], sub_words(), SHAPE, LABELS))

    assert len(rows) > 1
    from ml_backend.models.layout_model.encoding import encode

    for row, window in zip(rows, encode(sample.document, sub_words(), SHAPE), strict=True):
        assert row["input_ids"] == list(window.ids)
        for word, at in window.firsts.items():
            if row["labels"][at] != IGNORED:
                seen[word] = tags[row["labels"][at]]
        learned = [at for at, label in enumerate(row["labels"]) if label != IGNORED]
        assert set(learned) <= set(window.firsts.values())
    assert {word: tag for word, tag in seen.items() if tag != "O"} == wanted
    others = set(range(len(sample.document.pages[0].words))) - set(seen)
    said = {bare(field.text) for field in sample.fields}
    assert all(bare(sample.document.pages[0].words[word].text) in said for word in others)


def test_labels_that_nobody_asked_for_or_that_stand_on_no_word_are_not_learned() -> None:
    sample = replace(RECEIPTS[0], fields=(*RECEIPTS[0].fields, replace(RECEIPTS[0].fields[0], label="ghost")))

    assert labels_of([sample], (*SPECS[:2], FieldSpec("never"))) == ("company", "date")
    assert {tag for page in word_tags(sample, ("date",)) for tag in page.values()} <= {0, 1, 2, IGNORED}


def test_rare_tags_count_more() -> None:
    weights = class_weights({"labels": [[IGNORED, 0, 0, 0, 0, 0, 0, 0, 0, 1]]}, 3)

    assert weights[0] < 1.0 < weights[1]
    assert weights[2] == 1.0


def answer(number: int, chance: float, right: bool, text: str = "5.00") -> Answer:
    choice = Choice(Run("total", 0, (0,), 1.0, chance), 0.0)
    sample = replace(RECEIPTS[number % 100], fields=(Field("total", text, RECEIPTS[0].fields[0].box),))
    said = replace(sample.fields[0], text=text if right else "9.99")
    return Answer(sample, {"total": [(choice, said)]})


@pytest.mark.slow
def test_confidences_are_the_share_that_was_right() -> None:
    """Networks are too sure: what they call .999 is right in nine of ten documents, what they call .6 in three."""
    sure = [answer(n, 0.999, n % 10 != 0) for n in range(200)]
    unsure = [answer(n, 0.6, n % 10 < 3) for n in range(200)]

    calibration = calibrate([*sure, *unsure], [FieldSpec("total", "amount")])

    high, low = (calibration.confidence(some[0].chosen["total"][0][0]) for some in (sure, unsure))
    assert high == pytest.approx(0.9, abs=0.03)
    assert low == pytest.approx(0.3, abs=0.05)
    assert calibration.document is not None


@pytest.mark.slow
def test_nothing_is_known_without_answers_and_more_evidence_is_never_less_confidence() -> None:
    spec = FieldSpec("total", "amount")
    none = calibrate([], [spec])
    contrary = calibrate([answer(n, 0.999 if n % 2 else 0.1, n % 2 == 0) for n in range(200)], [spec])

    for calibration in (none, contrary):
        choices = [Choice(Run("total", 0, (0,), 0.0, chance), 0.0) for chance in (0.1, 0.5, 0.9, 0.999)]
        confidences = [calibration.confidence(choice) for choice in choices]
        assert confidences == sorted(confidences)
        assert [evidence(choice) for choice in choices] == sorted(evidence(choice) for choice in choices)


def test_a_label_that_is_mostly_absent_is_shown_only_when_it_is_likely() -> None:
    calibration = Calibration({"": (1.0, 0.0)}, {"total": 0.4}, {})
    field, rare = answer(1, 0.45, True), FieldSpec("total", "amount")

    assert shown(field, calibration, rare) != []
    assert shown(answer(1, 0.01, True), calibration, rare) == []
