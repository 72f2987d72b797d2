"""Lines as pixels, and what another scan of the same line might look like."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

import cv2
import numpy as np
import numpy.typing as npt

from ml_backend.ocr.recognise import BUCKET, MAX_WIDTH

Pixels = npt.NDArray[np.uint8]  # (48, width, 3), RGB


def by_width(lines: Iterable[Pixels]) -> dict[int, list[int]]:
    """The numbers of the lines for each width that the engine pads them to.

    Only lines of one such width go through the network together: it looks at the padding, too, so with more of it than when it
    serves, it would learn something else.
    """
    found: dict[int, list[int]] = {}
    for number, line in enumerate(lines):
        found.setdefault(ceil(line.shape[1] / BUCKET) * BUCKET, []).append(number)
    return found


def scanned_again(line: Pixels, chance: np.random.Generator) -> Pixels:
    """The line a little wider or narrower, shifted, slanted, lighter, blurred or with noise: each a bit, and not all at once."""
    height, width = line.shape[:2]
    target = int(np.clip(width * chance.uniform(0.93, 1.07), 8, MAX_WIDTH))
    tall = chance.uniform(0.92, 1.04)
    slant = chance.normal(0, 0.02)
    across, down = target / width, height / 2
    move = np.array(
        [
            [across, slant, -slant * down + chance.normal(0, 1.0)],
            [0.0, tall, down * (1 - tall) + chance.normal(0, 1.0)],
        ]
    )
    paper = tuple(int(value) for value in np.median(line[:: height - 1].reshape(-1, 3), axis=0))
    seen = cv2.warpAffine(line, move, (target, height), flags=cv2.INTER_LINEAR, borderValue=paper)
    if chance.random() < 0.25:
        seen = cv2.GaussianBlur(seen, (3, 3), chance.uniform(0.3, 0.9))
    light = seen.astype(np.float32)
    if chance.random() < 0.5:
        light = (light - 128) * chance.uniform(0.75, 1.2) + 128 + chance.normal(0, 12)
    if chance.random() < 0.3:
        light += chance.normal(0, chance.uniform(1, 8), light.shape[:2])[:, :, None]
    return np.clip(light, 0, 255).astype(np.uint8)
