"""Versions of recognisers in a registry: trained, judged, published whole, and promoted when the gate says so.

The running processes read with a promoted version from the next page on (``ml_backend/readers.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version as package_version

from ml_backend.errors import ModelRejected
from ml_backend.models.manifest import Manifest
from ml_backend.models.registry import ModelRegistry
from ml_backend.ocr.recogniser.graph import Graph
from ml_backend.ocr.recogniser.version import KIND, MODEL, wheel_recogniser, write_version
from ml_backend.readers import EVERY_PROJECT, best_reader
from training.reading.fitting import Options
from training.reading.learning import WHEEL, Champion, Learned, Order, learn
from training.reading.lines import TranscribedLine
from training.trainers.base import Progress

NAME = "reader"
LAST_LAYER, BEHIND, WHOLE = "last layer", "all behind the convolutions", "whole network"  # what was trained


def next_version(registry: ModelRegistry, project_uid: str) -> str:
    """``reader-1``, or the number after the highest."""
    numbers = [manifest.number for manifest in registry.versions(project_uid)]
    return f"{NAME}-{max(numbers, default=0) + 1}"


def champion_of(registry: ModelRegistry, project_uid: str, graph: Graph, base: str) -> Champion:
    """What the project reads with now: its promoted version, that of all projects, or the recogniser of the wheel, whose file
    has the hash ``base``.

    A version that was made from another wheel's network is not compared with, so it does not count.
    """
    best = best_reader(registry, project_uid)
    if best.folder is None or best.manifest is None or best.manifest.settings.get("base_sha256") != base:
        return Champion(WHEEL, graph.head)
    try:
        made, trained = Graph(best.folder / MODEL), best.manifest.settings.get("trained", LAST_LAYER)
        name = best.version if best.folder.parent.name == project_uid else f"{best.version} of all projects"
        return Champion(name, made.head, made if trained != LAST_LAYER else None)
    except ModelRejected:
        return Champion(WHEEL, graph.head)


def train_reader(
    registry: ModelRegistry,
    lines: Iterable[TranscribedLine],
    now: Callable[[], datetime],
    project_uid: str = EVERY_PROJECT,
    options: Options = Options(),  # noqa: B008 - frozen
    progress: Progress = lambda stage, share: None,
) -> Manifest:
    """Train on ``lines``, publish the version, and let it serve if the gate promoted it; the manifest says whether it did.

    Raises:
        ModelRejected: the lines cannot make a version.
        EngineUnavailable: the wheel or the package onnx is missing, or torch where the whole network is to be trained.
    """
    path = wheel_recogniser()
    graph = Graph(path)
    version = next_version(registry, project_uid)
    base = hashlib.sha256(path.read_bytes()).hexdigest()
    champion = champion_of(registry, project_uid, graph, base)
    learned = learn(graph, lines, Order(version, champion, options), progress)
    manifest = Manifest(
        version=version,
        kind=KIND,
        created_at=now().isoformat(timespec="seconds"),
        samples=learned.documents,
        seed=options.seed,
        code_version=package_version("docloop"),
        settings=_settings(learned, base, options),
        metrics=learned.verdict.metrics,
        verdict=learned.verdict.sentence,
        promoted=learned.verdict.promoted,
    )
    network = learned.graph.with_head(learned.head)
    published = registry.publish(
        project_uid, manifest, lambda folder: write_version(folder, network, learned.head.alphabet)
    )
    if published.promoted:
        registry.activate(project_uid, version)
    return published


def _trained(options: Options) -> str:
    if options.whole is None:
        return LAST_LAYER
    return WHOLE if options.whole.whole_steps else BEHIND


def _settings(learned: Learned, base: str, options: Options) -> dict[str, object]:
    return {
        "base": f"PP-OCRv6 small of rapidocr {package_version('rapidocr')}",
        "base_sha256": base,
        "lines": learned.learned,
        "case": "ignored" if learned.any_case else "kept",
        "new_characters": list(learned.characters),
        "options": asdict(options),
        "trained": _trained(options),
    }
