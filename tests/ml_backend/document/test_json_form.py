"""Pages as JSON: the small picture of a page goes with its words, and is no part of what was read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from builders import page, word
from ml_backend.document.elements import MOST_PICTURE, Document
from ml_backend.document.json_form import document_from_json, document_to_json, page_from_json, page_to_json

PLAIN = page(word("Total"))
SEEN = replace(PLAIN, picture=b"\xff\xd8 not looked at here")


def test_a_page_keeps_its_picture() -> None:
    again = document_from_json(json.loads(json.dumps(document_to_json(Document((SEEN, PLAIN))))))

    assert [one.picture for one in again.pages] == [SEEN.picture, b""]


def test_a_page_without_a_picture_is_written_as_before_there_were_any() -> None:
    assert "picture" not in page_to_json(PLAIN)
    assert page_from_json(page_to_json(PLAIN)).picture == b""


def test_pages_that_say_the_same_are_the_same_whatever_they_look_like() -> None:
    assert SEEN == PLAIN
    assert hash(SEEN) == hash(PLAIN)
    assert repr(SEEN) == repr(PLAIN)


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(7, id="no text"),
        pytest.param(["AAAA"], id="a list"),
        pytest.param(None, id="null"),
        pytest.param("/9j/!!!!", id="no base64"),
        pytest.param("ÿØ", id="bytes as text"),
        pytest.param("A" * (2 * MOST_PICTURE), id="more bytes than pixels"),
    ],
)
def test_what_is_no_picture_is_no_page(picture: Any) -> None:
    with pytest.raises(ValueError, match=r"picture|base64|ASCII"):
        page_from_json({**page_to_json(PLAIN), "picture": picture})
