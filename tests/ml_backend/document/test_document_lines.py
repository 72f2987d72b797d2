import pytest

from ml_backend.document.lines import share_out


@pytest.mark.parametrize(
    ("words", "read", "parts"),
    [
        ("A B C", ["A", "B C"], ["A", "B C"]),
        ("A B C", ["A B C"], ["A B C"]),
        ("NEW TOWN", ["", "NEW TOWN"], ["", "NEW TOWN"]),
        ("ONE TWO THREE", ["0NE TW0", "THRE"], ["ONE TWO", "THREE"]),
    ],
)
def test_words_go_to_the_line_that_reads_most_like_them(words: str, read: list[str], parts: list[str]) -> None:
    assert share_out(words.split(), read) == parts
