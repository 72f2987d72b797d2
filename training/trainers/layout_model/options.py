"""What can be said about the training of a layout model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_BASE = "microsoft/layoutlmv3-base"
PERMISSIVE_BASE = "SCUT-DLVCLab/lilt-roberta-en-base"
SCRATCH_SIZES = ("tiny", "small", "base")
SCRATCH_FAMILIES = ("layoutlmv3", "lilt")


@dataclass(frozen=True, slots=True)
class LayoutTraining:
    """The base model, the training and what is made of it.

    ``base_model``: a name on the model hub (``@revision`` may follow) or a folder with config.json, model.safetensors and the
    tokenizer, such as that of a version of docloop, to go on from. ``offline``: only what is on this machine is looked at.
    ``from_scratch``: a size (``small``, ``base``; ``tiny`` is for tests) of a network of ``scratch_family`` with random weights,
    and a tokenizer trained on the samples' text, in place of a base model.

    ``batch_size`` windows at once on each device, ``accumulate`` of these make a step. ``max_steps`` of 0: as many as ``epochs``
    make, but at least ``least_steps``. ``learning_rate`` of 0: 5e-5 for a base model, 5e-4 from scratch. With ``patience``
    training stops after so many looks at the dev split (a tenth of the documents, where there are ``least_for_dev``) without
    an improvement, and the best network is kept; 0 trains to the end. A checkpoint and such a look come every ``look_every``
    steps.

    ``pictures``: whether the network also looks at the pages, if it can (LayoutLMv3). None: base models, which learned to, do;
    one from scratch does not. It costs about half as much time again. ``processes``: how many train together (``group``); 0 for
    one on each GPU.

    ``length`` and ``stride`` are the windows' tokens and how many of them neighbours share. ``folds``: in how many parts the
    documents are answered by networks that have not seen them (each costs a training); 1 holds a fifth out of the only
    training; 0 chooses: 2 for up to ``few_documents``, else 1. ``int8`` also makes the smaller network and serves it if it says
    the same. ``work`` is a folder for checkpoints, from which a run that was killed goes on; None: none are kept.
    """

    base_model: str = DEFAULT_BASE
    offline: bool = False
    from_scratch: str = ""
    scratch_family: str = "layoutlmv3"
    epochs: float = 30.0
    max_steps: int = 0
    least_steps: int = 300
    batch_size: int = 4
    accumulate: int = 2
    learning_rate: float = 0.0
    weight_decay: float = 0.01
    warmup: float = 0.1
    patience: int = 5
    look_every: int = 50
    least_for_dev: int = 60
    length: int = 512
    stride: int = 128
    folds: int = 0
    few_documents: int = 200
    int8: bool = False
    pictures: bool | None = None
    processes: int = 0
    threads: int = 1
    work: Path | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for values that make no sense, quoted."""
        if self.from_scratch not in ("", *SCRATCH_SIZES):
            raise ValueError(f"from_scratch is one of {', '.join(SCRATCH_SIZES)}, but it was: {self.from_scratch!r}")
        if self.scratch_family not in SCRATCH_FAMILIES:
            known = ", ".join(SCRATCH_FAMILIES)
            raise ValueError(f"scratch_family is one of {known}, but it was: {self.scratch_family!r}")
        for name in ("batch_size", "accumulate", "least_steps", "look_every", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, but it was: {getattr(self, name)!r}")
        for name in ("max_steps", "patience", "folds", "learning_rate", "epochs", "processes"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be below 0, but it was: {getattr(self, name)!r}")

    @property
    def rate(self) -> float:
        """The learning rate at its highest."""
        return self.learning_rate or (5e-4 if self.from_scratch else 5e-5)

    def fold_count(self, documents: int) -> int:
        """In how many parts this number of documents is answered."""
        return self.folds or (2 if documents <= self.few_documents else 1)
