"""Lines on their way into training: what the network's front has made of them, stored, or their pixels.

Nearly all of the network's time is the front's, the convolutions up to where a line is one row of columns. So its answers are
stored (27 kB a line, float16) and what stands behind it is trained on them at a tenth of the price; the front, on the pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ml_backend.ocr.recognise import padded
from ml_backend.ocr.recogniser.head import Array
from training.reading.whole.network import Network
from training.reading.whole.pictures import Pixels, by_width, scanned_again

if TYPE_CHECKING:
    from torch import Tensor

Stored = npt.NDArray[np.float16]  # (channels, 1, columns)
AT_ONCE = 16  # lines


class StoredLines:
    """Lines as the front has seen them; what stands behind the front is trained."""

    def __init__(self, network: Network, lines: Sequence[Stored], general: Sequence[Stored]) -> None:
        self._network, self._lines, self._general = network, lines, general
        self.widths = np.array([line.shape[2] for line in lines])
        self.general_groups = _groups([line.shape[2] for line in general])
        self.weights = network.back_weights()

    def features(self, chosen: Sequence[int], chance: np.random.Generator) -> Iterator[tuple[list[int], Tensor]]:
        """The chosen lines in groups of one width, as places in ``chosen``, with their features."""
        for rows in _groups([int(self.widths[i]) for i in chosen]):
            yield list(rows), self._network.back(_stacked([self._lines[chosen[row]] for row in rows]))

    def general(self, chosen: Sequence[int]) -> Tensor:
        """The features of general lines, all of one width."""
        return self._network.back(_stacked([self._general[i] for i in chosen]))


class PicturedLines:
    """Lines as pixels, each time as another scan of them; the whole network is trained."""

    def __init__(self, network: Network, lines: Sequence[Pixels], general: Sequence[Pixels]) -> None:
        self._network, self._lines, self._general = network, lines, general
        self._short = short_numbers()
        self.widths = np.array([line.shape[1] for line in lines])
        self.general_groups = [np.array(rows) for rows in by_width(general).values()]
        self.weights = list(network.weights.values())

    def features(self, chosen: Sequence[int], chance: np.random.Generator) -> Iterator[tuple[list[int], Tensor]]:
        """As of ``StoredLines``."""
        scans = [scanned_again(self._lines[i], chance) for i in chosen]
        for rows in by_width(scans).values():
            yield rows, self._seen([scans[row] for row in rows])

    def general(self, chosen: Sequence[int]) -> Tensor:
        """As of ``StoredLines``."""
        return self._seen([self._general[i] for i in chosen])

    def _seen(self, lines: Sequence[Pixels]) -> Tensor:
        import torch

        with torch.autocast("cpu", torch.bfloat16, enabled=self._short):
            features: Tensor = self._network(_batch(lines))
        return features.float()


Lines = StoredLines | PicturedLines


def fronts(
    network: Network, lines: Sequence[Pixels], go_on: Callable[[float], bool] = lambda share: True
) -> list[Stored]:
    """What the front makes of each line. ``go_on`` is told the share done; once it says no, the lines left are empty."""
    import torch

    found: list[Stored] = [np.empty((0, 1, 0), np.float16)] * len(lines)
    parts = [rows[i : i + AT_ONCE] for rows in by_width(lines).values() for i in range(0, len(rows), AT_ONCE)]
    for done, number in enumerate(np.random.default_rng(len(parts)).permutation(len(parts))):
        if not go_on(done / len(parts)):
            break
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=short_numbers()):
            seen = network.front(_batch([lines[i] for i in parts[number]])).float().numpy()
        for row, one in zip(parts[number], seen, strict=True):
            found[row] = one.astype(np.float16)
    return found


def backs(network: Network, stored: Sequence[Stored]) -> list[Array]:
    """The features (columns, features) of stored lines."""
    import torch

    with torch.no_grad():
        return [network.back(_stacked([one]))[0].numpy() for one in stored]


def features_of(network: Network, lines: Sequence[Pixels]) -> list[Array]:
    """The features (columns, features) of lines, as exactly as the network can."""
    import torch

    found: list[Array] = [np.empty((0, 0), np.float32)] * len(lines)
    for rows in by_width(lines).values():
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            with torch.no_grad():
                seen = network(_batch([lines[i] for i in part])).numpy()
            for row, one in zip(part, seen, strict=True):
                found[row] = one.copy()
    return found


def short_numbers() -> bool:
    """Whether this processor multiplies bfloat16, which takes half the time; elsewhere torch would imitate it, slowly."""
    import torch

    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(asked and asked())


def _batch(lines: Sequence[Pixels]) -> Tensor:
    import torch

    return torch.from_numpy(padded(lines)).to(memory_format=torch.channels_last)


def _stacked(stored: Sequence[Stored]) -> Tensor:
    import torch

    return torch.from_numpy(np.stack(stored).astype(np.float32))


def _groups(widths: Sequence[int]) -> list[npt.NDArray[np.intp]]:
    every = np.array(widths)
    return [np.flatnonzero(every == width) for width in np.unique(every)]
