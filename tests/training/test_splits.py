"""Splits by hash."""

from __future__ import annotations

import pytest

from ml_backend.document.splits import split_of
from training.splits import HeldOut, held_out

DOCUMENTS = [f"{number:064x}" for number in range(3000)]
SPLITS = ["train", "train", "train", "test", "train", "train", "train", "train"]


def test_the_place_of_a_document_is_the_same_for_ever() -> None:
    """A change here would move held-out documents of running projects into training."""
    assert [split_of(content) for content in DOCUMENTS[:8]] == SPLITS


def test_shares_are_about_70_10_20() -> None:
    shares = {name: sum(split_of(c) == name for c in DOCUMENTS) / 3000 for name in ("train", "val", "test")}
    assert shares == pytest.approx({"train": 0.7, "val": 0.1, "test": 0.2}, abs=0.03)


def test_the_held_out_documents_stay_held_out_as_data_grows() -> None:
    before, after = held_out(DOCUMENTS[:500]), held_out(DOCUMENTS)
    assert before.contents < after.contents
    assert not (after.contents - before.contents) & set(DOCUMENTS[:500])


def test_below_25_held_out_documents_all_documents_stand_in_out_of_fold() -> None:
    test = [content for content in DOCUMENTS if split_of(content) == "test"]
    train = [content for content in DOCUMENTS if split_of(content) == "train"][:30]
    assert held_out(test[:24] + train) == HeldOut(frozenset(test[:24] + train), folded=True)
    assert held_out(test[:25] + train) == HeldOut(frozenset(test[:25]), folded=False)


def test_the_words_say_who_judged() -> None:
    assert held_out(DOCUMENTS[:24]).words == "on 24 documents out of fold"
    assert held_out(DOCUMENTS[:1]).words == "on 1 document out of fold"
    assert HeldOut(frozenset(DOCUMENTS[:31]), folded=False).words == "on 31 held-out documents"
