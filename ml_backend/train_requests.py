"""Asking for a training, and taking it back: the same for the command line, REST and the page.

A request is a command, so it is in the store before anybody is told that it was kept; the hint beside it only makes the worker
look sooner.
"""

from __future__ import annotations

from typing import Literal

from ml_backend.errors import DocloopError
from ml_backend.jobs.hints import Hints
from ml_backend.store.records import ProjectRecord, TrainingOptions
from ml_backend.store.store import Store


def training_options(
    layout: bool | None, from_scratch: Literal["small", "base"] | None, release: str = ""
) -> TrainingOptions:
    """The options of one training; what is not said stays as the settings say. ``release`` is how an id of one begins.

    Raises:
        DocloopError: ``options_contradict``.
    """
    options: TrainingOptions = {}
    if from_scratch and layout is False:
        raise DocloopError(
            "options_contradict",
            "--from-scratch is about the layout model that --no-layout leaves out.",
            "Say one of them.",
        )
    if layout is not None or from_scratch:
        options["layout"] = layout is not False
    if from_scratch:
        options["from_scratch"] = from_scratch
    if release:
        options["release"] = release
    return options


def request_training(
    store: Store, hints: Hints, project: ProjectRecord, by: str, now: float, options: TrainingOptions
) -> TrainingOptions:
    """Ask for a training of ``project``; it is on disk when this returns. ``by`` says who asks, and how.

    The options that the request was kept with are given: a release is named by its whole id.

    Raises:
        DocloopError: no release begins so, or several do.
    """
    if "release" in options:
        options = {**options, "release": store.releases.find(options["release"], project.uid).id}
    store.runs.request(project.project_id, f"{by}{_said(options)}", now, options)
    hints.leave(project.project_id)
    return options


def cancel_training(store: Store, hints: Hints, project: ProjectRecord) -> str:
    """Stop the training that runs or waits, and take requests back; a sentence about what was stopped.

    Raises:
        DocloopError: ``no_run``: there is none.
    """
    number = project.project_id
    requested = any(request.project_id == number for request in store.runs.requests())
    store.runs.answer(number)
    run = store.runs.open_run(project.uid)
    if run is not None:
        store.runs.cancel(run.id)
    elif not requested:
        raise DocloopError("no_run", f"Project {number} has no training that runs or waits.")
    hints.leave(number)  # so that the status says how it stands now
    return f"Run {run.number} is being cancelled." if run else "The request to train is taken back."


def _said(options: TrainingOptions) -> str:
    """The options as they were given, for the answers of the decision and the list of runs."""
    words = []
    if "release" in options:
        words.append(f" --release {options['release'][:12]}")
    if "from_scratch" in options:
        words.append(f" --from-scratch {options['from_scratch']}")
    elif "layout" in options:
        words.append(" --layout" if options["layout"] else " --no-layout")
    return "".join(words)
