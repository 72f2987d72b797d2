"""One network, trained by transformers' Trainer: on a GPU in bf16, on several under torchrun, on a CPU where there is neither.

A training leaves checkpoints in its folder and, when it is done, the network alone; begun again after a kill it goes on.
The checkpoints hold the optimizer's state in torch's own format; they are this training's own, and never part of a version.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.trainers.base import Progress
from training.trainers.layout_model.examples import IGNORED, class_weights, collator
from training.trainers.layout_model.export import example
from training.trainers.layout_model.options import LayoutTraining
from training.trainers.layout_model.page_pictures import PagePictures
from training.trainers.layout_model.ranks import is_first, processes, wait

DONE = "done"
CHECKPOINT = "checkpoint-"
STATE = "trainer_state.json"  # the last file of a checkpoint that is written


@dataclass(frozen=True, slots=True)
class Task:
    """What one training works with: ``train`` and ``dev`` are data sets (``examples.data_set``), ``dev`` is None for none,
    ``pictures`` those of their pages, None for a network that does not look at them."""

    folder: Path
    train: Any
    dev: Any
    tags: int
    pad: int
    seed: int
    pictures: PagePictures | None = None


def fit_network(make: Callable[[], Any], task: Task, options: LayoutTraining, progress: Progress) -> Any:
    """The trained network of ``make`` (called after seeding), in evaluation mode.

    ``progress`` hears ("train", share) after every step. What it raises ends the training; the checkpoints stay.
    """
    import torch
    from transformers import Trainer, set_seed
    from transformers.trainer_callback import EarlyStoppingCallback, PrinterCallback
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    if not torch.cuda.is_available():
        torch.set_num_threads(options.threads)
    set_seed(task.seed)
    network = make()
    done = task.folder / DONE
    if done.is_dir():
        return _loaded(network, done)
    if processes() > 1:
        _freeze_unused(network)
    stops = [EarlyStoppingCallback(options.patience)] if task.dev is not None else []
    teller = _teller(progress)
    trainer = Trainer(
        model=network,
        args=arguments_of(task, options),
        train_dataset=task.train,
        eval_dataset=task.dev,
        data_collator=collator(task.pad, task.pictures),
        compute_loss_func=_weighted_loss(class_weights(task.train, task.tags)),
        callbacks=[teller, *stops],
    )
    trainer.remove_callback(PrinterCallback)
    last = last_checkpoint(task.folder)
    try:
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    except Exception:
        if last is None or teller.told:
            raise
        shutil.rmtree(last, ignore_errors=True)  # a power cut left it damaged: from the one before it, or anew
        return fit_network(make, task, options, progress)
    trained = trainer.accelerator.unwrap_model(trainer.model)
    if is_first():
        _keep(trained, task.folder)
    wait()
    return trained.to(trainer.args.device).eval()


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint; those that a kill left half-written are cleared away."""
    found = []
    for path in folder.glob(f"{CHECKPOINT}*"):
        try:
            json.loads((path / STATE).read_text(encoding="utf-8"))
            found.append((int(path.name.removeprefix(CHECKPOINT)), path))
        except (OSError, ValueError):
            shutil.rmtree(path, ignore_errors=True)
    return max(found)[1] if found else None


def arguments_of(task: Task, options: LayoutTraining) -> Any:
    """transformers' ``TrainingArguments`` for one training, silent and without any report to anybody."""
    import torch
    from transformers import TrainingArguments

    gpu = torch.cuda.is_available()
    dev = "steps" if task.dev is not None else "no"
    return TrainingArguments(
        output_dir=str(task.folder),
        seed=task.seed,
        data_seed=task.seed,
        use_cpu=not gpu,
        bf16=gpu and torch.cuda.is_bf16_supported(),
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=2 * options.batch_size,
        gradient_accumulation_steps=options.accumulate,
        max_steps=steps_of(len(task.train), options),
        learning_rate=options.rate,
        warmup_steps=options.warmup,
        weight_decay=options.weight_decay,
        eval_strategy=dev,
        eval_steps=options.look_every,
        save_strategy="steps",
        save_steps=options.look_every,
        save_total_limit=2,
        load_best_model_at_end=task.dev is not None,
        metric_for_best_model="loss",
        greater_is_better=False,
        prediction_loss_only=True,
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=gpu,
        ddp_find_unused_parameters=False,
    )


def steps_of(windows: int, options: LayoutTraining) -> int:
    """Optimizer steps of a training on so many windows, over all devices."""
    if options.max_steps:
        return options.max_steps
    at_once = options.batch_size * options.accumulate * processes()
    return max(options.least_steps, round(options.epochs * windows / at_once))


def _freeze_unused(network: Any) -> None:
    """Freeze the weights that no answer depends on: processes that train together would wait for their gradients for ever.

    LayoutLMv3's relative positions are such (transformers takes them without gradients), and what the last layer of LiLT makes of
    the layout.
    """
    network(**example(network, (1, 8))).logits.sum().backward()
    for weight in network.parameters():
        weight.requires_grad_(weight.grad is not None)
    network.zero_grad()


def _weighted_loss(weights: Sequence[float]) -> Callable[..., Any]:
    """Cross entropy over the labelled words of a whole step, rare tags counting more."""
    scales: dict[Any, Any] = {}  # the weights on each device; sending them at each step would make a GPU wait

    def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        import torch

        logits = outputs["logits"].float()
        if logits.device not in scales:
            scales[logits.device] = torch.tensor(weights, device=logits.device)
        scale = scales[logits.device]
        total = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), weight=scale, ignore_index=IGNORED, reduction="sum"
        )
        return total / (
            num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum().clamp(min=1)
        )

    return loss


def _teller(progress: Progress) -> Any:
    """A callback that tells ``progress`` of every step."""
    from transformers import TrainerCallback

    class Teller(TrainerCallback):
        told = False

        def _tell(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            self.told = True
            progress("train", state.global_step / max(1, state.max_steps))

        on_substep_end = on_step_end = on_prediction_step = _tell

    return Teller()


def _keep(network: Any, folder: Path) -> None:
    """Leave the network whole or not at all, and let go of the checkpoints."""
    aside = folder / f"{DONE}.part"
    shutil.rmtree(aside, ignore_errors=True)
    network.save_pretrained(aside)
    os.rename(aside, folder / DONE)
    for path in folder.glob(f"{CHECKPOINT}*"):
        shutil.rmtree(path, ignore_errors=True)


def _loaded(network: Any, folder: Path) -> Any:
    """The weights that an attempt before this one trained."""
    import torch
    from safetensors.torch import load_model

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device)
    load_model(network, str(folder / "model.safetensors"), device=str(device))
    return network.eval()
