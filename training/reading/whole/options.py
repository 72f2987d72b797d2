"""How the whole network is trained; read without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WholeOptions:
    """``minutes`` is the most that fitting the network takes; the rates fall to nothing by then, and the best network is taken.

    ``rate`` is the highest learning rate of the body, ``head_rate`` that of the last layer, both after a short start. A step has
    ``batch`` lines and ``replayed`` general ones, whose difference weighs ``replay``. Lines are seen ``epochs`` times, but at
    least ``least_steps`` steps are made and at most ``most_steps``. ``pull`` draws the weights to where they began, a share of
    the rate. ``looks`` is how often lines held out for that say which network is the best so far.
    """

    minutes: float = 10.0
    rate: float = 3e-4
    head_rate: float = 1e-3
    epochs: int = 12
    least_steps: int = 300
    most_steps: int = 3000
    batch: int = 16
    replayed: int = 4
    replay: float = 1.0
    pull: float = 0.01
    looks: int = 8
    seed: int = 0
