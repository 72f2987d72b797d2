import json
import os
from pathlib import Path

import pytest

from ml_backend.document.elements import Page, Word
from ml_backend.document.geometry import Quad
from ml_backend.document.json_form import page_from_json, page_to_json
from ml_backend.ocr.cache import PageCache, PageKey

PLENTY = 10**6
KEY = PageKey("0a1b", "rapidocr/openvino", "3.10", 0)
QUAD = Quad.clipped([(0.1, 0.2), (0.333333, 0.21), (0.33, 0.25), (0.1, 0.24)])
PAGE = Page(
    600,
    900,
    (Word("Straße", QUAD, 0.123456789, 3, 1), Word("שלום", QUAD, 1.0, 4, 2)),
    "tesseract/deu",
    "rapidocr broke.",
)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_page_comes_back_as_it_was(tmp_path: Path) -> None:
    cache = PageCache(tmp_path, PLENTY)
    assert cache.get(KEY) is None
    cache.put(KEY, PAGE)
    assert cache.get(KEY) == PAGE
    assert PageCache(tmp_path, PLENTY).get(KEY) == PAGE, "another process finds it too"


@pytest.mark.parametrize(
    "other",
    [
        PageKey("0a1c", "rapidocr/openvino", "3.10", 0),
        PageKey("0a1b", "rapidocr/onnxruntime", "3.10", 0),
        PageKey("0a1b", "rapidocr/openvino", "3.11", 0),
        PageKey("0a1b", "rapidocr/openvino", "3.10", 1),
    ],
    ids=["image", "engine", "settings", "page number"],
)
def test_whatever_changes_the_words_is_part_of_the_key(tmp_path: Path, other: PageKey) -> None:
    cache = PageCache(tmp_path, PLENTY)
    cache.put(KEY, PAGE)
    assert cache.get(other) is None


def test_a_hostile_digest_cannot_leave_the_folder(tmp_path: Path) -> None:
    PageCache(tmp_path / "cache", PLENTY).put(PageKey("../../../evil\x00", "/etc"), PAGE)
    assert [path.parent.parent for path in files(tmp_path)] == [tmp_path / "cache"]


@pytest.mark.parametrize("length", [0, 1, 60, -1])
def test_a_torn_file_is_a_miss_and_is_written_anew(tmp_path: Path, length: int) -> None:
    cache = PageCache(tmp_path, PLENTY)
    cache.put(KEY, PAGE)
    (file,) = files(tmp_path)
    file.write_bytes(file.read_bytes()[:length])
    assert cache.get(KEY) is None
    cache.put(KEY, PAGE)
    assert cache.get(KEY) == PAGE


GOOD = page_to_json(PAGE)


@pytest.mark.parametrize(
    "foreign",
    [
        None,
        [],
        {},
        "page",
        {**GOOD, "format": 0},
        {**GOOD, "width": "wide"},
        {**GOOD, "words": 7},
        {**GOOD, "words": [["short"]]},
        {**GOOD, "words": [["x", [[0, 0]], 0.5, 0, 0]]},
        {**GOOD, "words": [["x", [[0, "a"]] * 4, 0.5, 0, 0]]},
    ],
)
def test_a_foreign_file_is_a_miss(tmp_path: Path, foreign: object) -> None:
    cache = PageCache(tmp_path, PLENTY)
    cache.put(KEY, PAGE)
    (file,) = files(tmp_path)
    file.write_text(json.dumps(foreign))
    assert cache.get(KEY) is None


def test_bytes_that_are_no_text_are_a_miss(tmp_path: Path) -> None:
    cache = PageCache(tmp_path, PLENTY)
    cache.put(KEY, PAGE)
    files(tmp_path)[0].write_bytes(b"\xff\xfe\x00")
    assert cache.get(KEY) is None


def test_json_keeps_the_page_exactly() -> None:
    assert page_from_json(json.loads(json.dumps(page_to_json(PAGE)))) == PAGE


def test_the_oldest_pages_make_room_for_new_ones(tmp_path: Path) -> None:
    one = len(json.dumps(page_to_json(PAGE), ensure_ascii=False, separators=(",", ":")).encode())
    cache = PageCache(tmp_path, max_bytes=5 * one)
    keys = [PageKey(f"{n:04x}", "fake") for n in range(8)]
    for age, key in enumerate(keys):
        cache.put(key, PAGE)
        os.utime(tmp_path / key.name, (1000 + age, 1000 + age))
    kept = [key for key in keys if cache.get(key)]
    assert kept == keys[-len(kept) :]
    assert 4 <= len(kept) <= 5
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 5 * one


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ml_backend.ocr.cache.os.replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        PageCache(tmp_path, PLENTY).put(KEY, PAGE)
    assert files(tmp_path) == []


def test_all_that_was_read_of_a_page_goes_when_no_document_has_it(tmp_path: Path) -> None:
    cache = PageCache(tmp_path, PLENTY)
    of_page = [
        KEY,
        PageKey("0a1b", "tesseract/deu", "5", 0),
        PageKey("0a1b/10,20,30,40", "rapidocr/openvino", "3.10", 0),
    ]
    other = PageKey("0a1c", "rapidocr/openvino", "3.10", 0)
    for key in (*of_page, other):
        cache.put(key, PAGE)
    (tmp_path / "2f").mkdir(exist_ok=True)
    (tmp_path / "2f" / f"{'2f' * 32}.json").write_text("as an older docloop named it")
    (tmp_path / "2f" / "tmpabc.part").write_text("torn")
    assert cache.keep_only({"0a1c", "none"}) == 5
    assert [bool(cache.get(key)) for key in (*of_page, other)] == [False, False, False, True]
    assert len(files(tmp_path)) == 1
