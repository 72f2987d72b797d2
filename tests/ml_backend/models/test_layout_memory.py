"""One confirmed document of a layout answers the next one of it, and says nothing of others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from shops import MANY, SPECS, TEA, harbour, mill, misread, moved

from contracts.field_extractor_contract import RECEIPT, TWO_PAGES, FieldExtractorContract
from contracts.field_extractor_contract import SPECS as CONTRACT_SPECS
from ml_backend.document.elements import Document
from ml_backend.document.fields import Extraction, FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.errors import ModelRejected
from ml_backend.models.base import FieldExtractor
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.models.memory import LayoutMemory, files, fingerprint

FIRST = harbour("02/03/2024", "10.70")
NEXT = harbour("17/11/2024", "27.70", MANY, "Dmitri")
SLIPS = {"Harbour": "Harb0ur", "Quay": "0uay", "BS1": "B51", "PAYABLE": "PAVABLE", "Waiter:": "Walter:", "Reg": "Req"}


@pytest.fixture(scope="module")
def memory() -> LayoutMemory:
    """It remembers one receipt of one shop."""
    return LayoutMemory.of([FIRST], SPECS)


def said(answer: Extraction, *labels: str) -> set[tuple[str, str]]:
    return {(field.label, field.text) for field in answer.fields if not labels or field.label in labels}


def confirmed(one: Sample) -> set[tuple[str, str]]:
    return {(field.label, field.text) for field in one.fields}


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(NEXT.document, id="another date, total, waiter and more items"),
        pytest.param(moved(NEXT.document, lambda x, y: (x + 0.03, y + 0.03)), id="shifted by 3 %"),
        pytest.param(moved(NEXT.document, lambda x, y: (0.8 * x + 0.1, 0.7 * y)), id="scaled"),
        pytest.param(moved(NEXT.document, lambda x, y: (x, 0.9 * y + 0.01 * x)), id="skewed"),
        pytest.param(misread(NEXT.document, SLIPS), id="with slips of OCR"),
    ],
)
def test_one_confirmed_receipt_prefills_the_next_of_that_shop(memory: LayoutMemory, document: Document) -> None:
    answer = memory.extract(document, SPECS)

    assert said(answer) == confirmed(NEXT)
    assert all(field.confidence > 0.5 for field in answer.fields)
    assert all("confirmed before (same layout, " in field.reason for field in answer.fields)


def test_the_keyword_baseline_could_not_have_known_it() -> None:
    assert not confirmed(NEXT) <= said(KeywordBaseline().extract(NEXT.document, SPECS))


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(mill("05/06/2024", "10.70").document, id="another shop with the same words TOTAL, CARD and items"),
        pytest.param(RECEIPT, id="a receipt"),
        pytest.param(TWO_PAGES, id="an invoice"),
        pytest.param(Document(()), id="nothing"),
    ],
)
def test_an_unlike_document_gets_nothing(memory: LayoutMemory, document: Document) -> None:
    assert memory.recall(document) == []
    assert memory.extract(document, SPECS).fields == ()


def test_of_many_documents_those_of_the_shop_answer() -> None:
    others = [mill(f"0{day}/06/2024", f"{day}2.50") for day in range(1, 9)]
    memory = LayoutMemory.of([*others, FIRST, harbour("03/03/2024", "8.10")], SPECS)

    recalled = memory.recall(NEXT.document)
    answer = memory.extract(NEXT.document, SPECS)

    assert {content for content, _ in recalled} == {FIRST.content, harbour("03/03/2024", "8.10").content}
    assert all(0.45 < alike <= 1 for _, alike in recalled)
    assert said(answer) == confirmed(NEXT)
    assert answer.fields[0].reason.startswith("as on 2 documents confirmed before (same layout, ")


def test_what_is_asked_again_is_recalled_as_the_same_document(memory: LayoutMemory) -> None:
    assert memory.recall(FIRST.document) == [(FIRST.content, pytest.approx(1.0))]
    assert memory.recall(FIRST.document, without=frozenset((FIRST.content,))) == []
    assert said(memory.extract(FIRST.document, SPECS)) == confirmed(FIRST)


def test_a_spelling_that_a_person_put_right_is_answered_for_the_same_print() -> None:
    fields = tuple(
        replace(field, text="Harbour Tea House Ltd.") if field.label == "company" else field for field in FIRST.fields
    )

    memory = LayoutMemory.of([replace(FIRST, fields=fields)], SPECS)

    assert said(memory.extract(NEXT.document, SPECS), "company") == {("company", "Harbour Tea House Ltd.")}


def test_a_value_that_another_branch_prints_is_read_from_the_paper(memory: LayoutMemory) -> None:
    branch = misread(NEXT.document, {"Bristol": "Edinburgh", "BS1": "EH6", "4RW": "8LN"})

    assert said(memory.extract(branch, SPECS), "address") == {("address", "14 Quay Street Edinburgh EH6 8LN")}


def test_a_date_or_an_amount_is_never_answered_from_another_document(memory: LayoutMemory) -> None:
    blank = misread(NEXT.document, {"17/11/2024": "smudge", "27.70": "smudge"})

    assert said(memory.extract(blank, SPECS), "date") == set()
    assert ("total", "10.70") not in said(memory.extract(blank, SPECS))


def test_the_form_of_a_confirmed_amount_is_kept() -> None:
    def priced(one: Sample) -> Sample:
        euros = misread(
            one.document, {field.text: f"EUR{field.text}" for field in one.fields if field.label == "total"}
        )
        fields = (replace(field, text=f"EUR{field.text}") if field.label == "total" else field for field in one.fields)
        return replace(one, document=euros, fields=tuple(fields))

    answer = LayoutMemory.of([priced(FIRST)], SPECS).extract(priced(NEXT).document, SPECS)

    assert said(answer, "total") == {("total", "EUR27.70")}


def test_fields_of_a_second_page_are_found_there() -> None:
    def two(front: Sample, back: Sample) -> Sample:
        pages = (*front.document.pages, *back.document.pages)
        return replace(back, document=Document(pages), fields=tuple(replace(field, page=1) for field in back.fields))

    memory = LayoutMemory.of([two(mill("05/06/2024", "12.00"), FIRST)], SPECS)
    answer = memory.extract(two(mill("07/08/2024", "31.00"), NEXT).document, SPECS)

    assert said(answer) == confirmed(NEXT)
    assert {field.page for field in answer.fields} == {1}


def test_only_labels_that_are_asked_for_are_answered(memory: LayoutMemory) -> None:
    specs = (FieldSpec("total", "amount"), FieldSpec("colour", "text"))

    assert said(memory.extract(NEXT.document, specs)) == {("total", "27.70")}
    assert LayoutMemory.of([FIRST], specs).extract(NEXT.document, SPECS[:2]).fields == ()


def test_the_same_samples_give_the_same_memory_in_any_order(tmp_path: Path) -> None:
    samples = [harbour(f"0{day}/05/2024", f"{day}1.50", day=f"2024-05-0{10 - day}") for day in range(1, 9)]
    for name, some in (("one", samples), ("other", samples[::-1])):
        (tmp_path / name).mkdir()
        LayoutMemory.of(some, SPECS).save(tmp_path / name)

    assert (tmp_path / "one" / files.FILE).read_bytes() == (tmp_path / "other" / files.FILE).read_bytes()


def test_a_memory_can_be_given_more_without_changing(memory: LayoutMemory) -> None:
    more = memory.plus([mill("05/06/2024", "12.00")], "memory-2")

    assert (memory.version, more.version) == ("memory-0", "memory-2")
    assert said(more.extract(mill("07/08/2024", "31.00").document, SPECS), "total") == {("total", "31.00")}
    assert memory.extract(mill("07/08/2024", "31.00").document, SPECS).fields == ()
    assert len(more.plus([FIRST], "memory-3").papers) == 2


def test_a_fingerprint_is_made_of_words_and_long_numbers_and_not_of_dates() -> None:
    words = fingerprint(FIRST.document)

    assert {"harbour", "284719365", "payable"} <= words
    assert not any("2024" in word for word in words)
    assert len(words & fingerprint(NEXT.document)) > 2 * len(words & fingerprint(mill("05/06/2024", "12.00").document))


def test_a_memory_reads_back_as_it_was_written(memory: LayoutMemory, tmp_path: Path) -> None:
    memory.save(tmp_path)
    loaded = LayoutMemory.load(tmp_path, "memory-0")

    assert [path.name for path in tmp_path.iterdir()] == [files.FILE]
    assert (loaded.papers, loaded.curves) == (memory.papers, memory.curves)
    assert loaded.extract(NEXT.document, SPECS) == memory.extract(NEXT.document, SPECS)


def _edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        stored = json.loads(path.read_text(encoding="utf-8"))
        change(stored)
        path.write_text(json.dumps(stored), encoding="utf-8")

    return apply


LINE, MARK = ("papers", 0, 1, 0), ("papers", 0, 2, 0)


def _put(*path: Any, value: Any) -> Callable[[Path], None]:
    """The file with one value replaced."""

    def change(stored: Any) -> None:
        for step in path[:-1]:
            stored = stored[step]
        stored[path[-1]] = value

    return _edit(change)


@pytest.mark.slow
@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda path: path.unlink(), id="no file"),
        pytest.param(lambda path: path.write_bytes(b"\x80\x04."), id="a pickle"),
        pytest.param(lambda path: path.write_text("[" * 99999), id="deeply nested JSON"),
        pytest.param(lambda path: path.write_text("null"), id="no object"),
        pytest.param(_put("format", value=99), id="another format"),
        pytest.param(_put("papers", value={}), id="papers that are no list"),
        pytest.param(_edit(lambda stored: stored.update(papers=stored["papers"] * 6000)), id="too many papers"),
        pytest.param(_put(*LINE, 1, value="x" * 1000), id="a row too long"),
        pytest.param(_put(*LINE, 1, value=5), id="a row that is no text"),
        pytest.param(_put(*LINE, 2, value=[0, 999]), id="a piece that begins behind its row"),
        pytest.param(_put(*LINE, 2, value=[]), id="a row without pieces"),
        pytest.param(_put(*LINE, 3, value=[1e9]), id="an edge off the page"),
        pytest.param(_put(*LINE, 3, value=[float("nan")]), id="an edge that is no number"),
        pytest.param(_put(*LINE, 3, value=[10**400]), id="an edge too large for a float"),
        pytest.param(_put(*LINE, 3, value=[True]), id="an edge that is a truth value"),
        pytest.param(_put(*LINE, 0, value=-1), id="a page before the first"),
        pytest.param(_put(*MARK, 2, value=[[999, 0, 1]]), id="a field on a row that is not there"),
        pytest.param(_put(*MARK, 2, value=[[0, 0, 299]]), id="a field beyond its row"),
        pytest.param(_put(*MARK, 2, value=[[0, 2, 2]]), id="a field of no characters"),
        pytest.param(_put(*MARK, 2, value=[]), id="a field on no row"),
        pytest.param(_put(*MARK, 0, value=None), id="a label that is no text"),
        pytest.param(_put("curves", value={}), id="no curve"),
        pytest.param(_put("curves", "", value=[-1.0, 0.0]), id="a curve that falls"),
        pytest.param(_put("curves", "", value=[1e300, 0.0]), id="a curve too steep"),
        pytest.param(_put("curves", "", value=[1.0]), id="half a curve"),
    ],
)
def test_a_file_that_is_not_a_memory_is_rejected(
    memory: LayoutMemory, tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    memory.save(tmp_path)
    harm(tmp_path / files.FILE)

    with pytest.raises(ModelRejected) as refusal:
        LayoutMemory.load(tmp_path, "memory-0")

    assert refusal.value.code == "model_files"
    assert "Harbour" not in str(refusal.value)


def test_a_file_that_would_fill_the_memory_is_rejected(
    memory: LayoutMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.save(tmp_path)
    monkeypatch.setattr(files, "LARGEST", (tmp_path / files.FILE).stat().st_size - 1)

    with pytest.raises(ModelRejected, match="too large"):
        LayoutMemory.load(tmp_path, "memory-0")


def _remembered(document: Document) -> Sample:
    """The contract's paper, with what the baseline finds as if a person had left it."""
    fields = KeywordBaseline().extract(document, CONTRACT_SPECS).fields
    return replace(FIRST, document=document, fields=fields, content=str(len(fields)))


class TestLayoutMemory(FieldExtractorContract):
    @pytest.fixture
    def extractor(self) -> FieldExtractor:
        memory = LayoutMemory.of([_remembered(RECEIPT), _remembered(TWO_PAGES), FIRST], version="memory-1")
        assert memory.extract(RECEIPT, CONTRACT_SPECS).fields
        return memory


class TestEmptyMemory(FieldExtractorContract):
    @pytest.fixture
    def extractor(self) -> FieldExtractor:
        return LayoutMemory.of([], version="memory-1")


def test_a_list_is_as_long_as_it_is_printed(memory: LayoutMemory) -> None:
    longer = harbour("17/11/2024", "27.70", (*MANY, *TEA, ("Rope of onions", "1.10"), ("Smoked eel", "11.00")))

    assert said(memory.extract(longer.document, SPECS), "item") == {
        (field.label, field.text) for field in longer.fields if field.label == "item"
    }
