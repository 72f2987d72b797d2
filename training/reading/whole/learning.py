"""From lines with their pictures to a network trained as a whole, written as the ONNX file that serves and compared with it.

Reading with what comes out of it needs no torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from ml_backend.document.splits import split_of
from ml_backend.errors import EngineUnavailable, ModelRejected
from ml_backend.ocr.recognise import padded
from ml_backend.ocr.recogniser.direction import turned
from ml_backend.ocr.recogniser.graph import Graph
from ml_backend.ocr.recogniser.head import Head
from ml_backend.ocr.runtime import load_network
from training.reading.fitting import UNREAD, Options, fit_lines
from training.reading.lines import SeenLine
from training.reading.reading_back import text_of
from training.reading.whole.options import WholeOptions
from training.trainers.base import Progress

if TYPE_CHECKING:
    from training.reading.whole.network import Network

ALIKE = 1e-3  # the most that a probability may differ between torch and the file that serves
COMPARED = 24  # lines
MOST = 20_000  # lines that the network is trained on, 0.8 GB of pixels and 0.5 GB of what the front makes of them
CHOOSING = 150  # lines that say which network is the best so far


@dataclass(frozen=True, slots=True)
class How:
    """Whether case counts, how the last layer is fitted, from which the network starts, and how that is trained."""

    any_case: bool
    last_layer: Options
    whole: WholeOptions


def need_torch() -> None:
    """Raises EngineUnavailable with the way out where torch is not installed."""
    if find_spec("torch") is None:
        raise EngineUnavailable(
            "torch_missing",
            "Training the whole network needs the package torch, which is not installed.",
            "Run: pip install 'docloop[layout]', or train the last layer alone.",
        )


def learn_whole(
    graph: Graph, lines: Sequence[SeenLine], general: Sequence[SeenLine], how: How, progress: Progress
) -> tuple[Graph, Head]:
    """The network before the last layer, and that layer, trained on ``lines``; some of them choose instead.

    Raises:
        ValueError: no line is wide enough for its text.
        ModelRejected: torch and the file do not answer alike, before training or after it.
    """
    from training.reading.whole.fitting import Material, Picture, fit_network
    from training.reading.whole.network import Network

    learning, choosing = _with_choosing(lines)
    fitted = fit_lines(graph.head, learning, general, how.any_case, how.last_layer, progress)
    before = graph.head.with_more(fitted.alphabet.characters[len(graph.head.alphabet) :], UNREAD)
    network = Network(graph.body())
    compared = [*choosing, *general][:: max(1, (len(choosing) + len(general)) // COMPARED)]
    compare(network, graph, before, compared)
    material = Material(
        lines=[Picture(one.pixels(), turned(one.text)) for one in learning[:: -(-len(learning) // MOST)]],
        choosing=[Picture(one.pixels(), turned(one.text)) for one in choosing],
        general=[one.pixels() for one in general],
        any_case=how.any_case,
    )
    best = fit_network(network, (before, fitted), material, how.whole, lambda share: progress("whole", share))
    network.load(best.weights)
    written = graph.with_weights(best.weights)
    compare(network, written, best.head, compared)
    return written, best.head


def compare(network: Network, graph: Graph, head: Head, lines: Sequence[SeenLine]) -> None:
    """Raises ModelRejected unless ``network`` (torch) and ``graph`` answer alike and read the same on ``lines``."""
    from training.reading.whole.views import features_of

    served = load_network(graph.with_head(head), "onnxruntime", 1)
    furthest, same = 0.0, True
    pixels = [line.pixels() for line in lines]
    for one, features in zip(pixels, features_of(network, pixels), strict=True):
        trained, answer = head.probabilities(features), served(padded([one]))[0]
        furthest = float(np.maximum(furthest, np.abs(trained - answer).max()))  # max() would lose a NaN
        same &= text_of(trained, head.alphabet) == text_of(answer, head.alphabet)
    if not same or not furthest <= ALIKE:  # NaN is not alike, either
        raise ModelRejected(
            "reader_differs",
            f"torch and the file of the network do not answer alike: probabilities differ by up to {furthest:.1e}, "
            f"{ALIKE:.0e} is allowed, and the texts are {'the same' if same else 'not the same'}.",
            "Train the last layer alone.",
        )


def _with_choosing(lines: Sequence[SeenLine]) -> tuple[list[SeenLine], list[SeenLine]]:
    """The lines to learn from, and at most ``CHOOSING`` that choose: of a tenth of the documents, or a tenth of the lines."""
    chosen = [split_of(line.document) == "val" for line in lines]
    if not 0.05 * len(lines) <= sum(chosen) <= 0.3 * len(lines):
        marks = (hashlib.sha256(line.picture).hexdigest() for line in lines)
        chosen = [int(mark, 16) % 10 == 0 for mark in marks]
    out = [line for line, chooses in zip(lines, chosen, strict=True) if chooses]
    kept = [line for line, chooses in zip(lines, chosen, strict=True) if not chooses]
    return kept, out[:: max(1, -(-len(out) // CHOOSING))]
