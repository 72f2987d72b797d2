"""P7, the registry's part: whatever is planted in a version's folder, it is refused with the reason, and nothing of it runs.

The attacker can write into the folder, so each plant comes twice: as it is, and in a manifest that lists it with its hash.
What hides inside an archive of the right form is refused by the model's own loader, with its allow-list of types.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from registry_harm import PROJECT, is_whole, manifest, serving

from ml_backend.errors import ModelRejected
from ml_backend.models.manifest import manifest_to_bytes
from ml_backend.models.registry import ModelRegistry

MARKER = "DOCLOOP_TEST_MARKER"


class Evil:
    """Unpickling it makes the marker file."""

    def __reduce__(self) -> Any:
        return os.system, (f'touch "${MARKER}"',)


PICKLE = pickle.dumps(Evil())
JSON = b"{}"


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


def bomb() -> bytes:
    """3 GB of zeros by its directory; the sizes in it are patched, nothing is unpacked."""
    data = bytearray(archive(**{"a.npy": b"\0" * 1000}))
    place = data.rindex(b"PK\x01\x02") + 24
    data[place : place + 4] = struct.pack("<I", 3 * 1024**3)
    return bytes(data)


def sparse(folder: Path) -> None:
    with (folder / "weights.txt").open("wb") as file:
        file.truncate(5 * 1024**3)


def file(name: str, data: bytes = PICKLE) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    return plant


def link(name: str, target: str) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return plant


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "model.json")


def linked_folder(folder: Path) -> None:
    (folder / "more").symlink_to(folder.parent / "fields-1")


def many(folder: Path) -> None:
    for number in range(201):
        (folder / f"{number}.txt").write_bytes(b"")


PLANTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "pickle renamed .skops": (file("model.skops"), "is not a skops archive"),
    "pickle renamed .safetensors": (file("model.safetensors"), "is not a safetensors file"),
    "pickle renamed .json": (file("model.json"), "is not a JSON file"),
    "pickle in the place of a known file": (file("settings.json"), "is not a JSON file"),
    "pytorch_model.bin beside good weights": (file("pytorch_model.bin"), "not a kind of file"),
    "model.pkl": (file("model.pkl"), "not a kind of file"),
    "model.joblib": (file("model.joblib"), "not a kind of file"),
    "code for auto_map": (file("modeling_evil.py", b"import os"), "not a kind of file"),
    "a package": (file("evil/__init__.py", b"import os"), "not a kind of file"),
    "a hidden file": (file(".config.json", JSON), "a name that is not allowed"),
    "a name with a line break": (file("a\nb.json", JSON), "a name that is not allowed"),
    "a name with a backslash": (file("..\\..\\evil.json", JSON), "a name that is not allowed"),
    "too deep": (file("a/b/c/d/e/f.json", JSON), "is not a plain file|a name that is not allowed"),
    "a symbolic link to a file": (link("model.json", "/etc/passwd"), "is not a plain file"),
    "a symbolic link in the place of a known file": (link("settings.json", "/etc/passwd"), "is not a plain file"),
    "a symbolic link to nothing": (link("model.json", "nowhere"), "is not a plain file"),
    "a symbolic link to a folder": (linked_folder, "is not a plain file"),
    "a pipe": (pipe, "is not a plain file"),
    "a huge file": (sparse, "has more than"),
    "too many files": (many, "more than 200 files"),
    "zip-slip inside an archive": (file("m.skops", archive(**{"../../evil.npy": b""})), "which no skops archive does"),
    "an absolute path inside an archive": (file("m.skops", archive(**{"/tmp/e.npy": b""})), "which no skops archive does"),
    "a pickle inside an archive": (file("m.skops", archive(**{"data.pkl": PICKLE})), "which no skops archive does"),
    "a bomb": (file("m.skops", bomb()), "unpacks to more than"),
    "a lying safetensors header": (file("m.safetensors", struct.pack("<Q", 2**60) + b"{}"), "is not a safetensors file"),
    "an empty safetensors file": (file("m.safetensors", b""), "is not a safetensors file"),
}  # fmt: skip


@pytest.mark.parametrize("listed", [False, True], ids=["as it is", "listed in the manifest"])
@pytest.mark.parametrize(("plant", "why"), PLANTS.values(), ids=PLANTS)
def test_a_plant_is_refused_with_the_reason_and_nothing_of_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Callable[[Path], None], why: str, listed: bool
) -> None:
    marker = tmp_path / "marker"
    monkeypatch.setenv(MARKER, str(marker))
    registry = serving(tmp_path / "models", 2)
    folder = registry.get(PROJECT, "fields-2")[1]
    for path in folder.rglob("*.json"):
        path.chmod(0o644)
    plant(folder)
    if listed:
        list_in_manifest(folder)
    changed = "|holds .*, which its manifest does not list|is not what was published"
    with pytest.raises(ModelRejected, match=why if listed else why + changed):
        registry.get(PROJECT, "fields-2")
    with pytest.raises(ModelRejected):
        registry.activate(PROJECT, "fields-2")
    best = registry.best(PROJECT)
    assert (best.version, is_whole(best.folder, best.version)) == ("fields-1", True)
    assert not marker.exists()


def list_in_manifest(folder: Path) -> None:
    """What an attacker would do who knows the form: list all files that may be listed, with their hashes, and seal it."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not path.is_symlink() and name != "manifest.json":
            small = path.stat().st_size < 10**6
            files[name] = hashlib.sha256(path.read_bytes()).hexdigest() if small else "0" * 64
    for names in (files, {}):
        try:
            data = manifest_to_bytes(replace(manifest(2), files=names))
        except ModelRejected:
            continue  # a manifest cannot even name it
        (folder / "manifest.json").write_bytes(data)
        return


def test_a_trainer_that_writes_such_a_file_publishes_nothing(tmp_path: Path) -> None:
    registry = ModelRegistry(tmp_path)
    for plant, why in PLANTS.values():
        if plant not in (sparse, many):
            with pytest.raises(ModelRejected, match=why):
                registry.publish(PROJECT, manifest(1), plant)
    assert sorted(os.listdir(tmp_path / PROJECT)) == [".lock"]


def test_the_evil_pickle_would_run_if_it_were_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARKER, str(tmp_path / "marker"))
    pickle.loads(PICKLE)
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("name", ["fields-2", "project"])
def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    """Another project's version, or another disk's, under this project's name."""
    registry = serving(tmp_path / "models", 1)
    other = serving(tmp_path / "other", 2)
    project = tmp_path / "models" / PROJECT
    if name == "project":
        project.rename(tmp_path / "moved")
        project.symlink_to(tmp_path / "other" / PROJECT)
    else:
        (project / name).symlink_to(other.get(PROJECT, "fields-2")[1])
    with pytest.raises(ModelRejected):
        registry.get(PROJECT, "fields-2")
    with pytest.raises(ModelRejected):
        registry.publish(PROJECT, manifest(2), lambda folder: None) if name == "project" else registry.activate(
            PROJECT, name
        )


def test_the_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    registry = serving(tmp_path, 2)
    (tmp_path / PROJECT / "fields-1").rename(tmp_path / PROJECT / "fields-9")
    with pytest.raises(ModelRejected, match="fields-9 holds the manifest of fields-1"):
        registry.get(PROJECT, "fields-9")
