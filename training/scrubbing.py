"""Takes documents that were deleted out of the files of the model versions that learned from them.

A version quotes its documents: what its memory recalls, what it answered on them before it had seen them, the spellings that it
mends by, the pages of its report. All of that goes, document by document; what was learned from all of them together, the
weights, stays, and ``status`` lists the version as tainted. Nothing else of a version changes, so it answers other documents as
it did, but for what only the deleted one could tell it.

A version that does not verify can never be served, and nobody can say what its files hold: it goes as a whole.

Level-triggered: a version says in its manifest how many documents were taken out of it, its release how many were deleted.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_backend.document.bio_tags import bare
from ml_backend.document.fields import Field
from ml_backend.document.json_form import fields_from_json
from ml_backend.errors import DocloopError, ModelRejected
from ml_backend.models.manifest import Manifest
from ml_backend.models.memory.files import FILE as MEMORY
from ml_backend.models.registry import ModelRegistry
from ml_backend.models.token_classifier.files import FORMAT, LEARNED, hashed_columns
from ml_backend.models.token_classifier.gazetteer import VALUE, WORD
from ml_backend.store.release_records import Held, Release
from ml_backend.store.store import Store
from training.out_of_fold import FILE as OUT_OF_FOLD
from training.report.page import FILE as REPORT
from training.report.page import without
from training.splits import held_out
from training.trainers.prepared import words_of

log = logging.getLogger(__name__)

TAKEN_OUT, WHICH = "documents_taken_out", "documents_taken_out_sha256"
"""In a manifest's settings: how many documents were deleted, and taken out of the version's files; and a mark of which."""


def scrub(store: Store, registry: ModelRegistry, project_uid: str) -> list[str]:
    """Take deleted documents out of all versions of a project; the versions that were rewritten.

    One that cannot be is logged, and tried again at the next look; one that does not verify is deleted.
    """
    tainted, done = store.releases.tainted(project_uid), list[str]()
    for manifest in registry.versions(project_uid) if tainted else []:
        release = store.releases.get(project_uid, manifest.release) if manifest.release in tainted else None
        if release is None or manifest.settings.get(WHICH) == _mark(_gone(store.releases.held(release))):
            continue  # which ones, not how many: one may come back word for word, and another go
        try:
            registry.rewrite(project_uid, manifest.version, _Scrubbing(store, release, manifest).run)
            done.append(manifest.version)
        except ModelRejected as error:
            log.error("deleted documents are still in %s (%s)", manifest.version, error.code)
            if _discarded(registry, project_uid, manifest.version):
                log.warning(
                    "it was a %s of %s, made from %s documents of release %s",
                    *(manifest.kind, manifest.created_at, manifest.samples, manifest.release),
                )
        except (DocloopError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            log.error("deleted documents are still in %s (%s)", manifest.version, type(error).__name__)
    for version in registry.broken(project_uid) if tainted else []:
        _discarded(registry, project_uid, version)
    return done


def _discarded(registry: ModelRegistry, project_uid: str, version: str) -> bool:
    """Delete a version that does not verify; False where it does, or cannot be read or deleted just now."""
    try:
        fault = registry.discard(project_uid, version)
    except (ModelRejected, OSError) as error:
        log.error("deleted documents may still be in %s (%s)", version, type(error).__name__)
        return False
    if fault:
        log.warning(
            "project %s: %s was deleted, with what it had of deleted documents: %s", project_uid, version, fault
        )
    return bool(fault)


@dataclass(frozen=True, slots=True)
class _Scrubbing:
    """One version, and the release that it learned from."""

    store: Store
    release: Release
    manifest: Manifest

    def run(self, folder: Path) -> Mapping[str, Any]:
        """Rewrite the files of ``folder`` that hold documents; what to note in the manifest."""
        held = self.store.releases.held(self.release)
        gone = _gone(held)
        left = {one.content: one for one in held if not one.deleted}
        rewritten: Mapping[str, Callable[[str], str]] = {
            MEMORY: lambda text: _memory(text, gone),
            OUT_OF_FOLD: lambda text: _answers(text, gone),
            REPORT: lambda text: without(text, gone),
            LEARNED: lambda text: self._learned(text, sorted(one.content for one in held), left),
        }
        for name, rewrite in rewritten.items():
            for path in folder.rglob(name):
                _write(path, rewrite(path.read_text("utf-8", "surrogatepass")))
        return {TAKEN_OUT: len(gone), WHICH: _mark(gone)}

    def _learned(self, text: str, contents: Sequence[str], left: Mapping[str, Held]) -> str:
        """Spellings by the documents that have them; the documents are numbered in the order in which they were learned."""
        value = json.loads(text)
        held = held_out(contents)
        learned = [content for content in contents if held.folded or content not in held.contents]
        numbers = {at for at, content in enumerate(learned) if content in left}
        if len(learned) != value["samples"]:  # made in another way than we know: nobody can say whose its spellings are
            log.warning("%s forgets all spellings: their documents are not known", self.manifest.version)
            numbers = set()
        known = [[*entry[:4], [at for at in entry[4] if at in numbers]] for entry in value["known"]]
        shared = [now for entry, now in zip(value["known"], known, strict=True) if now[4] and now[4] != entry[4]]
        spelled = self._spelled([left[learned[at]] for at in sorted({at for entry in shared for at in entry[4]})])
        for entry in shared:
            entry[3] = spelled.get((entry[0], entry[1], entry[2]), entry[2])  # as one of those that are left writes it
        value["known"] = [entry for entry in known if entry[4]]
        value["columns"] = hashed_columns(value)
        return _text({**value, "format": FORMAT})

    def _spelled(self, held: Sequence[Held]) -> dict[tuple[str, str, str], str]:
        """How these documents write each text, most often: by label, kind and bare text."""
        found: dict[tuple[str, str, str], Counter[str]] = {}
        for _, body in self.store.releases.bodies(held):
            for field in fields_from_json(body["fields"]):
                for kind, text in _texts(field):
                    found.setdefault((field.label, kind, bare(text)), Counter())[text] += 1
        return {key: max(sorted(texts), key=texts.__getitem__) for key, texts in found.items()}


def _gone(held: Sequence[Held]) -> set[str]:
    """The contents of those that were deleted."""
    return {one.content for one in held if one.deleted}


def _mark(contents: Collection[str]) -> str:
    return hashlib.sha256("\n".join(sorted(contents)).encode()).hexdigest()


def _texts(field: Field) -> list[tuple[str, str]]:
    return [(VALUE, field.text), *((WORD, word) for word in words_of(field.text))]


def _memory(text: str, gone: Collection[str]) -> str:
    value = json.loads(text)
    value["papers"] = [paper for paper in value["papers"] if paper[0] not in gone]
    return _text(value)


def _answers(text: str, gone: Collection[str]) -> str:
    return json.dumps(
        {content: said for content, said in json.loads(text).items() if content not in gone}, ensure_ascii=False
    )


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def _write(path: Path, text: str) -> None:
    """A new file in the place of one that the version before still has."""
    path.unlink()
    path.write_text(text, "utf-8", "surrogatepass")
