"""A layout model in use, with a network of two tables in ONNX Runtime: the promises of field models, and no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from layout_parts import LABELS, table_for, write_version
from made_receipts import SPECS, made_receipt

from contracts.field_extractor_contract import RECEIPT, FieldExtractorContract
from contracts.field_extractor_contract import SPECS as ASKED
from ml_backend.document.elements import Document, Page
from ml_backend.document.fields import FieldSpec
from ml_backend.models.base import FieldExtractor
from ml_backend.models.layout_model import LayoutModel

PAPER = made_receipt(3)
TRUTH = {(field.label, field.text) for field in PAPER.fields}


def says() -> dict[str, str]:
    """The words of receipt 3 that begin or go on with a field."""
    page = PAPER.document.pages[0]
    return {
        page.words[word].text: f"{'I' if at else 'B'}-{field.label}"
        for field in PAPER.fields
        for at, word in enumerate(field.words)
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version that knows the words of receipt 3 by heart."""
    return write_version(tmp_path_factory.mktemp("fields-1"), table_for(says()))


@pytest.fixture(scope="module")
def model(folder: Path) -> LayoutModel:
    return LayoutModel.load(folder, "fields-1")


@pytest.fixture(scope="module")
def contract_model(tmp_path_factory: pytest.TempPathFactory) -> LayoutModel:
    """Knows words of the contract's receipt, and some of its labels."""
    words = {"CORNER": "B-company", "SHOP": "I-company", "31/12/2018": "B-date", "6.50": "B-total", "020": "B-phone"}
    labels = ("company", "date", "total", "phone", "iban", "text")
    return LayoutModel.load(
        write_version(tmp_path_factory.mktemp("version"), table_for(words, labels), labels), "fields-2"
    )


class TestLayoutModel(FieldExtractorContract):
    @pytest.fixture
    def extractor(self, contract_model: LayoutModel) -> FieldExtractor:
        return contract_model

    def test_it_finds_what_its_network_says(self, extractor: FieldExtractor) -> None:
        found = {field.label: (field.text, field.value) for field in extractor.extract(RECEIPT, ASKED[:4]).fields}

        assert found["date"] == ("31/12/2018", "2018-12-31")
        assert found["company"][0].startswith("CORNER SHOP")


def test_whole_fields_come_out_of_words_over_several_windows(model: LayoutModel) -> None:
    assert len(model.reader.windows(PAPER.document)) > 1

    answer = model.extract(PAPER.document, SPECS)

    assert {(field.label, field.text) for field in answer.fields} >= TRUTH - {("company", "")}
    assert all(field.confidence > 0.5 for field in answer.fields)
    assert all("learned from 7 documents" in field.reason for field in answer.fields)
    assert answer.score is not None
    assert 0 < answer.score < 1


def test_a_document_of_many_pages_is_answered_page_by_page(model: LayoutModel) -> None:
    page = PAPER.document.pages[0]
    pages = Document((Page(600, 900), page, Page(600, 900), page))

    repeated = model.extract(pages, [FieldSpec("member", "serial", repeats=True)]).fields

    single = next(field for field in PAPER.fields if field.label == "member")
    assert [(field.page, field.text) for field in repeated] == [(1, single.text), (3, single.text)]


def test_word_labels_name_the_words_of_the_fields(model: LayoutModel) -> None:
    answer = model.extract(PAPER.document, SPECS)

    for field in answer.fields:
        for word in field.words:
            assert answer.word_labels[0][word][field.label] > 0.9


def test_labels_it_has_not_learned_are_the_keyword_baselines(model: LayoutModel) -> None:
    specs = [FieldSpec("grand total", "amount"), *SPECS]

    answer = model.extract(RECEIPT, specs)

    assert {field.label: field.text for field in answer.fields}["grand total"] == "6.50"


def test_confidence_grows_with_what_the_network_is_sure_of(folder: Path, tmp_path: Path) -> None:
    unsure = LayoutModel.load(write_version(tmp_path, table_for(says(), sure=2.0)), "fields-1")

    one, other = (
        {field.label: field.confidence for field in m.extract(PAPER.document, SPECS).fields}
        for m in (LayoutModel.load(folder, "fields-1"), unsure)
    )

    assert other
    assert all(one[label] > other[label] for label in other)


def test_the_answer_does_not_depend_on_how_many_threads_or_windows_go_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml_backend.models.layout_model import reader

    answers = []
    for at_once, threads in ((1, 1), (3, 2), (50, 1)):
        monkeypatch.setattr(reader, "AT_ONCE", at_once)
        answers.append(LayoutModel.load(folder, "fields-1", threads=threads).extract(PAPER.document, SPECS))

    assert answers[0] == answers[1] == answers[2]


def test_what_is_saved_again_answers_the_same(model: LayoutModel, folder: Path, tmp_path: Path) -> None:
    model.save(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in folder.iterdir()}
    assert LayoutModel.load(tmp_path, "fields-1").extract(PAPER.document, SPECS) == model.extract(PAPER.document, SPECS)
    assert LayoutModel.load(tmp_path, "fields-1").learned == model.learned


def test_the_licence_of_the_base_is_with_the_version(model: LayoutModel) -> None:
    assert model.learned.base.licence == "cc-by-nc-sa-4.0"


@pytest.mark.slow
def test_serving_needs_neither_torch_nor_transformers(folder: Path) -> None:
    script = """
import sys
for name in ("torch", "transformers", "datasets", "accelerate", "onnx", "sklearn", "safetensors", "huggingface_hub"):
    sys.modules[name] = None  # an import of it fails
from pathlib import Path
from made_receipts import SPECS, made_receipt
from ml_backend.models.layout_model import LayoutModel
fields = LayoutModel.load(Path(sys.argv[1]), "fields-1").extract(made_receipt(3).document, SPECS).fields
print(len(fields))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": "tests:.", "PATH": "", "OMP_NUM_THREADS": "1"},
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(LABELS)


def test_a_network_whose_numbers_are_none_is_an_error_that_names_no_text(tmp_path: Path) -> None:
    from ml_backend.errors import ModelRejected

    table = table_for(says())
    table[:] = np.inf
    model = LayoutModel.load(write_version(tmp_path, table), "fields-1")

    with pytest.raises(ModelRejected) as refusal:
        model.extract(PAPER.document, SPECS)

    assert refusal.value.code == "model_failed"
