"""When to train. One pure function, and always an answer a person can read: why training starts, or why it does not."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

LEAST = 5  # samples without which there is nothing to learn from, whoever asks
GROWTH = 0.20  # a project that was trained is trained again when its samples have grown by this share ...
LEAST_NEW = 10  # ... and by this many


@dataclass(frozen=True, slots=True)
class Situation:
    """What the decision looks at.

    ``samples`` are ready now, ``trained`` was their number when the last run began (0: never trained). ``requested_by`` names who
    asked to train ("" nobody), ``due`` says that the scheduled time has come, ``running`` that a run is on its way, ``resting``
    that a person paused the project.
    """

    samples: int
    trained: int = 0
    threshold: int = 20
    requested_by: str = ""
    due: bool = False
    running: bool = False
    resting: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to train, and why or why not.

    ``answered``: a request has its answer, and need not be kept. ``later``: the scheduled time has come, but has to wait.
    """

    start: bool
    reason: str
    answered: bool = False
    later: bool = False


def decide(now: Situation) -> Decision:
    """Train at the threshold, then at each growth; on request from 5 samples on; at the scheduled time if anything is new."""
    if now.resting:
        waits = " The request is kept until then." if now.requested_by else ""
        return Decision(False, f"The project rests until somebody resumes it.{waits}", later=now.due)
    if now.running:
        waits = " The request is kept for when it ends." if now.requested_by else ""
        return Decision(False, f"A training is running already.{waits}", later=now.due)
    if now.requested_by:
        return _asked(now)
    wanted = next_at(now.trained, now.threshold)
    if now.samples >= wanted:
        return Decision(True, _grown(now))
    if now.due and now.samples > now.trained and now.samples >= LEAST:
        return Decision(True, f"The scheduled time has come, with {_documents(now.samples)} ({_new(now)}).")
    missing = wanted - now.samples
    return Decision(
        False,
        f"{_documents(now.samples)} so far; training starts by itself at {wanted} ({missing} more).",
    )


def next_at(trained: int, threshold: int) -> int:
    """The number of samples at which training starts by itself, never below the threshold."""
    if not trained:
        return threshold
    return max(threshold, trained + max(LEAST_NEW, ceil(GROWTH * trained)))


def _asked(now: Situation) -> Decision:
    if now.samples < LEAST:
        return Decision(
            False,
            f"{now.requested_by} asked to train, with {_documents(now.samples)}; at least {LEAST} are needed.",
            answered=True,
        )
    few = now.samples < now.threshold
    expect = (
        f", below the threshold of {now.threshold}: expect little, and perhaps no promotion; each further document helps"
        if few
        else ""
    )
    return Decision(True, f"{now.requested_by} asked to train, with {_documents(now.samples)}{expect}.", answered=True)


def _grown(now: Situation) -> str:
    if not now.trained:
        return f"The threshold of {now.threshold} is reached: {_documents(now.samples)}."
    return f"{_documents(now.samples)}, {_new(now)}."


def _new(now: Situation) -> str:
    return (
        f"{max(0, now.samples - now.trained)} more than at the last training" if now.trained else "never trained before"
    )


def _documents(count: int) -> str:
    return f"{count} confirmed document{'' if count == 1 else 's'}"
