"""The network that training begins with: fetched or local, checked before anything of it is loaded.

Weights come as safetensors only, code of a model never. What a folder holds decides, not its name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ml_backend.document.elements import PICTURE_SIDE
from ml_backend.errors import ModelRejected
from ml_backend.models.layout_model.decoding import tags_of
from ml_backend.models.layout_model.encoding import Shape
from ml_backend.models.layout_model.extractor import Base
from ml_backend.models.layout_model.files import FAMILIES, LEARNED, read_learned
from ml_backend.models.layout_model.looks import Look
from ml_backend.models.layout_model.subwords import TOKENIZER, FileSubWords
from training.trainers.layout_model.licences import licence_of
from training.trainers.layout_model.options import PERMISSIVE_BASE, LayoutTraining

CONFIG, WEIGHTS, SHARDS = "config.json", "model.safetensors", "model.safetensors.index.json"
COLOURS = "preprocessor_config.json"  # how the base scales the colours of pictures
FETCHED = (
    CONFIG,
    COLOURS,
    "*.safetensors",
    SHARDS,
    "tokenizer*.json",
    "vocab.json",
    "merges.txt",
    "sentencepiece*",
    "*.md",
)
"""What is taken from the hub: no pickles, no code."""
SMALLEST_VOCABULARY = 100  # a folder without a tokenizer of its own gives one that knows special tokens alone


@dataclass(frozen=True, slots=True)
class Opened:
    """A base model that was checked. ``folder`` has its weights; None for random ones. ``config`` is transformers' own, ``look``
    how the network sees pages, None where it does not."""

    base: Base
    config: Any
    words: FileSubWords
    shape: Shape
    folder: Path | None
    look: Look | None = None

    def network(self, labels: tuple[str, ...]) -> Any:
        """A network of this base that tags words with ``labels``, in training mode; its last layer is always new."""
        from transformers import LayoutLMv3ForTokenClassification, LiltForTokenClassification

        kinds: dict[str, Any] = {"layoutlmv3": LayoutLMv3ForTokenClassification, "lilt": LiltForTokenClassification}
        kind = kinds[self.base.family]
        tags = tags_of(labels)
        config = type(self.config).from_dict(self.config.to_dict())
        config.id2label, config.label2id = dict(enumerate(tags)), {tag: at for at, tag in enumerate(tags)}
        if self.folder is None:
            return kind(config)
        return kind.from_pretrained(
            self.folder,
            config=config,
            use_safetensors=True,
            local_files_only=True,
            ignore_mismatched_sizes=True,  # the last layer of a model that was fine-tuned for other labels
            dtype="float32",
        )


def open_base(options: LayoutTraining) -> Opened:
    """The base model that ``options`` name.

    Raises:
        ModelRejected: ``base_model_missing``: it is neither here nor reachable. ``base_model_pickle``: it has no safetensors.
            ``base_model_code``: it wants its own code to be run. ``base_model_kind``: it is of another family, or broken.
    """
    folder = Path(options.base_model).expanduser()
    if folder.is_dir():
        return open_folder(folder, folder.name, options)
    return open_folder(_fetched(options), options.base_model, options)


def open_folder(folder: Path, name: str, options: LayoutTraining) -> Opened:
    """The base model in ``folder``, called ``name``. Raises ModelRejected as ``open_base`` does."""
    family = _checked(folder, name)
    from transformers import AutoConfig, AutoTokenizer

    if (folder / LEARNED).is_file():
        return _own_version(folder, family, options)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        words = FileSubWords(tokenizer.backend_tokenizer.to_str())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        raise _broken(name, f"{type(error).__name__}: {str(error)[:200]}") from None
    if not SMALLEST_VOCABULARY <= words.size <= config.vocab_size:
        raise _broken(name, f"its tokenizer has {words.size} pieces, its network knows {config.vocab_size}")
    look = _look(config, folder, name) if family == "layoutlmv3" and options.pictures is not False else None
    config.visual_embed = look is not None  # no weights that would never learn
    ends = [tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id]
    if None in ends or config.max_position_embeddings < options.length + 2:
        raise _broken(name, f"it cannot read windows of {options.length} tokens")
    shape = Shape(options.length, options.stride, *(int(number) for number in ends))
    return Opened(Base(name, family, licence_of(name, family, folder)), config, words, shape, folder, look)


def _own_version(folder: Path, family: str, options: LayoutTraining) -> Opened:
    """A version that docloop has trained, to go on from: its base model and licence stay."""
    from transformers import AutoConfig

    learned, words = read_learned(folder), FileSubWords.load(folder / TOKENIZER)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _broken(folder.name, type(error).__name__) from None
    if learned.base.family != family or options.length + 2 > config.max_position_embeddings:
        raise _broken(folder.name, f"it cannot read windows of {options.length} tokens")
    shape = replace(learned.shape, length=options.length, stride=options.stride)
    look = learned.look if options.pictures is not False else None
    config.visual_embed = look is not None
    return Opened(learned.base, config, words, shape, folder, look)


def _look(config: Any, folder: Path, name: str) -> Look | None:
    """How a LayoutLMv3 sees pages; None for one without that part, or for pictures of another size than are kept."""
    if not config.visual_embed or (config.input_size, config.num_channels) != (PICTURE_SIDE, 3):
        return None
    try:
        said = json.loads((folder / COLOURS).read_bytes())
        (red, green, blue), (r, g, b) = said["image_mean"], said["image_std"]
        return Look((float(red), float(green), float(blue)), (float(r), float(g), float(b)))
    except FileNotFoundError:
        return Look()
    except (OSError, KeyError, TypeError, ValueError, RecursionError):
        raise _broken(name, f"its {COLOURS} does not say how colours are scaled") from None


def _checked(folder: Path, name: str) -> str:
    """The family of the model in ``folder``, after a look at its files."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        family = config.get("model_type")
    except (OSError, ValueError, AttributeError, RecursionError):
        raise _broken(name, f"it has no {CONFIG} that can be read") from None
    if "auto_map" in config:
        raise ModelRejected(
            "base_model_code",
            f"The base model {name} wants its own code to be run, which docloop never does.",
            "Take one that transformers knows, such as microsoft/layoutlmv3-base.",
        )
    if family not in FAMILIES:
        raise _broken(name, f"it is a {family!r:.40}; known families are {', '.join(FAMILIES)}")
    if not (folder / WEIGHTS).is_file() and not (folder / SHARDS).is_file():
        raise ModelRejected(
            "base_model_pickle",
            f"The base model {name} has no {WEIGHTS}; weights in pickles (pytorch_model.bin) can run code and are not read.",
            "Convert it where that does no harm (https://huggingface.co/spaces/safetensors/convert writes a revision such as "
            f"refs/pr/1, to be named as {name}@refs/pr/1), or take another base model.",
        )
    return str(family)


def _fetched(options: LayoutTraining) -> Path:
    """Where the hub's files of the base model lie on this machine, fetched if need be and allowed."""
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    name, _, revision = options.base_model.partition("@")
    try:
        return Path(
            snapshot_download(
                name, revision=revision or None, allow_patterns=list(FETCHED), local_files_only=options.offline
            )
        )
    # What the hub refuses is an OSError or a ValueError, what the network does to it one of httpx.
    except (OSError, ValueError, HFValidationError, httpx.HTTPError) as error:
        where = "is not on this machine" if options.offline else f"cannot be fetched ({type(error).__name__})"
        raise ModelRejected(
            "base_model_missing",
            f"The base model {options.base_model} {where}.",
            "Three ways out: download it on another machine (hf download "
            f"{name} --local-dir FOLDER) and give the folder as base model; name a mirror of the hub in HF_ENDPOINT; or train "
            "without one, --from-scratch small (or base), which needs many more documents.",
        ) from None


def _broken(name: str, why: str) -> ModelRejected:
    return ModelRejected(
        "base_model_kind",
        f"The base model {name} cannot be used: {why}.",
        f"Known good ones: microsoft/layoutlmv3-base, {PERMISSIVE_BASE}.",
    )
