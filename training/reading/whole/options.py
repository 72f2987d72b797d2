"""How more of the network than its last layer is trained; read without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WholeOptions:
    """``minutes`` is the most that fitting the network takes; the rates fall to nothing by then, and the best network is taken.

    What stands behind the front (``views``) is trained with ``rate`` in ``epochs`` over the lines, but at least ``least_steps``,
    then the front too, with ``whole_rate`` in ``whole_steps``: none by default, as each takes 2 s on one core, and a few dozen of
    them only do harm. The last layer has ``last_layer`` times these rates. All are the highest ones, after a short start.

    A step has ``batch`` lines and ``replayed`` general ones, whose difference to former answers weighs ``replay``. ``pull`` draws
    the weights to where they began, a share of the rate. ``looks`` is how often in each of the two parts lines that were held out
    for it say which network is the best so far.
    """

    minutes: float = 10.0
    rate: float = 5e-4
    epochs: int = 8
    least_steps: int = 400
    whole_rate: float = 2e-5
    whole_steps: int = 0
    last_layer: float = 2.0
    batch: int = 32
    replayed: int = 8
    replay: float = 2.0
    pull: float = 0.01
    looks: int = 4
    seed: int = 0
