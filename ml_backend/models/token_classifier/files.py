"""A version's files: two estimators in skops, everything else in JSON. What is read back is hostile until it is checked.

The estimators are scikit-learn's own, so that other tools can open them; before skops builds anything, the names of all types in
the file are compared with a fixed list. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from ml_backend.errors import ModelRejected
from ml_backend.models.token_classifier.choosing import POOLED, Calibration
from ml_backend.models.token_classifier.classifier import Parts
from ml_backend.models.token_classifier.gazetteer import Gazetteer, Known
from ml_backend.models.token_classifier.linear import Floats, TagModel, hashed
from ml_backend.models.token_classifier.ranking import LabelFacts, RankModel

FORMAT = 2
PLAIN = 1  # the format of before, with the names of features as they are
TAGS, RANKING, LEARNED = "tags.skops", "ranking.skops", "learned.json"
LARGEST = 2**29  # bytes of one file, unpacked
ALLOWED = frozenset(
    {
        "sklearn.linear_model._logistic.LogisticRegression",
        "numpy.ndarray",
        "numpy.float64",
        "numpy.dtype",
        "builtins.dict",
        "builtins.list",
        "builtins.tuple",
        "builtins.str",
        "builtins.int",
        "builtins.float",
        "builtins.bool",
        "builtins.NoneType",
    }
)
"""The types a model file may hold."""


def save_parts(parts: Parts, folder: Path) -> None:
    """Write the three files; the same parts give the same bytes in JSON."""
    from skops.io import dump

    dump(_estimator(parts.tags.weights.T, parts.tags.bias), folder / TAGS)
    dump(_estimator(parts.ranking.weights[None, :], np.array([parts.ranking.bias])), folder / RANKING)
    text = json.dumps(_learned(parts), ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    (folder / LEARNED).write_text(text, encoding="utf-8")


def load_parts(folder: Path) -> Parts:
    """Read back what ``save_parts`` wrote. Raises ModelRejected for anything else."""
    try:
        if (folder / LEARNED).stat().st_size > LARGEST:
            raise _rejected(LEARNED, "it is too large")
        learned = json.loads((folder / LEARNED).read_bytes(), parse_constant=_no_number)
        return _parts(learned, _arrays(folder / TAGS), _arrays(folder / RANKING))
    except (OSError, BadZipFile, KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        raise _rejected(LEARNED, f"{type(error).__name__}: {str(error)[:200]}") from error


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number we write")


def _rejected(name: str, why: str) -> ModelRejected:
    return ModelRejected(
        "model_files",
        f"The model file {name} cannot be used: {why}.",
        "Roll back to an earlier version, or train again.",
    )


def _estimator(weights: Floats, bias: Floats) -> Any:
    """The arrays as a fitted logistic regression."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression()
    model.coef_ = np.ascontiguousarray(weights, dtype=np.float64)
    model.intercept_ = np.asarray(bias, dtype=np.float64)
    model.classes_ = np.arange(max(2, len(weights)), dtype=np.float64)
    model.n_features_in_ = int(weights.shape[1])
    return model


def _arrays(path: Path) -> tuple[Floats, Floats]:
    """Weights and bias of the estimator in a file, after its types were checked."""
    from skops.io import loads
    from skops.io.exceptions import UntrustedTypesFoundException

    with ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
            raise _rejected(path.name, "it is too large")
        foreign = set(_types(json.loads(archive.read("schema.json")))) - ALLOWED
    if foreign:
        raise _rejected(path.name, f"it holds types that are not allowed: {', '.join(sorted(foreign))[:200]}")
    try:
        model = loads(path.read_bytes(), trusted=[])
    except UntrustedTypesFoundException as error:
        raise _rejected(path.name, str(error)[:200]) from error
    weights, bias = np.asarray(model.coef_, dtype=np.float64), np.asarray(model.intercept_, dtype=np.float64)
    if (
        weights.ndim != 2
        or bias.shape != (len(weights),)
        or not (np.isfinite(weights).all() and np.isfinite(bias).all())
    ):
        raise _rejected(path.name, "its arrays do not fit together")
    return weights, bias


