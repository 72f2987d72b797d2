"""How long something that failed is left alone."""

from __future__ import annotations

from training.pauses import Pauses


def test_each_pause_is_twice_as_long_up_to_the_longest_and_a_success_begins_anew() -> None:
    now = [0.0]
    pauses = Pauses(lambda: now[0], first=15, last=50)
    waits = []
    for _ in range(4):
        assert pauses.over(7)
        waits.append(pauses.failed(7))
        assert not pauses.over(7)
        now[0] += waits[-1]
    assert waits == [15, 30, 50, 50]
    pauses.worked(7)
    assert pauses.failed(7) == 15


def test_the_other_sides_wish_is_heeded_and_other_keys_are_not_touched() -> None:
    pauses = Pauses(lambda: 0.0, first=15)
    assert pauses.failed(7, at_least=120) == 120
    assert pauses.over(8)


def test_a_key_fails_until_it_worked_however_long_its_pause_is_over() -> None:
    pauses = Pauses(lambda: 1e9)
    assert not pauses.failing("a")
    pauses.failed("a")
    assert pauses.failing("a")
    assert not pauses.failing("b")
    pauses.worked("a")
    assert not pauses.failing("a")
