"""Which documents each training learns from, which ones answer for it, and where it keeps its checkpoints."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ml_backend.document.fields import FieldSpec
from ml_backend.document.json_form import document_to_json, fields_to_json
from ml_backend.document.samples import Sample
from training.trainers.layout_model.options import LayoutTraining
from training.trainers.layout_model.ranks import is_first, processes, wait

ANSWERED = 0.2  # of the documents are held out where only one network is trained
DEV = 0.1  # of the documents tell when to stop
MARK = "training.json"


@dataclass(frozen=True, slots=True)
class Part:
    """One training: the documents it learns from, those that tell when to stop, and those it answers, unseen."""

    name: str
    train: tuple[Sample, ...]
    dev: tuple[Sample, ...]
    answered: tuple[Sample, ...]


def plan(samples: Sequence[Sample], options: LayoutTraining) -> tuple[Part, ...]:
    """The trainings, the last of which makes the version.

    Folds: each answers its share of the documents, and a last one learns from all of them. With one fold, the only training
    holds a fifth of the documents out and answers those. A document's place depends on its content alone.
    """
    folds = options.fold_count(len(samples))
    if folds == 1:
        return (_part("network", samples, frozenset(_chosen(samples, "answered", ANSWERED)), options),)
    order = sorted(samples, key=lambda sample: _place("fold", sample.content))
    parts = [
        _part(f"fold {fold + 1} of {folds}", samples, frozenset(s.content for s in order[fold::folds]), options)
        for fold in range(folds)
    ]
    return (*parts, _part("network", samples, frozenset(), options))


def _part(name: str, samples: Sequence[Sample], answered: frozenset[str], options: LayoutTraining) -> Part:
    rest = [sample for sample in samples if sample.content not in answered]
    with_dev = options.patience and len(samples) >= options.least_for_dev
    dev = frozenset(_chosen(rest, "dev", DEV)) if with_dev else frozenset[str]()
    return Part(
        name,
        tuple(sample for sample in rest if sample.content not in dev),
        tuple(sample for sample in rest if sample.content in dev),
        tuple(sample for sample in samples if sample.content in answered),
    )


def _chosen(samples: Sequence[Sample], purpose: str, share: float) -> list[str]:
    """This share of the documents, at least one: those with the lowest hash."""
    order = sorted((sample.content for sample in samples), key=lambda content: _place(purpose, content))
    return order[: max(1, round(share * len(order)))]


def _place(purpose: str, content: str) -> str:
    return hashlib.sha256(f"docloop layout {purpose} {content}".encode("utf-8", "surrogatepass")).hexdigest()


@dataclass
class Workplace:
    """The folder of one fit. Its checkpoints are for these samples, specs, options and seed alone: others clear it."""

    folder: Path

    @classmethod
    def of(cls, samples: Sequence[Sample], specs: Sequence[FieldSpec], options: LayoutTraining, seed: int) -> Workplace:
        """The folder that the options name, or one that goes with this object.

        Raises:
            ValueError: several processes train together, and no folder is named.
        """
        if options.work is None and processes() > 1:
            raise ValueError("several processes that train together need a folder (work), but it was: None")
        if options.work is None:
            return cls.temporary()
        if is_first():
            _clear_others(options.work, _mark(samples, specs, options, seed))
        wait()
        return cls(options.work)

    @classmethod
    def temporary(cls) -> Workplace:
        """A folder that goes with this object."""
        place = cls(Path(tempfile.mkdtemp(prefix="docloop-layout-")))
        weakref.finalize(place, shutil.rmtree, place.folder, ignore_errors=True)
        return place

    def inner(self, name: str) -> Path:
        """A folder inside, made if need be."""
        path = self.folder / name.replace(" ", "-")
        path.mkdir(parents=True, exist_ok=True)
        return path


def _clear_others(folder: Path, mark: dict[str, Any]) -> None:
    """Empty ``folder`` if it is that of another fit; a folder that is of none is left as it is."""
    known = folder / MARK
    try:
        same = json.loads(known.read_text(encoding="utf-8")) == mark
    except (OSError, ValueError):
        same = False
    if not same:
        for path in folder.glob("*") if known.exists() else ():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        known.write_text(json.dumps(mark), encoding="utf-8")


def _mark(samples: Sequence[Sample], specs: Sequence[FieldSpec], options: LayoutTraining, seed: int) -> dict[str, Any]:
    """What a checkpoint belongs to."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(json.dumps([document_to_json(sample.document), fields_to_json(sample.fields)]).encode())
    return {
        "samples": digest.hexdigest(),
        "specs": [asdict(spec) for spec in specs],
        "options": {name: str(value) for name, value in asdict(options).items() if name != "work"},
        "seed": seed,
    }
