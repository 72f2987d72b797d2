"""What the recogniser sees of a line just before its last layer: the features that training goes by, made once a line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ml_backend.ocr.recogniser.graph import Graph
from ml_backend.ocr.runtime import choose_runtime, load_network

Features = npt.NDArray[np.float16]
Pixels = npt.NDArray[np.uint8]


class FeatureReader:
    """Runs the network of ``graph`` up to its last layer. One thread at a time."""

    def __init__(self, graph: Graph, runtime: str = "auto", threads: int = 1) -> None:
        """Raises EngineUnavailable for a runtime that is unknown or not installed."""
        self._run = load_network(graph.body(), choose_runtime(runtime), threads)

    def read(self, image: Pixels, quad: npt.ArrayLike | None = None) -> Features:
        """The features (columns, features) of the line of ``image`` (height, width, RGB) with the corners ``quad`` in pixels.

        Without ``quad`` the whole image is the line. It is cut out, scaled and padded exactly as the engine does it.
        """
        return self.read_line(line_of(image, quad))

    def read_line(self, line: Pixels) -> Features:
        """The same of what ``line_of`` gives."""
        from ml_backend.ocr.recognise import padded

        return np.asarray(self._run(padded([line]))[0], np.float16)


def line_of(image: Pixels, quad: npt.ArrayLike | None = None) -> Pixels:
    """The line as the network is shown it, but for the padding: (48, width, RGB)."""
    from ml_backend.ocr.recognise import reading_quads, straightened

    height, width = image.shape[:2]
    whole = [[0, 0], [width, 0], [width, height], [0, height]] if quad is None else quad
    (turned,) = reading_quads(np.asarray(whole, np.float32)[None])
    return straightened(image, turned)
