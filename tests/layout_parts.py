"""Parts of layout models for tests: a tokenizer of made-up receipts, and a network of two tables that needs no training.

The network is an ONNX graph written by hand: a token's logits are a row of a table plus the token's box times a matrix. So a test
says which word gets which tag, and no torch is needed to make one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from made_receipts import SPECS, made_receipt

from ml_backend.document.elements import Document
from ml_backend.models.layout_model.calibration import POOLED, Calibration
from ml_backend.models.layout_model.decoding import tags_of
from ml_backend.models.layout_model.encoding import Shape
from ml_backend.models.layout_model.extractor import Base, Learned
from ml_backend.models.layout_model.files import write_learned
from ml_backend.models.layout_model.onnx_model import MODEL
from ml_backend.models.layout_model.subwords import TOKENIZER, FileSubWords

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SHAPE = Shape(length=48, stride=12, start=0, end=2, pad=1)
LABELS = tuple(spec.label for spec in SPECS)


@lru_cache(maxsize=4)
def tokenizer_text(receipts: int = 20, pieces: int = 600) -> str:
    """The ``tokenizer.json`` of byte-level BPE that has read so many made-up receipts."""
    from tokenizers import ByteLevelBPETokenizer

    tokenizer = ByteLevelBPETokenizer(add_prefix_space=True)
    lines = [line for n in range(receipts) for line in made_receipt(n).document.pages[0].text.splitlines()]
    tokenizer.train_from_iterator(
        lines, vocab_size=pieces, min_frequency=2, special_tokens=SPECIAL, show_progress=False
    )
    return str(tokenizer._tokenizer.to_str())


@lru_cache(maxsize=4)
def sub_words() -> FileSubWords:
    return FileSubWords(tokenizer_text())


def write_table(path: Path, pieces: np.ndarray, boxes: np.ndarray, light: float | None = None) -> None:
    """The network as ONNX: ``pieces`` of shape (vocabulary, tags), ``boxes`` of shape (4, tags), for boxes from 0 to 1000.

    With ``light`` it looks at pages: so much is what the mean of their pixels counts against O.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shapes = {"input_ids": ["n", "l"], "attention_mask": ["n", "l"], "bbox": ["n", "l", 4]}
    nodes = [
        helper.make_node("Gather", ["pieces", "input_ids"], ["said"]),
        helper.make_node("Cast", ["bbox"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["numbers", "boxes"], ["stands"]),
        helper.make_node("Add", ["said", "stands"], ["both"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide"]),
        helper.make_node("Mul", ["both", "wide"], ["logits"]),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name, shape in shapes.items()]
    if light is not None:
        against = np.zeros((1, pieces.shape[1]), dtype=np.float32)
        against[0, 0] = -light
        nodes[3:4] = [
            helper.make_node("Add", ["said", "stands"], ["read"]),
            helper.make_node("ReduceMean", ["pixel_values"], ["mean"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Unsqueeze", ["mean", "ends"], ["high"]),
            helper.make_node("MatMul", ["high", "against"], ["seen"]),
            helper.make_node("Add", ["read", "seen"], ["both"]),
        ]
        inputs.append(helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["n", 3, 224, 224]))
    graph = helper.make_graph(
        nodes,
        "table",
        inputs,
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", "l", int(pieces.shape[1])])],
        [
            numpy_helper.from_array(pieces.astype(np.float32), "pieces"),
            numpy_helper.from_array(boxes.astype(np.float32), "boxes"),
            numpy_helper.from_array(np.array([2], dtype=np.int64), "last"),
            *(
                [numpy_helper.from_array(against, "against"), numpy_helper.from_array(np.array([1, 2]), "ends")]
                if light is not None
                else []
            ),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def table_for(says: Mapping[str, str], labels: Sequence[str] = LABELS, sure: float = 6.0) -> np.ndarray:
    """A table in which the first piece of each word of ``says`` speaks for a tag such as ``B-total``, all others for O."""
    tags = tags_of(labels)
    table = np.zeros((sub_words().size, len(tags)))
    table[:, 0] = sure
    for word, tag in says.items():
        first = sub_words().ids([word])[0][0]
        table[first, 0], table[first, tags.index(tag)] = 0.0, sure
    return table


def learned(labels: Sequence[str] = LABELS, **more: object) -> Learned:
    """What a version knows that trusts its network."""
    values = {
        "base": Base("made/tiny", "layoutlmv3", "cc-by-nc-sa-4.0"),
        "samples": 7,
        "labels": tuple(labels),
        "shape": SHAPE,
        "calibration": Calibration(
            {POOLED: (0.8, -0.2)}, dict.fromkeys(labels, 0.1), dict.fromkeys(labels, 0.9), (1.0, 0.5)
        ),
    }
    return Learned(**{**values, **more})  # type: ignore[arg-type]


def write_version(
    folder: Path, table: np.ndarray, labels: Sequence[str] = LABELS, light: float | None = None, **more: object
) -> Path:
    """The files of a version whose network is ``table``."""
    write_table(folder / MODEL, table, np.zeros((4, table.shape[1])), light)
    (folder / TOKENIZER).write_text(tokenizer_text(), encoding="utf-8")
    write_learned(learned(labels, **more), folder)
    return folder


def texts(document: Document) -> list[list[str]]:
    return [[word.text for word in page.words] for page in document.pages]
