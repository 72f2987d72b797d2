"""How the whole installation stands: one answer for load balancers, the admin page and people, whoever hangs.

Each part is asked in a thread of its own and waited for a second at most; a part that hangs is not asked a second time, and its
thread keeps nobody else waiting. Answers are kept a few seconds, so that a page full of watchers costs Label Studio nothing.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx

from ml_backend.document.version_names import version_name
from ml_backend.errors import DocloopError, LabelStudioError
from ml_backend.label_studio.client import UNREACHABLE
from ml_backend.models.keyword_baseline import VERSION as BASELINE_VERSION
from ml_backend.pausing import all_paused
from ml_backend.services import Services, store_url
from ml_backend.shared_files import bucket_of
from ml_backend.status import WORKER

LIMIT = 1.0  # seconds that all parts together are waited for
KEPT = 3.0  # seconds that an answer is given again
LEAST_FREE = 1_000_000_000  # bytes of disk below which nothing more should be stored
ALIVE = 15.0  # seconds that the lease of a worker lasts (training/worker.py)
REMEMBERED = 300.0  # seconds that a worker which fell silent is still listed
SILENT = "does not answer within a second"
FIRST = "is being asked for the first time"  # since this process began: some packages take seconds to load
_FIRST_SECONDS = 10.0

Facts = Mapping[str, Any]


class SystemStatus:
    """The status of one installation, as one process sees it. ``now`` says seconds since 1970, ``clock`` counts seconds."""

    def __init__(
        self,
        services: Services,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        limit: float = LIMIT,
    ) -> None:
        self._services = services
        self._now = now
        self._clock = clock
        self._limit = limit
        self._began = now()
        self._queue: Any = None
        self._parts = {
            "label_studio": Part(self._label_studio, clock, {"url": services.settings.label_studio_url}),
            "token": Part(self._token, clock),
            "store": Part(self._store, clock),
            "queue": Part(self._jobs, clock),
            "storage": Part(self._storage, clock),
            "workers": Part(self._workers, clock),
            "projects": Part(self._projects, clock),
        }

    def look(self) -> dict[str, Any]:
        """Every part, and whether all of it is ready; where it is not, ``reasons`` are sentences that say why."""
        end = self._clock() + self._limit
        for part in self._parts.values():
            part.ask()
        found = {name: part.answer(max(0.0, end - self._clock())) for name, part in self._parts.items()}
        token = found.pop("token")
        workers, projects = found.pop("workers"), found.pop("projects")
        found["label_studio"] = {**found["label_studio"], "token_ok": token["ok"]}
        asked = found if _away(found["label_studio"], token) else {**found, "token": token}
        reasons = [_reason(name, part) for name, part in asked.items() if not part["ok"]]
        if workers["ok"] and not any(worker["alive"] for worker in workers["all"]):
            reasons.append(
                "No worker runs: nothing is predicted in advance or learned. Start docloop serve (or docloop worker)."
            )
        return {
            "docloop": version("docloop"),
            "at": self._now(),
            "ready": not reasons,
            "reasons": reasons,
            "web": {"process": os.getpid(), "since": self._began},
            "workers": workers.get("all", []),
            "projects": projects.get("all", []),
            **found,
        }

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _label_studio(self) -> Facts:
        settings = self._services.settings
        facts = {"url": settings.label_studio_url, "version": ""}
        try:
            answer = httpx.get(f"{settings.label_studio_url}/api/version/", timeout=5 * self._limit)
            answer.raise_for_status()
            body = answer.json()
            found = body.get("release") or (body.get("label-studio-os-package") or {}).get("version")
        except (httpx.HTTPError, ValueError, AttributeError) as error:
            return {
                **facts,
                "ok": False,
                "reason": f"cannot be reached at {settings.label_studio_url} ({type(error).__name__})",
            }
        return {**facts, "ok": True, "version": str(found or "")[:40]}

    def _token(self) -> Facts:
        client = self._services.access.client()  # imports the SDK at its first call, which takes seconds
        try:
            client.call("GET", "api/current-user/whoami", timeout=5 * self._limit)
        except LabelStudioError as error:
            return {"ok": False, "away": error.code == UNREACHABLE, "reason": str(error)}
        return {"ok": True}

    def _store(self) -> Facts:
        kind = "postgresql" if store_url(self._services.settings).startswith("postgresql") else "sqlite"
        try:
            self._services.store.projects.all()
        except DocloopError as error:
            return {"kind": kind, "ok": False, "reason": str(error)}
        return {"kind": kind, "ok": True}

    def _jobs(self) -> Facts:
        from ml_backend.jobs.queue import open_queue

        url = self._services.settings.queue_url.get_secret_value()
        kind = "redis" if url else "sqlite"
        try:
            if self._queue is None:
                self._queue = open_queue(url, self._services.settings.data_dir)
            return {"kind": kind, "ok": True, "depth": len(self._queue.waiting())}
        except DocloopError as error:
            return {"kind": kind, "ok": False, "depth": 0, "reason": str(error)}

    def _storage(self) -> Facts:
        bucket = bucket_of(self._services.settings)
        facts = self._folder()
        if bucket is None or not facts["ok"]:
            return facts
        kind = urlsplit(self._services.settings.storage_url).scheme
        try:
            bucket.list("check")  # of which nothing is kept: it asks whether the bucket is there, and lets us in
        except DocloopError as error:
            return {**facts, "kind": kind, "ok": False, "reason": str(error)}
        return {**facts, "kind": kind}

    def _folder(self) -> Facts:
        folder = self._services.settings.data_dir
        try:
            free = shutil.disk_usage(folder).free
        except OSError as error:
            return {"kind": "folder", "ok": False, "free_bytes": 0, "reason": f"cannot be used ({error.strerror})"}
        if not os.access(folder, os.W_OK):
            return {"kind": "folder", "ok": False, "free_bytes": free, "reason": "cannot be written to"}
        registry, kind = self._services.registry, self._services.settings.storage_url.partition(":")[0] or "folder"
        if registry.fault:
            return {"kind": kind, "ok": False, "free_bytes": free, "reason": f"does not follow: {registry.fault}"}
        few = f"has {free / 1e9:.1f} GB left: what is stored there may be refused soon. Free some"
        return {
            "kind": kind,
            "ok": free >= LEAST_FREE,
            "free_bytes": free,
            "reason": few if free < LEAST_FREE else "",
        }

    def _workers(self) -> Facts:
        now = self._now()
        rows = [
            {
                "name": name.removeprefix(WORKER),
                "alive": end > now,
                "heartbeat_age": round(max(0.0, now - (end - ALIVE)), 1),
            }
            for name, end in self._services.store.leases.ends(WORKER, now - REMEMBERED)
        ]
        return {"ok": True, "all": rows}

    def _projects(self) -> Facts:
        found = project_lines(self._services, self._now())
        return {"ok": True, "all": found}


def project_lines(services: Services, now: float) -> list[dict[str, Any]]:
    """Every project that docloop knows, in a line."""
    resting = all_paused(services.store, now)
    rows = []
    for project in services.store.projects.all():
        champion = services.registry.active(project.uid) or BASELINE_VERSION
        rows.append(
            {
                "project": project.project_id,
                "title": project.title,
                "followed": project.followed,
                "paused": project.uid in resting,
                "champion": champion,
                "model_version": version_name(champion, project.fingerprint, services.readers.mark(project.uid)),
                "looked_at": project.looked_at or None,
                "fault": project.fault,
                "fault_since": project.fault_since,
            }
        )
    return rows


@dataclass
class Part:
    """One part: ``look`` asks it, by one thread at a time."""

    look: Callable[[], Facts]
    clock: Callable[[], float]
    _facts: Facts = field(default_factory=dict)
    _at: float = float("-inf")
    _done: threading.Event = field(default_factory=threading.Event)
    _running: bool = False
    _expired: bool = False  # while it was being looked at: what is found may be of before
    _asked_at: float = float("inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self) -> None:
        """Have the part looked at, unless that was done just now, or is being done."""
        with self._lock:
            if self._running or self.clock() - self._at < KEPT:
                return
            self._running = True
            self._asked_at = self.clock()
            self._done.clear()
            threading.Thread(target=self._work, name="status", daemon=True).start()

    def expire(self) -> None:
        """Have it looked at again at the next question, however new the answer is."""
        with self._lock:
            self._at, self._expired = min(self._at, self.clock() - KEPT), self._running

    def answer(self, seconds: float) -> Facts:
        """What was found, waited for so many seconds; a part that does not answer in time is not ok."""
        if not self._done.wait(seconds):
            first = self._at == float("-inf") and self.clock() - self._asked_at < _FIRST_SECONDS
            return {**self._facts, "ok": False, "reason": FIRST if first else SILENT}
        return self._facts

    def _work(self) -> None:
        try:
            facts = self.look()
        except DocloopError as error:
            facts = {"ok": False, "reason": str(error)}
        except Exception as error:  # a part that breaks is a fact about it, and no end of the others
            facts = {"ok": False, "reason": f"cannot be asked ({type(error).__name__})"}
        with self._lock:
            self._facts, self._at = facts, self.clock() - (KEPT if self._expired else 0.0)
            self._running = self._expired = False
            self._done.set()


_NAMES = {
    "label_studio": "Label Studio",
    "token": "Label Studio's token",
    "store": "The database",
    "queue": "The queue of jobs",
    "storage": "The data folder",
}
_FIXES = {"label_studio": " Start it, or correct DOCLOOP_LABEL_STUDIO_URL."}


def _away(label_studio: Facts, token: Facts) -> bool:
    """Whether the token could not be asked because nobody is there: one outage, told once."""
    return not label_studio["ok"] and bool(token.get("away") or token.get("reason") in (FIRST, SILENT))


def _reason(name: str, part: Facts) -> str:
    said = str(part.get("reason", "")) or SILENT
    fix = "" if said == FIRST else _FIXES.get(name, "")
    return said if said.endswith(".") else f"{_NAMES[name]} {said}.{fix}"
