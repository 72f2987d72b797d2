"""Exports that docloop makes in the background for who asked over HTTP, kept as one zip file each until they are taken away.

    <data folder>/exports/made/<id>/state.json    what was asked, and what came of it
    <data folder>/exports/made/<id>/<id>.zip      the export, once it is whole

They lie in docloop's own folder, so they are docloop's to clean: one that holds a document which was deleted is deleted, too.
One is made at a time in a process, which renews a lease meanwhile. A process that dies leaves a state that says "running": nobody
renews its lease, so it counts as failed.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ml_backend.errors import DocloopError, ExportRefused
from ml_backend.exporting import Exporting
from ml_backend.exports.formats import JSONL, formats
from ml_backend.exports.index import ExportIndex
from ml_backend.ground_truth import Filters
from ml_backend.services import EXPORTS, Services
from ml_backend.store.store import Store

log = logging.getLogger(__name__)

LEASE = "export-"
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_SECONDS = 60.0  # that a state counts as running without a sign of life
_RENEW = 10.0
_STATE = "state.json"
_GONE = ".gone-"  # begins the name of an export's folder from the moment it is taken away


@dataclass(frozen=True, slots=True)
class MadeExport:
    """One export. ``state`` is running, done or failed; ``reason`` says why it failed; ``documents`` are written so far."""

    id: str
    project_uid: str
    project_id: int
    format: str
    asked_by: str
    asked_at: float
    state: str = "running"
    documents: int = 0
    size: int = 0
    reason: str = ""
    batch: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


class MadeExports:
    """The exports of one data folder; ``store`` gives who keeps the leases of those that are being made."""

    def __init__(self, folder: Path, store: Callable[[], Store], now: Callable[[], float] = time.time) -> None:
        self._folder = folder / "made"
        self._store = store
        self._now = now
        self._busy = threading.Lock()

    def start(self, exporting: Exporting, format: str, filters: Filters, by: str) -> MadeExport:
        """Begin an export in the background; it is listed from now on.

        Raises:
            ExportRefused: no such format, or this process is making one (``export_running``).
        """
        if format not in formats():
            raise ExportRefused(
                "export_format_unknown",
                f"There is no export format {format[:40]!r}.",
                f"Known: {', '.join(formats())}.",
            )
        if not self._busy.acquire(blocking=False):
            raise ExportRefused("export_running", "docloop is making an export just now.", "Ask again when it is done.")
        try:
            at = self._now()
            name = f"{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
            project = exporting.project
            made = MadeExport(name, project.uid, project.project_id, format, by, at)
            self._store().leases.take(f"{LEASE}{name}", name, at, _SECONDS)
            (self._folder / name).mkdir(parents=True, mode=0o700)
            self._keep(made)
            work = threading.Thread(target=self._make, args=(made, exporting, filters), name="export", daemon=True)
            work.start()
        except BaseException:
            self._busy.release()
            raise
        return made

    def all(self, project_uid: str | None = None) -> list[MadeExport]:
        """The exports of a project, or all, the newest first."""
        names = [path.name for path in self._folder.glob("*") if _ID.fullmatch(path.name)]
        found = [made for name in sorted(names, reverse=True) if (made := self.get(name)) is not None]
        return [made for made in found if project_uid in (None, made.project_uid)]

    def get(self, name: str) -> MadeExport | None:
        """The export of this id."""
        if not _ID.fullmatch(name):
            return None
        try:
            made = MadeExport(**json.loads((self._folder / name / _STATE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        if made.state == "running" and not self._store().leases.held(f"{LEASE}{name}", self._now()):
            return replace(made, state="failed", reason="docloop was stopped while it made this.")
        return made

    def file(self, name: str) -> Path | None:
        """The zip file of an export that is done."""
        made = self.get(name)
        path = self._folder / name / f"{name}.zip"
        return path if made is not None and made.state == "done" and path.is_file() else None

    def remove(self, name: str) -> bool:
        """Take an export away; False: there is none."""
        if self.get(name) is None:
            return False
        gone = self._folder / f"{_GONE}{name}"
        try:
            os.rename(self._folder / name, gone)  # in one step: who is writing it finds nothing to go on with
        except FileNotFoundError:
            return False
        shutil.rmtree(gone, ignore_errors=True)  # what stays goes with the next ``forget_tainted``
        return True

    def forget_tainted(self, index: ExportIndex) -> int:
        """Delete what holds a document that was deleted since, as the index says; how many there were.

        What a process left that died over an export, nobody can tell the documents of: that goes, too.
        """
        for made in self.all():
            if made.state == "failed":
                for path in (self._folder / made.id).iterdir():
                    if path.name != _STATE:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
        tainted = {batch.id for batch in index.all() if batch.deleted}
        gone = [made for made in self.all() if made.batch and made.batch in tainted]
        removed = sum(self.remove(made.id) for made in gone)
        for path in self._folder.glob("*"):
            if path.name.startswith(_GONE) or self._is_left(path):
                shutil.rmtree(path)
        return removed

    def _is_left(self, path: Path) -> bool:
        """Whether this was an export that somebody took away while a process made it, which died since."""
        if not _ID.fullmatch(path.name) or (path / _STATE).exists():
            return False
        return not self._store().leases.held(f"{LEASE}{path.name}", self._now())

    # -- in the background ---------------------------------------------------------------------------------------------

    def _make(self, made: MadeExport, exporting: Exporting, filters: Filters) -> None:
        try:
            steps = _Steps()
            with self._alive(made, steps):
                done = self._whole(made, replace(exporting, step=steps.step), filters)
        except DocloopError as error:
            done = replace(made, state="failed", reason=str(error))
        except OSError as error:
            done = replace(made, state="failed", reason=f"The disk refused: {error.strerror}.")
        except Exception:
            log.exception("an export broke")
            done = replace(made, state="failed", reason="docloop broke on this export; its log says where.")
        try:
            try:
                self._go_on(done)
            except FileNotFoundError:  # it was taken away meanwhile
                shutil.rmtree(self._folder / made.id, ignore_errors=True)
            self._store().leases.release(f"{LEASE}{made.id}", made.id)
            # What was deleted meanwhile: who forgot it had no finished export to look at.
            exporting.index.forget_gone(exporting.store.documents.numbers)
            self.forget_tainted(exporting.index)
        except (OSError, DocloopError):
            log.warning("what came of the export %s could not be kept", made.id)
        finally:
            self._busy.release()

    @contextmanager
    def _alive(self, made: MadeExport, steps: _Steps) -> Iterator[None]:
        """Say now and then that an export is being made, also while its last files are written and packed, which takes long."""
        over = threading.Event()

        def say() -> None:
            while not over.wait(_RENEW):
                try:
                    self._store().leases.take(f"{LEASE}{made.id}", made.id, self._now(), _SECONDS)
                    self._go_on(replace(made, documents=steps.documents))
                except FileNotFoundError:
                    steps.unwanted = True
                    return
                except (OSError, DocloopError):  # the disk or the store may be away for a while
                    log.debug("the export %s could not say that it goes on", made.id)

        saying = threading.Thread(target=say, name="export lease", daemon=True)
        saying.start()
        try:
            yield
        finally:
            over.set()
            saying.join()

    def _whole(self, made: MadeExport, exporting: Exporting, filters: Filters) -> MadeExport:
        folder = self._folder / made.id
        out = folder / "files" / (f"{made.format}.jsonl" if made.format == JSONL else made.format)
        out.parent.mkdir(mode=0o700)
        try:
            batch = exporting.run(made.format, out, filters)
            packed = folder / f"{made.id}.zip"
            pack(out.parent, packed)
            exporting.index.add(replace(batch, out=str(packed)))
        finally:
            shutil.rmtree(out.parent, ignore_errors=True)
        size, documents = packed.stat().st_size, batch.counts.get("documents", 0)
        return replace(made, state="done", documents=documents, size=size, batch=batch.id, counts=dict(batch.counts))

    def _go_on(self, made: MadeExport) -> None:
        """Keep how far an export is. Raises FileNotFoundError: it was taken away, whatever its writer has put there since."""
        (self._folder / made.id / _STATE).stat()
        self._keep(made)

    def _keep(self, made: MadeExport) -> None:
        folder = self._folder / made.id
        aside = folder / f".{_STATE}"
        aside.write_text(json.dumps(asdict(made)), encoding="utf-8")
        os.replace(aside, folder / _STATE)


def made_exports(services: Services) -> MadeExports:
    """The exports of this data folder."""
    return MadeExports(services.settings.data_dir / EXPORTS, services.lazy_store.get)


class _Steps:
    """Counts the documents of an export while it is made, and ends one that somebody took away."""

    documents, unwanted = 0, False

    def step(self) -> None:
        self.documents += 1
        if self.unwanted:
            raise ExportRefused("export_gone", "The export was taken away while it was made.")


def pack(folder: Path, target: Path) -> None:
    """All files of a folder as a zip file, which appears whole or not at all."""
    aside = target.with_name(f".{target.name}.part")
    try:
        with zipfile.ZipFile(aside, "x", zipfile.ZIP_DEFLATED, compresslevel=3) as packed:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.is_symlink():
                    packed.write(path, path.relative_to(folder).as_posix())
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)
