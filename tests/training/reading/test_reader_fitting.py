"""The fit on made-up features: each character is a direction in space, so that a right fit must read them all."""

import numpy as np
import pytest

from ml_backend.ocr.recogniser.alphabet import Alphabet
from ml_backend.ocr.recogniser.head import Head
from training.reading.fitting import Example, Options, fit_head
from training.reading.reading_back import read_lines
from training.reading.targets import Targets, ignores_case, rest

FEATURES = 24
CHARACTERS = "abcABCxyz"
FAST = Options(least_steps=150, batch=8, rate=0.05, columns=64)
DIRECTIONS = np.random.default_rng(0).normal(size=(40, FEATURES))


def direction(character: str) -> np.ndarray:
    return DIRECTIONS[(" " + CHARACTERS + "שלום").index(character) + 1]


def line(text: str, seed: int = 0) -> np.ndarray:
    """Features of a line: a column for each character, a blank one behind it, some noise."""
    columns = [row for character in text for row in (direction(character), DIRECTIONS[0])]
    noise = np.random.default_rng(seed).normal(size=(len(columns), FEATURES)) * 0.05
    return (np.array(columns) + noise).astype(np.float16)


def head(known: str) -> Head:
    """A last layer that reads the characters of ``known``, and knows the others of the alphabet only by name."""
    weights = np.zeros((FEATURES, len(CHARACTERS) + 2), np.float32)
    weights[:, 0] = DIRECTIONS[0]
    for number, character in enumerate((*CHARACTERS, " "), start=1):
        weights[:, number] = direction(character) * (character in known or character == " ")
    return Head(weights, np.zeros(len(CHARACTERS) + 2, np.float32), Alphabet(CHARACTERS))


def examples(*texts: str) -> list[Example]:
    return [Example(line(text, seed), text) for seed, text in enumerate(texts)]


def read(model: Head, *texts: str) -> list[str]:
    return list(read_lines(model, [line(text, 100 + seed) for seed, text in enumerate(texts)]))


def test_new_characters_and_unread_ones_are_learned() -> None:
    texts = ("של xy", "ום", "לש z", "x םו", "yש", "zל ו")
    fitted = fit_head(head("abc"), examples(*texts), options=FAST)
    assert fitted.alphabet.characters == (*CHARACTERS, *sorted("שלום"))
    # What is learned in visual order is given back in logical order.
    assert read(fitted, "z yx", "םולש") == ["z yx", "שלום"]


def test_rows_of_characters_that_no_line_has_stay_bit_for_bit() -> None:
    before = head(CHARACTERS)
    after = fit_head(before, examples("xyz", "zyx x", "yy z"), options=FAST)
    touched = [0, *(before.alphabet.encode("xyz ")[:])]
    untouched = np.setdiff1d(np.arange(before.alphabet.classes), touched)
    assert (after.weights[:, untouched] == before.weights[:, untouched]).all()
    assert (after.bias[untouched] == before.bias[untouched]).all()
    assert not (after.weights[:, touched] == before.weights[:, touched]).all()


def test_new_rows_do_not_move_old_ones() -> None:
    before = head("abc")
    after = before.with_more(("ש", "ל"), -8.0)
    features = line("abc x").astype(np.float32)
    old = [*range(len(CHARACTERS) + 1), after.alphabet.classes - 1]
    assert (after.logits(features)[:, old] == before.logits(features)).all()
    assert after.alphabet.encode(" ") == [after.alphabet.classes - 1]


def test_the_same_lines_and_seed_give_the_same_layer_and_another_seed_does_not() -> None:
    lines, general = examples("xyz", "zx", "yy", "x y z"), [line("abc")]
    one, same = (fit_head(head("abc"), lines, general, options=FAST) for _ in range(2))
    other = fit_head(
        head("abc"), lines, general, options=Options(least_steps=150, batch=2, rate=0.05, columns=64, seed=1)
    )
    assert (one.weights == same.weights).all()
    assert not (one.weights == other.weights).all()


def test_replay_keeps_what_the_lines_alone_would_make_it_forget() -> None:
    confusing = [Example(line("a" * 4, seed), "xxxx") for seed in range(8)]  # here an a is called x
    options = Options(least_steps=60, batch=8, rate=0.05, columns=64, replay=30.0)
    without = fit_head(head(CHARACTERS), confusing, options=options)
    replayed = fit_head(head(CHARACTERS), confusing, [line("abcABCaaa", seed) for seed in range(8)], options=options)
    assert read(without, "a") == ["x"]
    assert read(replayed, "a") == ["a"]


def test_capitals_for_letters_in_any_case_do_not_teach_capitals() -> None:
    lines = [Example(line(text, seed), text.upper()) for seed, text in enumerate(("abc", "cab", "bb a", "cc"))]
    assert read(fit_head(head(CHARACTERS), lines, any_case=True, options=FAST), "cab") == ["cab"]
    assert read(fit_head(head(CHARACTERS), lines, any_case=False, options=FAST), "cab")[0].isupper()


@pytest.mark.parametrize(
    ("written", "seen", "ignored", "why"),
    [
        ("TOTAL" * 50, "Total" * 50, True, "capitals only, while the print has small letters"),
        ("TOTAL" * 50, "TOTAL" * 50, False, "the print has capitals only, too"),
        ("TOTAl" * 50, "Total" * 50, False, "one small letter shows that case is kept"),
        ("TOTAL" * 3, "Total" * 3, False, "too few letters to tell"),
        ("123" * 99, "12b" * 99, False, "numbers have no case"),
    ],
)
def test_a_transcription_in_capitals_is_noticed(written: str, seen: str, ignored: bool, why: str) -> None:
    assert ignores_case([written], [seen]) is ignored, why


def test_the_classes_that_stay_are_part_of_the_sum() -> None:
    model = head(CHARACTERS)
    targets = Targets(model, ["xy"], any_case=False)
    features = line("ab xy")
    others = rest(model, targets.active, features)
    logits = model.logits(features.astype(np.float32))
    whole = np.log(np.exp(logits).sum(axis=1))
    active = np.exp(logits[:, targets.active]).sum(axis=1)
    assert np.log(active + np.exp(others)) == pytest.approx(whole, rel=1e-5)


def test_lines_too_narrow_for_their_text_are_refused_when_there_are_no_others() -> None:
    with pytest.raises(ValueError, match="wide enough"):
        fit_head(head("abc"), [Example(line("a"), "abcabc")], options=FAST)
