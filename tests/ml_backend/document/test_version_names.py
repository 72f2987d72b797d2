"""What predictions are called, and which names are docloop's."""

from __future__ import annotations

import pytest

from ml_backend.document.version_names import is_ours, of_model, version_name


def test_a_reader_is_named_only_where_one_has_learned_and_no_name_is_a_part_of_another() -> None:
    plain, read = version_name("fields-3", "4bf1c2d9"), version_name("fields-3", "4bf1c2d9", "91c0de55")
    assert (plain, read) == ("fields-3.4bf1c2d9", "fields-3.91c0de55.4bf1c2d9")
    assert plain not in read, "Label Studio looks for a version anywhere in a name"


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("keywords-1.4bf1c2d9", True),
        ("fields-3.4bf1c2d9", True),
        ("fields-3.91c0de55.4bf1c2d9", True),
        ("fields-3", False),
        ("fields-3.4bf1c2d9.91c0de5", False),
        ("fields-3.4bf1c2d9.91c0de55.91c0de55", False),
        ("fields-3.4bf1c2d9.91c0de55 ", False),
        ("my-model.4bf1c2d9", False),
        ("", False),
    ],
)
def test_only_names_that_docloop_gives_are_its_own(name: str, ours: bool) -> None:
    assert is_ours(name) is ours


def test_a_model_answers_under_one_name_for_each_reader() -> None:
    mine = ["fields-3.4bf1c2d9", "fields-3.91c0de55.4bf1c2d9", "fields-3.4bf1c2d9.91c0de55"]  # the last is of 0.2
    others = ["fields-30.4bf1c2d9", "fields-3.00000000", "fields-3.91c0de55.00000000", "fields-3"]
    assert [name for name in mine + others if of_model(name, "fields-3", "4bf1c2d9")] == mine
