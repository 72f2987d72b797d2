"""A version's files may be hostile: nothing odd is loaded, nothing is executed, nothing takes for ever."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layout_parts import LABELS, learned, sub_words, table_for, tokenizer_text, write_table, write_version

from ml_backend.errors import ModelRejected
from ml_backend.models.layout_model import LayoutModel, files, subwords
from ml_backend.models.layout_model.calibration import Calibration
from ml_backend.models.layout_model.files import read_learned, write_learned
from ml_backend.models.layout_model.looks import Look
from ml_backend.models.manifest import check_file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_version(tmp_path_factory.mktemp("fields-1"), table_for({"12.50": "B-total"}))


def _edit(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        value = json.loads((folder / name).read_text(encoding="utf-8"))
        change(value)
        (folder / name).write_text(json.dumps(value), encoding="utf-8")

    return apply


def _layout(change: Callable[[Any], object]) -> Callable[[Path], None]:
    return _edit("layout.json", change)


def _tokenizer(change: Callable[[Any], object]) -> Callable[[Path], None]:
    return _edit("tokenizer.json", change)


def _network(tags: int) -> Callable[[Path], None]:
    size = sub_words().size
    return lambda folder: write_table(folder / "model.onnx", np.zeros((size, tags)), np.zeros((4, tags)))


def _other_inputs(folder: Path) -> None:
    """A network that asks for something we do not have."""
    import onnx

    model = onnx.load(folder / "model.onnx")
    for node in model.graph.node:
        node.input[:] = ["pixels" if name == "input_ids" else name for name in node.input]
    model.graph.input[0].name = "pixels"
    onnx.save(model, folder / "model.onnx")


def _weights_from(location: str) -> Callable[[Path], None]:
    """A network whose table is said to lie in another file, of the right size."""

    def apply(folder: Path) -> None:
        import onnx
        from onnx.external_data_helper import set_external_data

        model = onnx.load(folder / "model.onnx")
        table = model.graph.initializer[0]
        size = len(table.raw_data)
        (folder.parent / "outside.bin").write_bytes(table.raw_data)
        set_external_data(table, location.format(folder.parent), offset=0, length=size)
        table.ClearField("raw_data")
        (folder / "model.onnx").write_bytes(model.SerializeToString())

    return apply


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda folder: (folder / "model.onnx").unlink(), id="no network"),
        pytest.param(lambda folder: (folder / "model.onnx").write_bytes(b"\x80\x04."), id="a pickle"),
        pytest.param(lambda folder: (folder / "tokenizer.json").unlink(), id="no tokenizer"),
        pytest.param(lambda folder: (folder / "layout.json").write_text("[" * 99_999), id="deeply nested"),
        pytest.param(lambda folder: (folder / "layout.json").write_bytes(b"\xff\xfe"), id="no text"),
        pytest.param(lambda folder: (folder / "layout.json").write_text("null"), id="no object"),
        pytest.param(_layout(lambda value: value.update(format=2)), id="another format"),
        pytest.param(_layout(lambda value: value.pop("base")), id="no base"),
        pytest.param(_layout(lambda value: value["base"].update(family="gpt")), id="another family"),
        pytest.param(_layout(lambda value: value["base"].update(licence=["mit"])), id="a licence that is no text"),
        pytest.param(_layout(lambda value: value["labels"].append("total")), id="a label twice"),
        pytest.param(_layout(lambda value: value["labels"].append("more")), id="more labels than the network has"),
        pytest.param(_layout(lambda value: value.update(labels=[])), id="no labels"),
        pytest.param(_layout(lambda value: value.update(labels="total")), id="a text in place of labels"),
        pytest.param(_layout(lambda value: value.update(shape=[512, 128, 0, 2])), id="a shape too short"),
        pytest.param(_layout(lambda value: value["shape"].__setitem__(0, 10**9)), id="an endless window"),
        pytest.param(_layout(lambda value: value["shape"].__setitem__(1, -1)), id="a negative stride"),
        pytest.param(_layout(lambda value: value["shape"].__setitem__(1, True)), id="a stride that is true"),
        pytest.param(_layout(lambda value: value["shape"].__setitem__(4, 10**6)), id="padding that is no piece"),
        pytest.param(_layout(lambda value: value.update(forms={"total": "__import__"})), id="a form nobody knows"),
        pytest.param(_layout(lambda value: value["curves"].clear()), id="no calibration"),
        pytest.param(_layout(lambda value: value["curves"].update({"": [1, 2, 3]})), id="a curve of three numbers"),
        pytest.param(_layout(lambda value: value["curves"].update({"": [-1, 2]})), id="a curve that falls"),
        pytest.param(_layout(lambda value: value["curves"].update({"": [1e999, 2]})), id="an infinite curve"),
        pytest.param(_layout(lambda value: value["least"].update(total=float("nan"))), id="not a number"),
        pytest.param(_layout(lambda value: value["absent"].update(total="0.5")), id="a number as text"),
        pytest.param(_layout(lambda value: value.update(document={})), id="a document curve that is none"),
        pytest.param(_layout(lambda value: value.update(int8="yes")), id="int8 that is no truth value"),
        pytest.param(_network(3), id="a network with fewer tags"),
        pytest.param(_other_inputs, id="a network with other inputs"),
        pytest.param(_weights_from("../outside.bin"), id="weights outside of the folder"),
        pytest.param(_weights_from("{}/outside.bin"), id="weights at an absolute path"),
        pytest.param(_tokenizer(lambda value: value.update(model={"type": "Evil"})), id="another tokenizer model"),
        pytest.param(
            _tokenizer(lambda value: value["pre_tokenizer"].update(add_prefix_space="x")), id="a broken tokenizer"
        ),
        pytest.param(
            _tokenizer(
                lambda value: value.update(
                    normalizer={"type": "Replace", "pattern": {"Regex": "(a|aa)+$"}, "content": "b"}
                )
            ),
            id="a regular expression that takes for ever",
        ),
        pytest.param(_tokenizer(lambda value: value.update(post_processor=[[[[]]]])), id="steps of another shape"),
    ],
)
def test_files_that_are_not_a_version_are_rejected(
    folder: Path, tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    copy = tmp_path / "fields-1"
    shutil.copytree(folder, copy)
    harm(copy)

    with pytest.raises(ModelRejected) as refusal:
        LayoutModel.load(copy, "fields-1")

    assert refusal.value.code == "model_files"


@pytest.mark.parametrize(("name", "module"), [("layout.json", files), ("tokenizer.json", subwords)])
def test_files_that_would_fill_the_memory_are_rejected(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: Any
) -> None:
    monkeypatch.setattr(module, "LARGEST", (folder / name).stat().st_size - 1)

    with pytest.raises(ModelRejected, match=rf"{name}.*too large"):
        LayoutModel.load(folder, "fields-1")


def test_what_was_learned_comes_back_as_it_was(tmp_path: Path) -> None:
    known = replace(
        learned(),
        forms={"date": "typed"},
        int8=True,
        look=Look((0.4, 0.5, 0.6), (0.2, 0.3, 1.0)),
        calibration=Calibration({"": (0.5, -1.0), "ü": (2.0, 0.0)}, {"total": 0.25}, {"total": 1.0}, None),
    )

    write_learned(known, tmp_path)

    assert read_learned(tmp_path) == known
    assert known.labels == LABELS


def test_a_version_holds_only_files_that_the_registry_takes() -> None:
    assert [check_file(name) for name in files.FILES] == list(files.FILES)


def test_a_tokenizer_is_what_its_text_says() -> None:
    assert subwords.FileSubWords(tokenizer_text()).size == sub_words().size
    assert sub_words().id_of("<pad>") == 1
    assert sub_words().id_of("no such piece") is None
