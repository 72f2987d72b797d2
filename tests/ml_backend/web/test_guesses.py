"""Wrong passwords are counted by address, for a minute, and never against who knows the right one."""

from __future__ import annotations

import pytest

from ml_backend.web.guesses import WRONG_AT_MOST, Guesses

HOUR = 3600.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guesses(clock: Clock) -> Guesses:
    return Guesses(clock)


def wrong(guesses: Guesses, address: str, times: int = WRONG_AT_MOST) -> None:
    for _ in range(times):
        guesses.wrong(address)


def test_after_ten_wrong_ones_an_address_waits_a_minute_and_no_other_does(guesses: Guesses, clock: Clock) -> None:
    wrong(guesses, "10.0.0.1", WRONG_AT_MOST - 1)
    assert guesses.wait("10.0.0.1") == 0
    wrong(guesses, "10.0.0.1", 1)
    waits = []
    for clock.now in (0.0, 0.5, 59.0, 60.5):
        waits.append((guesses.wait("10.0.0.1"), guesses.wait("10.0.0.2")))
    assert waits == [(60, 0), (60, 0), (1, 0), (0, 0)]


def test_who_was_right_today_is_not_locked_out_by_who_guesses_behind_the_same_proxy(
    guesses: Guesses, clock: Clock
) -> None:
    guesses.right("10.0.0.1")
    wrong(guesses, "10.0.0.1", 50)
    assert guesses.wait("10.0.0.1") == 0
    clock.now = 25 * HOUR
    wrong(guesses, "10.0.0.1")
    assert guesses.wait("10.0.0.1") == 60


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),  # one customer has a whole network of IPv6
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "not an address", True),  # a Unix socket tells none
    ],
)
def test_what_counts_as_one_address(guesses: Guesses, one: str, other: str, together: bool) -> None:
    wrong(guesses, one)
    assert (guesses.wait(other) > 0) is together


def test_many_addresses_do_not_fill_the_memory(guesses: Guesses) -> None:
    for number in range(10_000):
        guesses.wrong(f"10.1.{number >> 8}.{number & 255}")
        guesses.right(f"10.2.{number >> 8}.{number & 255}")
    assert len(guesses._wrong) <= 4096
    assert len(guesses._right) <= 4096
