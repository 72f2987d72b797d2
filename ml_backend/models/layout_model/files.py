"""A version's files: the network as ONNX, its tokenizer and what else was learned as JSON, and the weights to go on from.

    layout.json          labels, windows, calibration, the base model and its licence
    tokenizer.json       checked before ``tokenizers`` reads it
    model.onnx           all in one file; ONNX cannot hold more than 2 GB so
    model.safetensors    the same weights, and config.json their shape, for training to go on from; serving needs neither

All of it is hostile until it is checked. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ml_backend.errors import ModelRejected
from ml_backend.models.layout_model.calibration import POOLED, Calibration, Curve
from ml_backend.models.layout_model.decoding import tags_of
from ml_backend.models.layout_model.encoding import Shape
from ml_backend.models.layout_model.extractor import Base, Learned
from ml_backend.models.layout_model.looks import Channels, Look
from ml_backend.models.layout_model.onnx_model import MODEL, OnnxNetwork
from ml_backend.models.layout_model.reader import Reader
from ml_backend.models.layout_model.subwords import TOKENIZER, FileSubWords
from ml_backend.models.layout_model.values import TYPED, WHOLE

FORMAT = 1
T = TypeVar("T")
LEARNED, WEIGHTS, CONFIG = "layout.json", "model.safetensors", "config.json"
FILES = (LEARNED, TOKENIZER, MODEL, WEIGHTS, CONFIG)
FAMILIES = ("layoutlmv3", "lilt")
LARGEST = 4 * 1024**2  # bytes of layout.json
LONGEST = 4096  # tokens of a window
MOST_LABELS = 1000


def write_learned(learned: Learned, folder: Path) -> None:
    """Write ``layout.json``; the same content gives the same bytes."""
    text = json.dumps(_to_json(learned), ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    (folder / LEARNED).write_text(text, encoding="utf-8")


def read_learned(folder: Path) -> Learned:
    """Read back ``layout.json``. Raises ModelRejected for anything that ``write_learned`` does not write."""
    try:
        if (folder / LEARNED).stat().st_size > LARGEST:
            raise ValueError("it is too large")
        return _from_json(json.loads((folder / LEARNED).read_bytes(), parse_constant=_no_number))
    except (OSError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise _rejected(LEARNED, f"{type(error).__name__}: {str(error)[:200]}") from None


def _rejected(name: str, why: str) -> ModelRejected:
    return ModelRejected(
        "model_files",
        f"The model file {name} cannot be used: {why}.",
        "Roll back to an earlier version, or train again.",
    )


def load_parts(folder: Path, threads: int) -> tuple[Reader, Learned]:
    """The reader and what was learned. Raises ModelRejected if the files are not what they should be, or do not fit together."""
    learned = read_learned(folder)
    words = FileSubWords.load(folder / TOKENIZER)
    special = (learned.shape.start, learned.shape.end, learned.shape.pad)
    if max(special) >= words.size:
        raise _rejected(LEARNED, "its special tokens are none of the tokenizer's")
    network = OnnxNetwork(folder / MODEL, len(tags_of(learned.labels)), threads)
    if network.looks != (learned.look is not None):
        raise _rejected(LEARNED, "its network looks at pages, or does not, otherwise than it says")
    return Reader(network, words, learned.shape, learned.labels, learned.look), learned


def copy_parts(source: Path | None, folder: Path) -> None:
    """Copy a version's files. Raises ModelRejected if there are none."""
    if source is None:
        raise ModelRejected("model_files", "This model was not loaded from files, so there are none to save.")
    for name in FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


def _to_json(learned: Learned) -> dict[str, Any]:
    calibration, shape = learned.calibration, learned.shape
    return {
        "format": FORMAT,
        "base": {"name": learned.base.name, "family": learned.base.family, "licence": learned.base.licence},
        "samples": learned.samples,
        "labels": list(learned.labels),
        "shape": [shape.length, shape.stride, shape.start, shape.end, shape.pad],
        "forms": dict(learned.forms),
        "int8": learned.int8,
        "look": [list(learned.look.mean), list(learned.look.std)] if learned.look else None,
        "curves": {label: list(curve) for label, curve in calibration.curves.items()},
        "least": dict(calibration.least),
        "absent": dict(calibration.absent),
        "document": list(calibration.document) if calibration.document else None,
    }


def _from_json(value: Any) -> Learned:
    """What was learned, out of checked values; raises ValueError and the like where something is odd."""
    if value["format"] != FORMAT:
        raise ValueError(f"format must be {FORMAT}, but it was: {value['format']!r:.40}")
    labels = tuple(_text(label) for label in value["labels"])
    if not labels or len(labels) > MOST_LABELS or len(set(labels)) != len(labels):
        raise ValueError("its labels must be some, each once")
    length, stride, start, end, pad = (_count(number) for number in value["shape"])
    if length > LONGEST:
        raise ValueError(f"a window must have at most {LONGEST} tokens")
    base = Base(*(_text(value["base"][key]) for key in ("name", "family", "licence")))
    if base.family not in FAMILIES:
        raise ValueError(f"the family must be one of {', '.join(FAMILIES)}, but it was: {base.family!r:.40}")
    forms = {_text(label): _text(form) for label, form in value["forms"].items()}
    if not set(forms.values()) <= {WHOLE, TYPED}:
        raise ValueError("there is a form that is not known")
    curves = _table(value["curves"], _curve)
    if POOLED not in curves:
        raise ValueError("the calibration has no curve for all labels")
    if not isinstance(value["int8"], bool):
        raise ValueError("int8 must be true or false")
    document = None if value["document"] is None else _curve(value["document"])
    return Learned(
        base=base,
        samples=_count(value["samples"]),
        labels=labels,
        shape=Shape(length, stride, start, end, pad),
        calibration=Calibration(curves, _table(value["least"], _chance), _table(value["absent"], _chance), document),
        forms=forms,
        int8=value["int8"],
        look=_look(value.get("look")),
    )


def _look(value: Any) -> Look | None:
    """None also for versions that were made before networks looked at pages."""
    if value is None:
        return None
    mean, std = (_channels(numbers) for numbers in value)
    return Look(mean, std)


def _channels(value: Any) -> Channels:
    red, green, blue = (_number(number) for number in value)
    return red, green, blue


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number we write")


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 10_000:
        raise ValueError("a text of at most 10,000 characters was expected")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError("a whole number from 0 was expected")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError("a number was expected")
    return float(value)


def _chance(value: Any) -> float:
    if not 0.0 <= _number(value) <= 1.0:
        raise ValueError("a number from 0 to 1 was expected")
    return float(value)


def _curve(value: Any) -> Curve:
    slope, offset = (_number(number) for number in value)
    if slope < 0:
        raise ValueError("more evidence cannot mean less confidence")
    return slope, offset


def _table(value: Any, read: Callable[[Any], T]) -> Mapping[str, T]:
    if not isinstance(value, dict) or len(value) > MOST_LABELS + 1:
        raise ValueError("an object with an entry a label was expected")
    return {_text(label): read(item) for label, item in value.items()}