def _types(node: Any) -> Iterator[str]:
    """All types named in a skops schema."""
    if isinstance(node, list):
        for item in node:
            yield from _types(item)
    elif isinstance(node, dict):
        if "__class__" in node:
            yield f"{node.get('__module__')}.{node['__class__']}"
        for item in node.values():
            yield from _types(item)


def _learned(parts: Parts) -> dict[str, Any]:
    calibration, ranking = parts.calibration, parts.ranking
    return {
        "format": FORMAT,
        "samples": parts.samples,
        "tags": list(parts.tags.tags),
        "columns": sorted(parts.tags.columns, key=parts.tags.columns.__getitem__),
        "labels": list(ranking.labels),
        "means": ranking.means.tolist(),
        "scales": ranking.scales.tolist(),
        "facts": {
            label: [own.words, own.spread, own.lines, own.presence, own.examples] for label, own in parts.facts.items()
        },
        "curves": {label: list(curve) for label, curve in calibration.curves.items()},
        "least": dict(calibration.least),
        "absent": dict(calibration.absent),
        "document": list(calibration.document) if calibration.document else None,
        "known": [
            [known.label, known.kind, known.key, known.text, sorted(known.documents)]
            for known in parts.gazetteer.entries
        ],
    }


def hashed_columns(learned: Any) -> list[str]:
    """The features' hashed names, also of a file of before. Raises ValueError for another format."""
    if learned["format"] not in (PLAIN, FORMAT):
        raise ValueError(f"format must be {FORMAT}, but it was: {learned['format']!r}")
    names = [str(name) for name in learned["columns"]]
    return [hashed(name) for name in names] if learned["format"] == PLAIN else names


def _parts(learned: Any, tags: tuple[Floats, Floats], ranking: tuple[Floats, Floats]) -> Parts:
    """The parts out of checked values; raises ValueError and the like where they do not fit together."""
    columns = {name: at for at, name in enumerate(hashed_columns(learned))}
    names = tuple(str(tag) for tag in learned["tags"])
    if tags[0].shape != (len(names), len(columns)):
        raise ValueError("the tag weights do not fit the features")
    labels = tuple(str(label) for label in learned["labels"])
    means, scales = np.array(learned["means"], dtype=np.float64), np.array(learned["scales"], dtype=np.float64)
    width = (len(means) + 1) * (1 + len(labels)) if len(means) else 0
    if means.shape != scales.shape or not (scales > 0).all() or ranking[0].shape != (1, width):
        raise ValueError("the ranking's weights do not fit its numbers")
    calibration = Calibration(
        curves={str(label): _pair(curve) for label, curve in learned["curves"].items()},
        least=_floats(learned["least"]),
        absent=_floats(learned["absent"]),
        document=_pair(learned["document"]) if learned["document"] is not None else None,
    )
    if POOLED not in calibration.curves:
        raise ValueError("the calibration has no curve for all labels")
    facts = {
        str(label): LabelFacts(float(words), float(spread), float(lines), float(presence), int(examples))
        for label, (words, spread, lines, presence, examples) in learned["facts"].items()
    }
    if not all(own.spread > 0 for own in facts.values()):
        raise ValueError("a spread must be above 0")
    known = [
        Known(str(label), str(kind), str(key), str(text), frozenset(int(n) for n in documents))
        for label, kind, key, text, documents in learned["known"]
    ]
    return Parts(
        samples=int(learned["samples"]),
        tags=TagModel(columns, names, tags[0].T.copy(), tags[1]),
        ranking=RankModel(labels, means, scales, ranking[0][0], float(ranking[1][0])),
        calibration=calibration,
        facts=facts,
        gazetteer=Gazetteer(known),
    )


def _pair(value: Any) -> tuple[float, float]:
    slope, offset = (float(number) for number in value)
    return slope, offset


def _floats(value: Mapping[str, Any]) -> dict[str, float]:
    return {str(label): float(number) for label, number in value.items()}
