"""The last layer in torch, with the loss of transcribed lines and that of general ones.

Only classes that a transcription has are trained (``training/reading/targets.py``). Of the other 18,600 classes those few hundred
that the network ever thinks of on these lines stand beside them in the softmax, unchanged; the rest adds nothing that is felt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ml_backend.ocr.recogniser.head import Array, Head
from training.reading.targets import Targets

if TYPE_CHECKING:
    from torch import Tensor

RIVALS = 512  # classes that stay as they are and are still part of the sum
_SAMPLE = 6_000  # columns in which rivals are looked for


class LastLayer:
    """``head`` with its classes in ``targets.active`` to be trained, and ``rivals`` (classes) that are not."""

    def __init__(self, head: Head, targets: Targets, rivals: npt.NDArray[np.intp]) -> None:
        import torch

        self._head, self._active = head, targets.active
        self.weights = torch.from_numpy(head.weights[:, targets.active].copy()).requires_grad_()
        self.bias = torch.from_numpy(head.bias[targets.active].copy()).requires_grad_()
        self._others = torch.from_numpy(head.weights[:, rivals].copy()), torch.from_numpy(head.bias[rivals].copy())
        self._first, second = torch.from_numpy(targets.first), targets.second
        self._pairs = torch.from_numpy(np.flatnonzero(second >= 0))
        self._second = torch.from_numpy(second[second >= 0])

    def __call__(self, features: Tensor) -> Tensor:
        """The logarithm of the probability of each active class and, behind them, each rival: (lines, columns, classes)."""
        import torch

        weights, bias = self._others
        logits = torch.cat([features @ self.weights + self.bias, features @ weights + bias], -1)
        return torch.log_softmax(logits, -1)

    def loss(self, features: Tensor, symbols: Sequence[Sequence[int]]) -> Tensor:
        """The summed CTC loss of lines (lines, columns, features) whose texts have the ``symbols`` of the targets."""
        import torch
        from torch.nn import functional

        logs = self(features)
        asked = logs[..., self._first]
        if len(self._pairs):
            either = torch.logaddexp(asked[..., self._pairs], logs[..., self._second])
            asked = asked.index_copy(-1, self._pairs, either)
        none_of_them = torch.logsumexp(logs[..., len(self.bias) :], -1, keepdim=True)
        # With what no text asks for as a last symbol the columns sum to 1, which torch's gradient relies on.
        asked = torch.cat([asked, none_of_them], -1).transpose(0, 1)
        flat = torch.tensor([symbol for line in symbols for symbol in line])
        lengths = torch.tensor([len(line) for line in symbols])
        columns = torch.full((len(symbols),), asked.shape[0])
        return functional.ctc_loss(asked, flat, columns, lengths, reduction="sum", zero_infinity=True)

    def load(self, head: Head) -> None:
        """Take the layer that ``head`` gave."""
        import torch

        with torch.no_grad():
            self.weights.copy_(torch.from_numpy(head.weights[:, self._active]))
            self.bias.copy_(torch.from_numpy(head.bias[self._active]))

    def head(self) -> Head:
        """The whole layer; a copy."""
        weights, bias = self._head.weights.copy(), self._head.bias.copy()
        weights[:, self._active], bias[self._active] = self.weights.detach().numpy(), self.bias.detach().numpy()
        return Head(weights, bias, self._head.alphabet)


def rivals_of(head: Head, targets: Targets, lines: Sequence[Array]) -> npt.NDArray[np.intp]:
    """The classes that are not trained and have the highest probabilities in the columns of ``lines``, sorted."""
    columns = np.concatenate(list(lines)).astype(np.float32)
    columns = columns[:: -(-len(columns) // _SAMPLE)]
    heard = np.zeros(head.alphabet.classes)
    for start in range(0, len(columns), 512):
        heard += head.probabilities(columns[start : start + 512]).sum(axis=0)
    heard[targets.active] = -1.0
    most = min(RIVALS, head.alphabet.classes - len(targets.active))
    return np.sort(np.argsort(-heard, kind="stable")[:most])


def answers(base: Head, targets: Targets, rivals: npt.NDArray[np.intp], features: Array) -> Tensor:
    """What the network said before it was trained, as ``LastLayer`` says it: probabilities (columns, classes)."""
    import torch

    chosen = np.concatenate([targets.active, rivals])
    logits = features @ base.weights[:, chosen] + base.bias[chosen]
    return torch.softmax(torch.from_numpy(logits), -1)
