"""The manifest of a model version: what it is, what it was made from, and the hash of every file.

A manifest comes from disk, so it is hostile until ``manifest_from_bytes`` has checked it: types, names, sizes, no key twice, none
unknown. It holds no document text.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ml_backend.errors import ModelRejected

FORMAT = 1
SCRATCH = "scratch:"  # what the name of a base model begins with that is none
MANIFEST = "manifest.json"
RELEASE_ASKED = "release_asked"  # the setting that names the dataset release a training was asked for
MAX_MANIFEST = 1_000_000  # bytes
MAX_FILES = 200
SUFFIXES = (".json", ".skops", ".safetensors", ".onnx", ".txt", ".html")
"""The kinds of file a version may hold: docloop runs none of them, and none is a pickle."""

_VERSION = re.compile(r"[a-z][a-z0-9]{0,30}-[1-9][0-9]{0,8}")
_PROJECT = re.compile(r"[0-9]{1,12}\.[0-9]{1,20}")
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
_FILE = re.compile(rf"(?:{_PART}/){{0,3}}{_PART}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character: no log or page could show it


@dataclass(frozen=True, slots=True)
class Manifest:
    """One model version of one project.

    ``kind`` says who loads it, ``release`` names the dataset release it learned from, ``samples`` how many documents that were.
    ``settings`` and ``metrics`` are JSON objects. ``verdict`` is the gate's sentence, ``promoted`` whether it passed. ``files``
    maps each file but the manifest (a relative path with ``/``) to its SHA-256 in hex; publishing fills it.
    """

    version: str
    kind: str
    created_at: str
    release: str = ""
    samples: int = 0
    seed: int = 0
    code_version: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    verdict: str = ""
    promoted: bool = False
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """12 for ``fields-12``."""
        return int(self.version.rpartition("-")[2])

    @property
    def base(self) -> str:
        """The base model it began with and the licence of that one's weights, which goes on with the version; empty if none."""
        if "base_model" not in self.settings:
            return ""
        name, licence = self.settings["base_model"], self.settings.get("base_licence")
        if str(name).startswith(SCRATCH):
            return "random weights, no base model"
        return f"base model {name}, licence of its weights: {licence or 'not known'}"


def check_version(version: str) -> str:
    """``version`` if it is a name such as ``fields-12``. Raises ModelRejected for anything else, path tricks among it."""
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise ModelRejected("model_name", f"A model version is named like fields-12, but it was: {_quoted(version)}.")
    return version


def check_project(uid: str) -> str:
    """``uid`` if it is one such as ``41.1795165055``. Raises ModelRejected for anything else."""
    if not isinstance(uid, str) or not _PROJECT.fullmatch(uid):
        raise ModelRejected("project_uid", f"A project's uid is like 41.1795165055, but it was: {_quoted(uid)}.")
    return uid


def check_file(name: str) -> str:
    """``name`` if a version may hold such a file. Raises ModelRejected for path tricks and kinds that are not allowed."""
    if not isinstance(name, str) or not _FILE.fullmatch(name) or name == MANIFEST:
        raise ModelRejected("model_file_name", f"A model file has a name that is not allowed: {_quoted(name)}.")
    if not name.endswith(SUFFIXES):
        raise ModelRejected(
            "model_file_kind",
            f"{_quoted(name)} is not a kind of file that a model version holds ({', '.join(SUFFIXES)}).",
        )
    return name


def manifest_to_bytes(manifest: Manifest) -> bytes:
    """The manifest as JSON text in UTF-8. Raises ModelRejected if ``manifest_from_bytes`` would not take it."""
    try:
        data = _sealed({"format": FORMAT, **asdict(manifest)})
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelRejected("manifest_broken", f"The manifest cannot be written as JSON ({error}).") from None
    manifest_from_bytes(data)
    return data


def manifest_from_bytes(data: bytes) -> Manifest:
    """The manifest of ``manifest_to_bytes``. Raises ModelRejected for anything else, with what is wrong."""
    if len(data) > MAX_MANIFEST:
        raise ModelRejected("manifest_broken", f"{MANIFEST} has more than {MAX_MANIFEST:,} bytes.")
    value = _read_json(data)
    names = [each.name for each in fields(Manifest)]
    if not isinstance(value, dict) or value.pop("format", None) != FORMAT:
        raise ModelRejected("manifest_broken", f"{MANIFEST} is not a JSON object with format {FORMAT}.")
    value.pop("seal", None)
    if sorted(value) != sorted(names):
        wrong = ", ".join(_quoted(key) for key in sorted(set(value) ^ set(names))[:5])
        raise ModelRejected("manifest_broken", f"{MANIFEST} lacks keys or has unknown ones: {wrong}.")
    for name in names:
        if not _RIGHT[name](value[name]):
            raise ModelRejected("manifest_broken", f"{MANIFEST} has a wrong value for {name}: {_quoted(value[name])}.")
    check_version(value["version"])
    for name in value["files"]:
        check_file(name)
    if not _is_sealed({"format": FORMAT, **value}, data):
        raise ModelRejected("model_file_changed", f"{MANIFEST} of {value['version']} is not what was published.")
    return Manifest(**{**value, "labels": tuple(value["labels"])})


def _sealed(value: dict[str, Any]) -> bytes:
    """``value`` as JSON with the hash of its own text, which tells a flipped bit in a figure or a setting."""
    text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
    seal = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return json.dumps({**value, "seal": seal}, indent=1, ensure_ascii=False).encode("utf-8")


def _is_sealed(value: dict[str, Any], data: bytes) -> bool:
    try:
        return _sealed(value) == data
    except (ValueError, RecursionError):  # infinite numbers, half characters
        return False


def _read_json(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise ModelRejected("manifest_broken", f"{MANIFEST} is not proper JSON ({reason}).") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is there twice")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 10_000 and not _SURROGATE.search(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(_is_text(item) for item in value)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_files(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) > MAX_FILES:
        return False
    return all(isinstance(each, str) and _SHA256.fullmatch(each) for each in value.values())


_RIGHT = {
    "version": _is_text,
    "kind": _is_text,
    "created_at": _is_text,
    "release": _is_text,
    "samples": _is_count,
    "seed": _is_count,
    "code_version": _is_text,
    "settings": _is_object,
    "labels": _is_texts,
    "metrics": _is_object,
    "verdict": _is_text,
    "promoted": lambda value: isinstance(value, bool),
    "files": _is_files,
}


def _quoted(value: Any) -> str:
    """A hostile value, short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
