"""The pipeline of one task."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from builders import found, interface, page, predictor, word
from ml_backend.document.elements import Page
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.errors import FetchRefused, ImageRejected
from ml_backend.label_studio.tasks import Task
from ml_backend.ocr.cache import PageCache, PageKey

PAGES = interface("total", paged=True)


def broken(url: str, task: int) -> bytes:
    if "bad" in url:
        raise FetchRefused("fetch_unreachable", f"{url} does not answer.")
    return b"x"


def test_every_page_of_a_document_is_read_and_its_reader_named() -> None:
    made = predictor().predict(Task(1, {"pages": ["a", "b"]}), PAGES, "")
    expected = [Field("total", "12.50", Box(0.1, 0.1, 0.2, 0.12), number, 0.75) for number in (0, 1)]
    assert (made.fields, made.page_sizes) == (tuple(expected), ((60, 90), (60, 90)))
    assert (made.engines, made.model_version) == (("fake", "fake"), f"whole-1.{PAGES.fingerprint}")


def test_one_failing_page_leaves_the_others_and_a_note() -> None:
    made = predictor(broken).predict(Task(1, {"pages": ["good", "bad", "good"]}), PAGES, "")
    assert [field.page for field in made.fields] == [0, 2]
    assert made.notes == ("bad does not answer.",)


def test_a_document_without_any_readable_page_fails_with_the_first_reason() -> None:
    with pytest.raises(FetchRefused, match="bad1"):
        predictor(broken).predict(Task(1, {"pages": ["bad1", "bad2"]}), PAGES, "")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"image": "a"}, "another key"),
        ({"pages": []}, "no page"),
        ({"pages": ["a", ""]}, "an empty URL"),
        ({"pages": [7]}, "not a URL"),
        ({"pages": None}, "null"),
    ],
)
def test_a_task_without_its_image_says_what_it_has(data: dict[str, object], why: str) -> None:
    with pytest.raises(FetchRefused, match="'pages'") as caught:
        predictor().predict(Task(1, data), PAGES, "")
    assert caught.value.code == "task_without_image", why


def test_a_fallback_engine_is_noted_on_the_document_and_on_each_field() -> None:
    read = replace(page(word("a")), engine="tesseract/eng", fallback="rapidocr failed: x")
    made = replace(predictor(), read=lambda image, project: read).predict(Task(1, {"pages": ["a"]}), PAGES, "")
    assert (made.engines, made.notes) == (("tesseract/eng",), ("rapidocr failed: x",))
    assert [field.reason for field in made.fields] == ["rapidocr failed: x"]


def test_a_field_with_a_doubtful_word_says_so() -> None:
    read = page(word("12"), word("5O", confidence=0.3))
    made = replace(predictor(), read=lambda image, project: read).predict(Task(1, {"pages": ["a"]}), PAGES, "")
    assert [field.reason for field in made.fields] == ["read with doubt"]


def test_a_drawn_box_is_answered_with_the_words_inside_and_its_own_label() -> None:
    words = page(word("Total", 0.1, 0.5, 0.2, 0.52), word("12.50", 0.3, 0.5, 0.4, 0.52, confidence=0.6))
    reading = replace(predictor(), read=lambda image, project: words)
    drawn = found("total", "", Box(0.29, 0.49, 0.41, 0.53))
    answer = reading.read_region(Task(1, {"image": "a"}), interface("total"), drawn, "")
    assert answer.fields == (replace(drawn, text="12.50", confidence=0.6),)


def test_a_drawn_box_without_known_words_is_read_on_its_own() -> None:
    def read(image: object, project: str) -> object:
        whole = image.width == 60  # type: ignore[attr-defined]
        return page() if whole else page(word("faint", confidence=0.4))

    reading = replace(predictor(), read=read)  # type: ignore[arg-type]
    answer = reading.read_region(Task(1, {"image": "a"}), interface("total"), found(box=Box(0.2, 0.2, 0.6, 0.4)), "")
    assert [(field.text, field.confidence) for field in answer.fields] == [("faint", 0.4)]


def test_what_was_read_while_another_reader_was_promoted_is_outdated_at_once() -> None:
    promoted = ["91c0de55"]

    def read(image: object, project: str) -> object:
        promoted.append("4bf1c2d9")
        return page(word("12.50"))

    reading = replace(predictor(), read=read, reader=lambda project: promoted[-1])  # type: ignore[arg-type]
    made = reading.predict(Task(1, {"pages": ["a"]}), PAGES, "")
    assert made.model_version == f"whole-1.91c0de55.{PAGES.fingerprint}"
    assert reading.version(PAGES, "") == f"whole-1.4bf1c2d9.{PAGES.fingerprint}"


def test_a_file_that_is_no_page_is_reported_as_such() -> None:
    def refuse(data: bytes) -> tuple[()]:
        raise ImageRejected("image_empty", "The file is empty.")

    with pytest.raises(ImageRejected):
        replace(predictor(), load=refuse).predict(Task(1, {"pages": ["a"]}), PAGES, "")


def test_a_page_that_was_read_comes_with_what_it_looks_like_and_the_cache_of_words_without(tmp_path: Path) -> None:
    cache, key = PageCache(tmp_path, 10**6), PageKey("0", "fake")

    def read(image: object, project: str) -> Page:
        known = cache.get(key)
        cache.put(key, known or page(word("a")))
        return known or page(word("a"))

    reading = replace(predictor(), read=read).read_task(Task(1, {"pages": ["a", "b"]}), PAGES, "")

    assert all(one.picture.startswith(b"\xff\xd8") for one in reading.document.pages)
    assert b"picture" not in next(tmp_path.glob("*/*.json")).read_bytes()
