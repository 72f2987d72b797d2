"""Fine-tunes a layout model: trains, answers what was held out, calibrates, exports, and proves the export.

A transformer is too dear to be trained five times. Up to ``few_documents`` two networks answer one half each, and a third learns
from all of them; beyond that one network holds a fifth of the documents out. ``Fitted.out_of_fold`` then has those alone: for the
others there is no answer of a network that has not seen them.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ml_backend.document.bio_tags import match_words
from ml_backend.document.elements import Page
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.errors import ModelRejected
from ml_backend.models.keyword_baseline import KeywordBaseline
from ml_backend.models.layout_model.calibration import Calibration
from ml_backend.models.layout_model.extractor import LayoutModel, Learned, fields_of, with_confidence
from ml_backend.models.layout_model.files import CONFIG, WEIGHTS, write_learned
from ml_backend.models.layout_model.onnx_model import MODEL
from ml_backend.models.layout_model.reader import Reader
from ml_backend.models.layout_model.subwords import TOKENIZER
from ml_backend.models.layout_model.values import TYPED, form_of
from training.trainers.base import Fitted, Progress
from training.trainers.layout_model.base_models import Opened, open_base
from training.trainers.layout_model.calibrating import Answer, calibrate, shown
from training.trainers.layout_model.examples import data_set, labels_of
from training.trainers.layout_model.export import MOST_OTHER, check_same, export_onnx, quantise, share_of_others
from training.trainers.layout_model.fitting import DONE, Task, fit_network
from training.trainers.layout_model.group import run_group
from training.trainers.layout_model.job import read_result, write_job
from training.trainers.layout_model.options import LayoutTraining
from training.trainers.layout_model.page_pictures import PagePictures
from training.trainers.layout_model.parts import Part, Workplace, plan
from training.trainers.layout_model.ranks import is_first, processes, wait
from training.trainers.layout_model.scratch import from_scratch
from training.trainers.layout_model.torch_network import TorchNetwork

log = logging.getLogger(__name__)

FEWEST = 4  # samples; two networks that answer for one another need two each
MOST_COMPARED = 16  # documents on which the export is compared with what was trained


class LayoutTrainer:
    """``country`` as in ``KeywordBaseline``."""

    kind = "layout-model"

    def __init__(self, options: LayoutTraining | None = None, country: str = "") -> None:
        self._options = options or LayoutTraining()
        self._country = country

    def fit(
        self, samples: Sequence[Sample], specs: Sequence[FieldSpec], version: str, progress: Progress, seed: int = 0
    ) -> Fitted:
        """A model of ``samples``; on one machine the same for the same samples (in any order), specs, options and seed.

        Raises:
            ModelRejected: too few samples, no region of any of them lies on a word, the base model cannot be used
                (``base_models.open_base``), or the exported network is not the trained one (``export``).
        """
        _need_packages()
        if len(samples) < FEWEST:
            raise ModelRejected(
                "too_few_samples",
                f"The model needs {FEWEST} confirmed documents, but there are: {len(samples)}.",
                "Submit more documents.",
            )
        ordered = sorted(samples, key=lambda sample: (sample.content, sample.confirmed_at))
        labels = labels_of(ordered, specs)
        if not labels:
            raise ModelRejected(
                "no_region_matches",
                f"No region of the {len(ordered)} confirmed documents lies on a word that OCR has read.",
                "Check that the regions have the labels of the labelling interface.",
            )
        options = self._options
        if _together(options) > 1:
            return self._fit_together(ordered, specs, version, progress, seed)
        progress("base model", 0.0)
        documents = (sample.document for sample in ordered)
        opened = from_scratch(options, documents) if options.from_scratch else open_base(options)
        if not options.from_scratch:
            licence = opened.base.licence or "licence not known"
            log.info("The layout model begins with %s (%s).", opened.base.name, licence)
            progress(f"base model {opened.base.name} ({licence})", 0.0)
        fit = _Fit(opened, labels, specs, options, self._country)
        return fit.run(ordered, version, Workplace.of(ordered, specs, options, seed), progress, seed)

    def _fit_together(
        self, samples: Sequence[Sample], specs: Sequence[FieldSpec], version: str, progress: Progress, seed: int
    ) -> Fitted:
        """The same by one process on each GPU."""
        place = Workplace(self._options.work) if self._options.work else Workplace.temporary()
        more = {"version": version, "seed": seed, "country": self._country}
        write_job(place.folder, samples, specs, self._options, more)
        run_group(place.folder, _together(self._options), progress)
        fitted = read_result(place.folder)
        return replace(fitted, save=_Saving(fitted.save, place))


class _Fit:
    """One fit: what is the same for all of its trainings."""

    def __init__(
        self,
        opened: Opened,
        labels: tuple[str, ...],
        specs: Sequence[FieldSpec],
        options: LayoutTraining,
        country: str,
    ) -> None:
        self.opened, self.labels, self.options, self.country = opened, labels, options, country
        self.specs = tuple({spec.label: spec for spec in reversed(specs)}.values())[::-1]
        self.known = tuple(spec for spec in self.specs if spec.label in labels)

    def run(self, samples: Sequence[Sample], version: str, place: Workplace, progress: Progress, seed: int) -> Fitted:
        draft = Learned(
            self.opened.base,
            len(samples),
            self.labels,
            self.opened.shape,
            Calibration({}, {}, {}),
            self._forms(samples),
            look=self.opened.look,
        )
        look = self.opened.look
        pictures = PagePictures.of(samples, look, place.inner("data")) if look else None
        answers: list[list[Answer]] = []
        for part in plan(samples, self.options):
            network = self._train(part, place, pictures, progress, seed)
            reader = self._reader(TorchNetwork(network))
            answers.append([])
            for start in range(0, len(part.answered), reader.at_once):
                progress(f"answer {part.name}", start / len(part.answered))
                answers[-1] += self._answers(reader, part.answered[start : start + reader.at_once], draft)
        every = [answer for some in answers for answer in some]
        learned = replace(draft, calibration=calibrate(every, self.known))
        progress("export", 0.0)
        held = [answer.sample for answer in answers[-1]] or list(samples)
        folder, settings = place.inner("version"), dict[str, Any]()
        if is_first():
            settings = self._publish(network, learned, held[:MOST_COMPARED], place, progress)
        wait()
        model = LayoutModel.load(folder, version, self.country, self.options.threads)
        return Fitted(model, _Saving(model.save, place), self._out_of_fold(answers), settings)

    def _train(self, part: Part, place: Workplace, pictures: PagePictures | None, progress: Progress, seed: int) -> Any:
        """The network of one training, in evaluation mode."""
        words, shape = self.opened.words, self.opened.shape
        data = place.inner("data")
        train = data_set(part.train, words, shape, self.labels, data, pictures)
        if not len(train):
            raise ModelRejected("no_words", "OCR has read no word in the documents.", "Submit more documents.")
        dev = data_set(part.dev, words, shape, self.labels, data, pictures) if part.dev else None
        dev = dev if dev is not None and len(dev) else None
        task = Task(place.inner(part.name), train, dev, 1 + 2 * len(self.labels), shape.pad, seed, pictures)
        return fit_network(
            lambda: self.opened.network(self.labels),
            task,
            self.options,
            lambda stage, share: progress(f"{stage} {part.name}", share),
        )

    def _reader(self, network: TorchNetwork) -> Reader:
        return Reader(network, self.opened.words, self.opened.shape, self.labels, self.opened.look)

    def _answers(self, reader: Reader, samples: Sequence[Sample], draft: Learned) -> list[Answer]:
        read = reader.read_all([sample.document for sample in samples])
        return [
            Answer(
                sample,
                {
                    spec.label: fields_of(reader, sample.document, pages, spec, draft, self.country)
                    for spec in self.known
                },
            )
            for sample, pages in zip(samples, read, strict=True)
        ]

    def _forms(self, samples: Sequence[Sample]) -> dict[str, str]:
        """The labels of which only the value of their type inside of the words was confirmed."""
        found: dict[str, list[tuple[Page, Sequence[int], str]]] = {}
        for sample in samples:
            words: dict[int, list[int]] = {}
            for page in match_words(sample.document, sample.fields):
                for word, (_, number) in page.items():
                    words.setdefault(number, []).append(word)
            for number, some in words.items():
                field = sample.fields[number]
                page_there = sample.document.pages[field.page]
                found.setdefault(field.label, []).append((page_there, sorted(some), field.text))
        forms = {spec.label: form_of(found.get(spec.label, ()), spec.type, self.country) for spec in self.known}
        return {label: form for label, form in forms.items() if form == TYPED}

    def _publish(
        self, network: Any, learned: Learned, held: Sequence[Sample], place: Workplace, progress: Progress
    ) -> dict[str, Any]:
        """Leave the version's files in its folder; comes back with what the manifest says of them."""
        folder = place.inner("version")
        for path in folder.iterdir():
            path.unlink()
        progress("export", 0.1)
        export_onnx(network, folder / MODEL, self.options.length)
        (folder / TOKENIZER).write_text(self.opened.words.text, encoding="utf-8")
        write_learned(learned, folder)
        done = place.inner("network") / DONE
        for name in (CONFIG, WEIGHTS):
            shutil.copyfile(done / name, folder / name)
        progress("compare", 0.5)
        documents = [sample.document for sample in held]
        torch_model = LayoutModel(self._reader(TorchNetwork(network)), learned, "torch-1", self.country)
        onnx_model = LayoutModel.load(folder, "onnx-1", self.country, self.options.threads)
        settings: dict[str, Any] = {
            "base_model": learned.base.name,
            "base_family": learned.base.family,
            "base_licence": learned.base.licence,
            "pictures": learned.look is not None,
            "export_difference": round(check_same(torch_model, onnx_model, documents, self.known), 9),
            "int8": False,
        }
        if self.options.int8:
            progress("int8", 0.8)
            settings |= self._smaller(onnx_model, learned, folder, [sample.document for sample in held])
        return settings

    def _smaller(self, model: LayoutModel, learned: Learned, folder: Path, documents: Sequence[Any]) -> dict[str, Any]:
        """The int8 network in the place of the other one, if it reads the same fields."""
        aside = folder.parent / "int8"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        quantise(folder / MODEL, aside / MODEL)
        shutil.copyfile(folder / TOKENIZER, aside / TOKENIZER)
        write_learned(replace(learned, int8=True), aside)
        smaller = LayoutModel.load(aside, "int8-1", self.country, self.options.threads)
        others = share_of_others(model, smaller, documents, self.known)
        passed = others <= MOST_OTHER
        if passed:
            write_learned(replace(learned, int8=True), folder)
            (aside / MODEL).replace(folder / MODEL)
        shutil.rmtree(aside)
        return {"int8": passed, "int8_other_fields": round(others, 4)}

    def _out_of_fold(self, answers: Sequence[Sequence[Answer]]) -> dict[str, tuple[Field, ...]]:
        """The fields of the answered documents; their confidences come from curves that do not know them either."""
        groups = [list(some) for some in answers if some]
        if len(groups) == 1:
            groups = [groups[0][::2], groups[0][1::2]]
        new = [spec for spec in self.specs if spec.label not in self.labels]
        baseline = KeywordBaseline(self.country)
        out: dict[str, tuple[Field, ...]] = {}
        for number, group in enumerate(groups):
            rest = [answer for at, some in enumerate(groups) if at != number for answer in some]
            calibration = calibrate(rest, self.known)
            for answer in group:
                chosen = [
                    with_confidence(field, sure, len(rest))
                    for spec in self.known
                    for field, sure in shown(answer, calibration, spec)
                ]
                others = baseline.extract(answer.sample.document, new).fields if new else ()
                out[answer.sample.content] = (*chosen, *others)
        return out


@dataclass(frozen=True, slots=True)
class _Saving:
    """Writes a version's files. It holds the workplace, whose folder, if temporary, lives as long as it does."""

    files: Callable[[Path], None]
    place: Workplace

    def __call__(self, folder: Path) -> None:
        self.files(folder)


def _together(options: LayoutTraining) -> int:
    """How many processes this fit is to start; 1 where it needs none, or is one of them."""
    import torch

    return 1 if processes() > 1 else options.processes or max(1, torch.cuda.device_count())


def _need_packages() -> None:
    """Raise ModelRejected with the install line where torch or one of its companions is missing."""
    from importlib.util import find_spec

    needed = ("torch", "transformers", "accelerate", "datasets", "onnx", "onnxscript", "safetensors")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise ModelRejected(
            "layout_not_installed",
            f"Training a layout model needs {', '.join(missing)}.",
            "Install it: pip install 'docloop[layout]'.",
        )
