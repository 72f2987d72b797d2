"""A recogniser as a version's files: the whole network as ONNX, and its alphabet.

    reader.onnx      the recogniser with its own last layer, for ONNX Runtime and OpenVINO
    alphabet.json    its characters, the same as in the file's metadata

All of it is hostile until it is checked. Hashes are the registry's affair.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml_backend.errors import DocloopError, ModelRejected
from ml_backend.ocr.recogniser.alphabet import MOST, Alphabet
from ml_backend.ocr.runtime import RECOGNISER, choose_runtime, load_recogniser, model_path

KIND = "recogniser"
MODEL, ALPHABET = "reader.onnx", "alphabet.json"
FORMAT = 1
LARGEST = 200_000_000  # bytes of the network; PP-OCRv6 small has 21 MB
_LARGEST_ALPHABET = 20 * MOST
_PROBE = (1, 3, 48, 64)


@dataclass(frozen=True, slots=True)
class Recogniser:
    """A version that was checked: the file of its network, and the SHA-256 of that, which tells it from all others."""

    version: str
    path: Path
    digest: str
    alphabet: Alphabet

    @classmethod
    def load(cls, folder: Path, version: str, runtime: str = "auto") -> Recogniser:
        """The recogniser of a version's folder, after a trial run.

        Raises:
            ModelRejected: its files are not what ``save`` writes, or do not fit together.
            EngineUnavailable: no such runtime.
        """
        runtime = choose_runtime(runtime)
        path = folder / MODEL
        try:
            alphabet = _read_alphabet(folder / ALPHABET)
            if path.stat().st_size > LARGEST:
                raise ValueError(f"{MODEL} is too large")
            network, characters = load_recogniser(path, runtime, 1)
            if characters != (*alphabet.characters, " "):
                raise ValueError(f"{MODEL} has another alphabet than {ALPHABET}")
            answer = network(np.zeros(_PROBE, np.float32))
            if answer.ndim != 3 or answer.shape[2] != alphabet.classes or not np.isfinite(answer).all():
                raise ValueError(f"{MODEL} does not answer with one probability a character")
        except DocloopError:
            raise
        except Exception as error:  # a runtime raises almost anything on a broken file
            said = str(error) if isinstance(error, ValueError) else type(error).__name__
            raise ModelRejected(
                "model_files",
                f"The files of {version} cannot be used: {said[:200]}.",
                "Roll back to an earlier version, or train again.",
            ) from None
        return cls(version, path, hashlib.sha256(path.read_bytes()).hexdigest(), alphabet)


def write_version(folder: Path, network: bytes, alphabet: Alphabet) -> None:
    """Write the two files; the same content gives the same bytes."""
    (folder / MODEL).write_bytes(network)
    text = json.dumps({"format": FORMAT, "characters": list(alphabet.characters)}, ensure_ascii=False)
    (folder / ALPHABET).write_text(text, encoding="utf-8")


def wheel_recogniser() -> Path:
    """The file of the recogniser that the rapidocr wheel brings. Raises EngineUnavailable if it is not there."""
    return model_path(RECOGNISER)


def _read_alphabet(path: Path) -> Alphabet:
    if path.stat().st_size > _LARGEST_ALPHABET:
        raise ValueError(f"{ALPHABET} is too large")
    value = json.loads(path.read_bytes())
    if not isinstance(value, dict) or value.get("format") != FORMAT or not isinstance(value.get("characters"), list):
        raise ValueError(f"{ALPHABET} is not a JSON object with format {FORMAT} and characters")
    if not all(isinstance(character, str) for character in value["characters"]):
        raise ValueError(f"{ALPHABET} holds something that is no character")
    return Alphabet(value["characters"])
