"""The loss of Connectionist Temporal Classification (Graves et al. 2006) with its gradient, for a batch of lines, in numpy.

The last layer is small: a framework with automatic gradients would cost an installation of hundreds of megabytes for it. Sums run
in log space, forwards and backwards over the columns, for all lines of the batch at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
NONE = -1e30  # the logarithm of nothing; a true -inf would turn differences of two into NaN
BLANK = 0


def ctc(log_probabilities: Array, columns: npt.ArrayLike, targets: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    """The loss of each line, and the share of each class in each column.

    ``log_probabilities`` (lines, columns, classes), of which the first ``columns[i]`` are line i's; class 0 is blank.
    ``targets[i]`` are the classes of its characters, at least one line has some, and each fits (``fits``). The loss (lines) is
    minus the logarithm of the target's probability. The shares (lines, columns, classes) are how probable each class is in each
    column given that the line says its target: they sum to 1 over the classes in the columns of a line and are 0 behind it, and
    ``probabilities - shares`` is the gradient of the loss for the logits of a softmax.
    """
    lengths = np.array([len(target) for target in targets])
    states, follows, alive = _states(targets)
    ends = np.asarray(columns)
    emitted = np.take_along_axis(log_probabilities, states[:, None, :], axis=2)
    emitted = np.where(alive[:, None, :], emitted, NONE)
    forward = _forward(emitted, follows)
    # Backwards is forwards on the mirrored lines: the columns and the states of each line from its own end.
    columns_back, states_back = _from_end(ends, emitted.shape[1]), _from_end(2 * lengths + 1, states.shape[1])
    lines = np.arange(len(ends))[:, None]
    mirrored = emitted[lines, columns_back][
        lines[:, :, None], np.arange(emitted.shape[1])[None, :, None], states_back[:, None, :]
    ]
    backward = _forward(mirrored, _skips(states[lines, states_back]))
    backward = backward[lines, columns_back][
        lines[:, :, None], np.arange(emitted.shape[1])[None, :, None], states_back[:, None, :]
    ]
    both = forward + backward - emitted  # the column's own factor is in both
    both = np.where(alive[:, None, :], both, NONE)
    last = forward[np.arange(len(ends)), ends - 1]
    total = np.logaddexp(
        np.take_along_axis(last, 2 * lengths[:, None], 1)[:, 0],
        np.where(lengths > 0, np.take_along_axis(last, np.maximum(2 * lengths - 1, 0)[:, None], 1)[:, 0], NONE),
    )
    occupied = np.exp(np.minimum(both - total[:, None, None], 0.0))
    occupied *= (np.arange(emitted.shape[1])[None, :] < ends[:, None])[:, :, None]
    return -total, _by_class(occupied, states, log_probabilities.shape)


def fits(columns: int, target: Sequence[int]) -> bool:
    """Whether the columns are enough: one a character, and a blank between two that are equal."""
    repeats = sum(one == other for one, other in pairwise(target))
    return len(target) + repeats <= columns


def _states(
    targets: Sequence[Sequence[int]],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """The classes of blank, character, blank, ... blank for each line; which may be reached past a blank; which are there."""
    longest = max(len(target) for target in targets)
    states = np.zeros((len(targets), 2 * longest + 1), np.intp)
    alive = np.zeros(states.shape, bool)
    for i, target in enumerate(targets):
        states[i, 1 : 2 * len(target) : 2] = target
        alive[i, : 2 * len(target) + 1] = True
    return states, _skips(states), alive


def _skips(states: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    skips = np.zeros(states.shape, bool)
    skips[:, 2:] = (states[:, 2:] != BLANK) & (states[:, 2:] != states[:, :-2])
    return skips


def _from_end(lengths: npt.NDArray[np.intp], size: int) -> npt.NDArray[np.intp]:
    """For each row the indices that turn its first ``length`` entries around and leave the rest."""
    index = np.arange(size)[None, :]
    return np.where(index < lengths[:, None], lengths[:, None] - 1 - index, index)


def _forward(emitted: Array, skips: npt.NDArray[np.bool_]) -> Array:
    """The logarithm of the probability of all beginnings that end in each column and state."""
    forward = np.full(emitted.shape, NONE)
    forward[:, 0, :2] = emitted[:, 0, :2]
    for column in range(1, emitted.shape[1]):
        before = forward[:, column - 1]
        reached = before.copy()
        np.logaddexp(reached[:, 1:], before[:, :-1], out=reached[:, 1:])
        past = np.where(skips[:, 2:], before[:, :-2], NONE)
        np.logaddexp(reached[:, 2:], past, out=reached[:, 2:])
        np.maximum(reached + emitted[:, column], NONE, out=forward[:, column])
    return forward


def _by_class(occupied: Array, states: npt.NDArray[np.intp], shape: tuple[int, ...]) -> Array:
    """Sums the shares of states that stand for the same class."""
    lines, columns, classes = shape
    summed = np.zeros((lines, columns, classes))
    # All blanks are one class; characters are added one by one, as one may come twice.
    summed[:, :, BLANK] = occupied[:, :, ::2].sum(axis=2)
    for state in range(1, states.shape[1], 2):
        present = np.flatnonzero(states[:, state])
        summed[present, :, states[present, state]] += occupied[present, :, state]
    return summed
