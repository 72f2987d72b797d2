import pytest

from training.reading.gate import Judged, judge
from training.reading.reading_back import Errors, errors


def lines(count: int, edits: int) -> list[Errors]:
    """``count`` lines of ten characters, ``edits`` of which are wrong in each."""
    return [Errors(edits, 10, int(edits == 0), 1)] * count


GENERAL = lines(100, 0)


@pytest.mark.parametrize(
    ("judged", "promoted", "said"),
    [
        (
            Judged(lines(50, 2), lines(50, 1), GENERAL, GENERAL),
            True,
            "Promoted reader-2: 20.0 -> 10.0 % of the characters are misread on 50 held-out lines, over 99 % sure; "
            "0.0 -> 0.0 % on 100 general lines.",
        ),
        (Judged(lines(50, 2), lines(50, 2), GENERAL, GENERAL), False, "reads no better"),
        (Judged(lines(50, 2), lines(50, 3), GENERAL, GENERAL), False, "reads worse"),
        (Judged(lines(9, 9), lines(9, 0), GENERAL, GENERAL), False, "9 held-out lines cannot judge"),
        (
            Judged(lines(50, 2), [*lines(40, 2), *lines(6, 1), *lines(4, 3)], GENERAL, GENERAL),
            False,
            "not measurably better",
        ),
        (Judged(lines(50, 2), lines(50, 1), GENERAL, [*lines(94, 0), *lines(6, 1)]), False, "forgotten too much"),
        (Judged(lines(50, 2), lines(50, 1), GENERAL, [*lines(95, 0), *lines(5, 1)]), True, "0.0 -> 0.5 %"),
        (Judged(lines(50, 2), lines(50, 1), lines(100, 3), lines(100, 1)), True, "30.0 -> 10.0 %"),
    ],
)
def test_a_reader_is_promoted_only_if_it_reads_better_and_has_not_forgotten(
    judged: Judged, promoted: bool, said: str
) -> None:
    verdict = judge(judged, "reader-1", "reader-2")
    assert (verdict.promoted, said in verdict.sentence) == (promoted, True), verdict.sentence
    assert verdict.sentence.startswith("Promoted reader-2" if promoted else "Kept reader-1")


def test_errors_are_counted_by_line_and_add_up() -> None:
    found = errors(["Total 1,00", "", "abc"], ["TOTAL 1.00", "ab", "abc"])
    assert found == [Errors(5, 10, 0, 1), Errors(2, 2, 0, 1), Errors(0, 3, 1, 1)]
    assert sum(found, Errors()).cer == pytest.approx(7 / 15)
    assert errors(["Total 1.00"], ["TOTAL 1.00"], any_case=True) == [Errors(0, 10, 1, 1)]
