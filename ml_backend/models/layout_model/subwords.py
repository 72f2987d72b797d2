"""Words to sub-words by a ``tokenizer.json``, which comes from a version folder and is hostile until it is checked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_backend.errors import ModelRejected

TOKENIZER = "tokenizer.json"
LARGEST = 64 * 1024**2  # bytes; that of XLM-R, with 250,000 pieces in 100 languages, has 17 MB
MODELS = ("BPE", "WordPiece", "Unigram")
PATTERNS = (" {2,}",)  # regular expressions that a tokenizer may hold: a made-up one can take for ever
MOST_PIECES = 1_000_000


class FileSubWords:
    """The tokenizer of a file. Safe for threads."""

    def __init__(self, text: str) -> None:
        """``text`` is the content of a ``tokenizer.json``. Raises ValueError if it is no tokenizer that we take."""
        from tokenizers import Tokenizer

        check_tokenizer(json.loads(text))
        try:
            self._tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # tokenizers raises plain Exception for whatever is wrong
            raise ValueError(f"tokenizers refuses it ({str(error)[:100]})") from None
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.text = text

    @classmethod
    def load(cls, path: Path) -> FileSubWords:
        """The tokenizer in a file. Raises ModelRejected for anything else."""
        try:
            if path.stat().st_size > LARGEST:
                raise ValueError("it is too large")
            return cls(path.read_text(encoding="utf-8"))
        except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ModelRejected(
                "model_files",
                f"The model file {path.name} cannot be used: {type(error).__name__}: {str(error)[:200]}.",
                "Roll back to an earlier version, or train again.",
            ) from None

    @property
    def size(self) -> int:
        """How many ids there are."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def id_of(self, piece: str) -> int | None:
        """The id of a piece such as ``<pad>``; None if there is none."""
        number: int | None = self._tokenizer.token_to_id(piece)
        return number

    def ids(self, words: Sequence[str]) -> list[list[int]]:
        """The ids of each word, as one that stands behind a space; none for white space."""
        pieces: list[list[int]] = [[] for _ in words]
        spoken = [at for at, word in enumerate(words) if word.strip()]
        if spoken:
            # Half a character, which JSON can carry, is none that the tokenizer takes.
            texts = [words[at].encode("utf-8", "replace").decode("utf-8") for at in spoken]
            encoding = self._tokenizer.encode(texts, is_pretokenized=True, add_special_tokens=False)
            for number, word in zip(encoding.ids, encoding.word_ids, strict=True):
                if word is not None:
                    pieces[spoken[word]].append(number)
        return pieces


def check_tokenizer(value: Any) -> None:
    """Raise ValueError unless this JSON is a tokenizer of a known model whose steps need no regular expression of its own."""
    if not isinstance(value, dict) or not isinstance(value.get("model"), dict):
        raise ValueError("it is no tokenizer")
    if value["model"].get("type") not in MODELS:
        raise ValueError(
            f"its model must be one of {', '.join(MODELS)}, but it was: {value['model'].get('type')!r:.40}"
        )
    if len(value["model"].get("vocab") or ()) > MOST_PIECES:
        raise ValueError("it has too many pieces")
    for step in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        _check_step(value.get(step))


def _check_step(value: Any) -> None:
    if isinstance(value, dict):
        if "Regex" in value and value["Regex"] not in PATTERNS:
            raise ValueError("it has a regular expression that is not known here")
        for item in value.values():
            _check_step(item)
    elif isinstance(value, list):
        for item in value:
            _check_step(item)
