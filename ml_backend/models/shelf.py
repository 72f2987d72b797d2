"""The model versions of a registry in a bucket, for all machines.

    heads/<project uid>                         the pointer, a mark that changes with every change, whether the project is gone
    versions/<project uid>/manifests/<version>  the manifest: a version is there once this is
    versions/<project uid>/files/<sha256>       the files of all its versions, by content

Files come first and the manifest last, so a version appears whole or not at all, and a manifest that is replaced takes the whole
version with it at one moment. Files are named by their hash: whoever reads one knows what it has to be, and nothing that lies
there under any other name is ever looked at.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ml_backend.errors import ModelRejected, StorageError
from ml_backend.models.manifest import (
    MAX_MANIFEST,
    Manifest,
    check_file,
    check_project,
    check_version,
    manifest_from_bytes,
    manifest_to_bytes,
)
from ml_backend.models.pointer import MAX_POINTER, Pointer, read_pointer, write_pointer
from ml_backend.models.version_files import MAX_FILE
from ml_backend.storage import Bucket

MAX_VERSION = 8 * 1024**3  # bytes of all files of a version
_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """What the bucket says of a project: the pointer, and whether the project was forgotten."""

    pointer: Pointer = field(default_factory=Pointer)
    gone: bool = False


class Shelf:
    """One registry's versions in ``bucket``. All methods raise StorageError when the bucket does not answer."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def marks(self) -> dict[str, str]:
        """Every project with a mark that is another one after each change: one listing for all of them."""
        marks = {}
        for each in self._bucket.list("heads"):
            with suppress(ModelRejected):  # another program's
                marks[check_project(each.key.removeprefix("heads/"))] = each.mark
        return marks

    def head(self, project_uid: str) -> Head | None:
        """What the bucket says of a project, None where it knows nothing. Raises ModelRejected for something that is no head."""
        data = self._small(f"heads/{check_project(project_uid)}", 2 * MAX_POINTER)
        if data is None:
            return None
        try:
            value = json.loads(data)
            return Head(read_pointer(value["pointer"].encode()), value["gone"] is True)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ModelRejected("pointer_damaged", "The storage's record of the active version is damaged.") from None

    def put_head(self, project_uid: str, head: Head) -> None:
        """Replace the head at one moment; its mark is a new one even where it says the same."""
        value = {"pointer": write_pointer(head.pointer).decode(), "gone": head.gone, "change": uuid.uuid4().hex}
        self._bucket.put(f"heads/{check_project(project_uid)}", json.dumps(value).encode())

    def manifests(self, project_uid: str) -> dict[str, str]:
        """The versions of a project, each with a mark that is another one when it was rewritten."""
        found, folder = {}, f"versions/{check_project(project_uid)}/manifests"
        for each in self._bucket.list(folder):
            with suppress(ModelRejected):
                found[check_version(each.key.removeprefix(f"{folder}/"))] = each.mark
        return found

    def manifest(self, project_uid: str, version: str) -> tuple[Manifest, bytes] | None:
        """A version's manifest and its text, None where there is no such version. Raises ModelRejected for one that is none."""
        data = self._small(_manifest_key(project_uid, check_version(version)), MAX_MANIFEST)
        if data is None:
            return None
        manifest = manifest_from_bytes(data)
        if manifest.version != version:
            raise ModelRejected(
                "model_file_changed", f"{version} has the manifest of {manifest.version} in the storage."
            )
        return manifest, data

    def fetch(self, project_uid: str, manifest: Manifest, name: str, target: Path, left: int) -> int:
        """Bring a file of a version; its size. ``left`` is what the version may still have, in bytes.

        Raises:
            ModelRejected: it is missing, too large, or not what the manifest says. OSError: our disk refused.
        """
        try:
            size = self._bucket.get_file(_file_key(project_uid, manifest.files[name]), target, min(MAX_FILE, left))
        except StorageError as error:
            if error.code != "object_large":
                raise
            raise ModelRejected("model_file_large", f"{name} of {manifest.version} is too large.") from None
        if size is None:
            raise ModelRejected("model_file_missing", f"{name} of {manifest.version} is missing from the storage.")
        if file_digest(target) != manifest.files[name]:
            said = f"{name} of {manifest.version} in the storage is not what was published."
            raise ModelRejected("model_file_changed", said)
        return size

    def put(self, project_uid: str, manifest: Manifest, folder: Path, rewritten: bool = False) -> None:
        """Store a version that was verified: its files, then its manifest. One of that name is replaced as a whole; of a
        ``rewritten`` one, files that are the same stay: 1.5 GB of weights are not sent again."""
        known = self._known(project_uid, manifest.version) if rewritten else set[str]()
        for name, digest in sorted(manifest.files.items()):
            if digest not in known:
                self._bucket.put_file(folder / check_file(name), _file_key(project_uid, digest))
        self._bucket.put(_manifest_key(project_uid, manifest.version), manifest_to_bytes(manifest))

    def sweep(self, project_uid: str, version: str = "") -> None:
        """Delete the files that no version has (any more): of rewritten and dropped ones, and of who was killed. Only under the
        lock. Where a manifest is damaged nobody knows whose the files are, and nothing is deleted.

        Raises:
            ModelRejected: ``version``, if one is named, lacks files here.
        """
        files, damaged = dict[str, set[str]](), False
        for each in self.manifests(project_uid):
            try:
                found = self.manifest(project_uid, each)
            except ModelRejected:
                damaged = True
            else:
                files[each] = {_file_key(project_uid, digest) for digest in found[0].files.values()} if found else set()
        there = {each.key for each in self._bucket.list(f"versions/{project_uid}/files")}
        if not damaged:
            self._bucket.delete(sorted(there - set().union(*files.values())))
        if not files.get(version, set()) <= there:
            raise ModelRejected("model_file_missing", f"A file of {version} is missing from the storage.", "Try again.")

    def drop(self, project_uid: str, version: str) -> None:
        """Delete a version. Only under the lock."""
        self._bucket.delete([_manifest_key(project_uid, check_version(version))])
        self.sweep(project_uid)

    def has(self, project_uid: str) -> bool:
        """Whether there is anything of a project that is not gone, or left of one that is."""
        try:
            head = self.head(project_uid)
        except ModelRejected:
            return True
        return (head is not None and not head.gone) or bool(self._bucket.list(f"versions/{project_uid}"))

    def forget(self, project_uid: str) -> bool:
        """Delete all of a project; whether there was any. What stays says that it is gone, so that all machines forget it."""
        left = [each.key for each in self._bucket.list(f"versions/{check_project(project_uid)}")]
        try:
            head = self.head(project_uid)
            told = head is not None and head.gone
        except ModelRejected:
            head, told = Head(), False
        if not told and (head or left):
            self.put_head(project_uid, Head(gone=True))
        self._bucket.delete(sorted(left, key=lambda key: "/manifests/" not in key))  # versions first, then their files
        return bool(left) or (head is not None and not told)

    def _known(self, project_uid: str, version: str) -> set[str]:
        """The hashes of the files that a version has in the bucket now."""
        try:
            found = self.manifest(project_uid, version)
        except ModelRejected:
            return set()
        there = {each.key for each in self._bucket.list(f"versions/{project_uid}/files")} if found else set()
        files: Mapping[str, str] = found[0].files if found else {}
        return {digest for digest in files.values() if _file_key(project_uid, digest) in there}

    def _small(self, key: str, limit: int) -> bytes | None:
        try:
            return self._bucket.get(key, limit)
        except StorageError as error:
            if error.code != "object_large":
                raise
            raise ModelRejected(
                "model_file_large", f"{key.rpartition('/')[2]} has more than {limit:,} bytes."
            ) from None


def _manifest_key(project_uid: str, version: str) -> str:
    return f"versions/{project_uid}/manifests/{version}"


def _file_key(project_uid: str, digest: str) -> str:
    return f"versions/{check_project(project_uid)}/files/{digest}"


def file_digest(path: Path) -> str:
    """SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
