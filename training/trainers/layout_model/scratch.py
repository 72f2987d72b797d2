"""A network with random weights and a tokenizer trained on the samples' own text, for who has no base model and asks for it.

It knows nothing of language, so it needs many more documents than a base model does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ml_backend.document.elements import Document
from ml_backend.models.layout_model.encoding import Shape
from ml_backend.models.layout_model.extractor import Base
from ml_backend.models.layout_model.looks import Look
from ml_backend.models.layout_model.subwords import FileSubWords
from ml_backend.models.manifest import SCRATCH
from training.trainers.layout_model.base_models import Opened
from training.trainers.layout_model.options import LayoutTraining

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
SIZES = {  # hidden size (a multiple of 48), layers, heads, pieces of the tokenizer at most
    "tiny": (48, 2, 4, 1_000),
    "small": (192, 6, 6, 8_000),
    "base": (768, 12, 12, 30_000),
}


def from_scratch(options: LayoutTraining, documents: Iterable[Document]) -> Opened:
    """The network of ``options.from_scratch`` with a tokenizer that has read ``documents``; random as torch's seed says."""
    hidden, layers, heads, pieces = SIZES[options.from_scratch]
    words = FileSubWords(_tokenizer(documents, pieces))
    shape = Shape(options.length, options.stride, *(SPECIAL.index(token) for token in ("<s>", "</s>", "<pad>")))
    config = _config(options.scratch_family, hidden, layers, heads)
    config.vocab_size, config.max_position_embeddings = words.size, options.length + 2
    config.bos_token_id, config.eos_token_id, config.pad_token_id = shape.start, shape.end, shape.pad
    look = Look() if options.pictures and options.scratch_family == "layoutlmv3" else None
    config.visual_embed = look is not None
    base = Base(f"{SCRATCH}{options.from_scratch}", options.scratch_family)
    return Opened(base, config, words, shape, None, look)


def _config(family: str, hidden: int, layers: int, heads: int) -> Any:
    from transformers import LayoutLMv3Config, LiltConfig

    common: dict[str, Any] = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * hidden if hidden > 48 else 2 * hidden,
    }
    if family == "lilt":
        return LiltConfig(**common, channel_shrink_ratio=4)
    # Four coordinates and two sizes of a box share the hidden size.
    return LayoutLMv3Config(**common, coordinate_size=hidden // 6, shape_size=hidden // 6)


def _tokenizer(documents: Iterable[Document], pieces: int) -> str:
    """Byte-level BPE, as both families use it: no word is unknown to it."""
    from tokenizers import ByteLevelBPETokenizer

    tokenizer = ByteLevelBPETokenizer(add_prefix_space=True)
    tokenizer.train_from_iterator(
        _lines(list(documents)), vocab_size=pieces, min_frequency=2, special_tokens=list(SPECIAL), show_progress=False
    )
    return str(tokenizer._tokenizer.to_str())


def _lines(documents: Sequence[Document]) -> Iterator[str]:
    """The text without words that one document alone has: pieces stand in the file as they are, also when it was deleted."""
    texts = [[page.text.encode("utf-8", "replace").decode("utf-8") for page in each.pages] for each in documents]
    had_by = Counter(word for pages in texts for word in {word for text in pages for word in text.split()})
    for pages in texts:
        for text in pages:
            for line in text.splitlines():
                yield " ".join(word for word in line.split() if had_by[word] > 1)
