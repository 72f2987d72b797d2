import numpy as np
import pytest

from ml_backend.ocr.recognise import Piece, decode, reading_quads

CHARACTERS = ("a", "b", "1", ".", " ")
BLANK = "_"


def answer(path: str, sure: float = 0.8) -> np.ndarray:
    """What the recogniser would say for one character a column; ``_`` is blank."""
    probabilities = np.full((len(path), len(CHARACTERS) + 1), 0.01, np.float32)
    for column, character in enumerate(path):
        probabilities[column, (BLANK, *CHARACTERS).index(character)] = sure
    return probabilities


@pytest.mark.parametrize(
    ("path", "texts", "why"),
    [
        ("____", [], "blank columns are nothing"),
        ("    ", [], "a space is no word"),
        ("aab_b", ["abb"], "repeats are one character unless a blank parts them"),
        ("1_._1", ["1.1"], "a number with a dot is one word"),
        ("a1b", ["a1b"], "a change of script does not end a word"),
        ("_a _ b_", ["a", "b"], "a space ends a word, two do not make an empty one"),
        (" a ", ["a"], "spaces at the ends are dropped"),
        ("a_____b", ["a", "b"], "a wide gap ends a word"),
        ("a____b", ["ab"], "a gap of a usual letter does not"),
    ],
)
def test_columns_become_words(path: str, texts: list[str], why: str) -> None:
    assert [piece.text for piece in decode(answer(path), CHARACTERS, 1.0)] == texts, why


def test_words_lie_where_their_columns_lie_and_padding_does_not_count() -> None:
    (piece,) = decode(answer("__a_b_______"), CHARACTERS, filled=0.5)  # 12 columns, 6 of them the line
    assert piece == Piece("ab", pytest.approx(1.5 / 6), pytest.approx(5.5 / 6), pytest.approx(0.8))


def test_a_word_keeps_its_low_confidence_and_takes_none_from_its_neighbour() -> None:
    probabilities = answer("a b")
    probabilities[2] *= 0.1
    first, second = decode(probabilities, CHARACTERS, 1.0)
    assert (first.text, second.text) == ("a", "b")
    assert first.confidence == pytest.approx(0.8)
    assert second.confidence == pytest.approx(0.08)


def test_a_line_written_downwards_starts_at_its_top_right_corner() -> None:
    across = [[0, 0], [100, 0], [100, 20], [0, 20]]
    down = [[0, 0], [20, 0], [20, 100], [0, 100]]
    expected = [across, [[20, 0], [20, 100], [0, 100], [0, 0]]]
    assert reading_quads(np.array([across, down], np.float32)).tolist() == expected
