"""Amounts of money: the total, the tax, the change.

The words left of an amount say what it is. A total is also known by arithmetic (cash less change), by standing twice, and by
being the largest; those clues decide between several totals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ml_backend.models.keywords.found import Context, Found, Search, context_of
from ml_backend.models.keywords.matching import Phrasebook, phrasebook
from ml_backend.models.keywords.role import Role
from ml_backend.models.keywords.roles import AMOUNTS
from ml_backend.models.layout import PageLayout
from ml_backend.models.types.amounts import find_amounts
from ml_backend.models.types.candidate import Candidate

NO_RIVAL = -9.0  # points of the next best value where there is none
SUMMARY_HEADS = frozenset({"gst summary", "tax summary", "tax code"})  # what a table of taxes begins with
SUMMARY_ROWS = 6  # a tax table is this long at most


@dataclass(frozen=True, slots=True)
class _Amount:
    """One amount on the paper, with what stands beside it."""

    layout: PageLayout
    candidate: Candidate
    context: Context
    value: Decimal
    in_summary: bool

    @property
    def rounded(self) -> bool:
        """Whether this is a total after rounding: a "rounding" of a whole unit or more is no rounding."""
        return bool(self.context.hit and "rounding" in self.context.hit.roles and abs(self.value) >= 1)

    @property
    def roles(self) -> frozenset[str]:
        """What the amount is by its words."""
        if self.rounded:
            return frozenset({"total"})
        return self.context.hit.roles if self.context.hit else frozenset()


def search_amounts(search: Search) -> list[Found]:
    """All amounts, ranked for the role that is asked for."""
    phrases = phrasebook(AMOUNTS if search.role in AMOUNTS else (*AMOUNTS, search.role))
    amounts = [amount for layout in search.pages for amount in _amounts(layout, phrases)]
    checks = _Checks.of(amounts)
    scored = [
        (_points(amount, search.role, checks), amount) for amount in amounts if _may_be(amount, search.role, amounts)
    ]
    scored.sort(key=lambda item: -item[0])
    ranked: list[Found] = []
    for points, amount in scored:
        rival = next((p for p, other in scored if other.value != amount.value), NO_RIVAL)
        ranked.append(_found(amount, search.role, points, points - rival))
    return ranked


def _may_be(amount: _Amount, role: Role, amounts: Sequence[_Amount]) -> bool:
    """Whether the amount may have the role: a total needs no word for it, and the only amount of a page may be anything new."""
    if role.name == "total" or role.name in amount.roles:
        return True
    return role not in AMOUNTS and len({other.value for other in amounts}) == 1


def _amounts(layout: PageLayout, phrases: Phrasebook) -> list[_Amount]:
    amounts: list[_Amount] = []
    summary_until = -1
    for segment in layout.segments:
        head = phrases.find(segment.text)
        if head and head.phrase in SUMMARY_HEADS:
            summary_until = segment.row + SUMMARY_ROWS
        for candidate in find_amounts(segment):
            context = context_of(layout, candidate, phrases)
            amounts.append(_Amount(layout, candidate, context, Decimal(candidate.value), segment.row <= summary_until))
    return amounts


@dataclass(frozen=True, slots=True)
class _Checks:
    """What the amounts of a document say of one another."""

    balances: frozenset[Decimal]
    times: Counter[Decimal]
    largest: Decimal

    @classmethod
    def of(cls, amounts: list[_Amount]) -> _Checks:
        paid = [a.value for a in amounts if "paid" in a.roles]
        change = [a.value for a in amounts if "change" in a.roles]
        balances = frozenset(p - abs(c) for p in paid for c in change or [Decimal(0)] if p - abs(c) > 0)
        times = Counter(a.value for a in amounts if not a.roles or a.roles & {"total", "paid"})
        may_be_total = [a.value for a in amounts if not a.roles or a.roles & {"total", "subtotal"}]
        largest = max((*may_be_total, *balances), default=Decimal(0))
        return cls(balances, times, largest)


def _points(amount: _Amount, role: Role, checks: _Checks) -> float:
    """How much speaks for the amount; 0 is nothing either way."""
    points = 2.0 * (amount.candidate.sure - 0.9)
    hit = amount.context.hit
    if role.name in amount.roles:
        points += 3.0 + (min(len(hit.phrase), 20) / 20 if hit else 0.0)
        points -= 0.7 if hit and not hit.exact else 0.0
        points -= 2.0 if amount.context.side == "under" else 0.0
    elif amount.roles:
        points -= 3.0
        points += 2.0 if role.name == "total" and "paid" in amount.roles and amount.value in checks.balances else 0.0
    points -= 2.0 if amount.in_summary and role.name != "tax" else 0.0
    if role.name == "total":
        points += _total_points(amount, checks)
    return points


def _total_points(amount: _Amount, checks: _Checks) -> float:
    if amount.value <= 0:
        return -3.0
    points = 1.5 if amount.value in checks.balances else 0.0
    points += 1.0 if amount.rounded else 0.0
    points += 0.4 * min(2, checks.times[amount.value] - 1) if checks.times[amount.value] else 0.0
    points += 0.7 if amount.value == checks.largest else 0.0
    box = amount.candidate.segment.box
    points += min(1.0, max(0.0, box.height / amount.layout.letter - 1))
    return points + 0.3 * box.center[1]


def _found(amount: _Amount, role: Role, points: float, margin: float) -> Found:
    span = amount.candidate.segment.span(amount.candidate.start, amount.candidate.end)
    return Found((span,), amount.candidate.value, _confidence(points, margin), _reason(amount, role))


def _confidence(points: float, margin: float) -> float:
    # set so that it meets the share that was right on receipts, which benchmarks/fields.py prints
    return max(0.02, min(0.92, 0.2 + 0.12 * points + 0.1 * min(margin, 2.0)))


def _reason(amount: _Amount, role: Role) -> str:
    if role.name in amount.roles and amount.context.hit:
        return f"amount {amount.context.side} '{amount.context.text[-40:]}'"
    return "an amount without a keyword beside it" if not amount.roles else f"amount near '{amount.context.text[-40:]}'"
