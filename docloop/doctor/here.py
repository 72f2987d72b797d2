"""docloop's own house: the data folder and its secrets, the web process, the worker."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx

from docloop.doctor.bench import Bench
from docloop.doctor.findings import Check, Found, Known, Level, of_error
from ml_backend.credentials import SECRETS_FILE, WEBHOOK_HEADER, load_credentials
from ml_backend.errors import SetupError
from ml_backend.folders import make_private
from ml_backend.status import WORKER
from ml_backend.system_status import LEAST_FREE

_LOW = 5 * LEAST_FREE  # bytes free
_HEALTH_WITHIN = 1.0  # seconds that Label Studio waits for /health
_LEARNING = "Without it nothing is predicted in advance and nothing is learned."

KNOWN = {
    "data_dir_missing": Known(
        Level.FAULT,
        "the data folder holds no secrets: no docloop was ever started with it",
        "Another folder means other secrets, another database and other models than those of docloop serve.",
        "Set DOCLOOP_DATA_DIR to the folder of docloop serve, or start docloop serve once.",
    ),
    "data_dir_not_writable": Known(
        Level.FAULT,
        "nothing can be written into the data folder",
        "Every prediction, correction and model version is kept there.",
        "chown -R \"$(id -un)\" {path}   # as root, or choose another folder with DOCLOOP_DATA_DIR",
    ),
    "data_dir_open": Known(
        Level.WARNING,
        "other users of the machine may look into the data folder",
        "It holds texts and pages of documents.",
        "chmod 700 {path}",
    ),
    "secrets_unusable": Known(
        Level.FAULT,
        "the file with docloop's secrets cannot be used, or other users can read it",
        "Whoever reads it can do everything that docloop may.",
        "chmod 600 {path}   # what was measured says more",
    ),
    "disk_full": Known(
        Level.FAULT,
        "less than 1 GB is free where the data folder is",
        "Trainings fail and the ledger stands still until there is room.",
        "Free some: docloop exports and old model versions lie in {path}; or move it and set DOCLOOP_DATA_DIR.",
    ),
    "disk_low": Known(
        Level.WARNING,
        "less than 5 GB is free where the data folder is",
        "The cache of read pages alone may take 2 GB, a layout model 1 GB a version.",
        "Free some disk space below {path}.",
    ),
    "web_down": Known(
        Level.FAULT,
        "docloop's web process does not answer",
        "Label Studio gets no predictions and its webhooks are lost.",
        "docloop serve   # with the same DOCLOOP_ settings; DOCLOOP_HOST and DOCLOOP_PORT say where it listens",
    ),
    "web_not_docloop": Known(
        Level.FAULT,
        "another program answers at docloop's address",
        "Label Studio talks to whoever is there.",
        "Stop that program, or choose another port with DOCLOOP_PORT, then: docloop connect --project N",
    ),
    "web_other_secrets": Known(
        Level.FAULT,
        "the docloop that runs has other secrets than these settings",
        "What this command connects, that docloop refuses.",
        "Use the DOCLOOP_DATA_DIR, DOCLOOP_USER and DOCLOOP_PASSWORD of docloop serve, then: docloop connect --project N",
    ),
    "web_slow": Known(
        Level.WARNING,
        "/health takes more than half of the second that Label Studio gives it",
        "Label Studio calls a backend disconnected that does not answer within one second.",
        "Give docloop a core of its own, or lower DOCLOOP_OCR_CONCURRENCY.",
    ),
    "worker_missing": Known(
        Level.FAULT,
        "no worker is alive",
        _LEARNING,
        "docloop serve   # or, beside docloop web: docloop worker, with the same DOCLOOP_ settings",
    ),
    "workers_apart": Known(
        Level.WARNING,
        "several workers are alive, but model versions are not shared",
        "A version is on the machine alone that trained it: others push what they have, and help with nothing.",
        "export DOCLOOP_STORAGE_URL=s3://bucket/prefix   # or file:///shared/folder; the same for all (docs/storage.md)",
    ),
}  # fmt: skip


def data_dir(bench: Bench) -> Iterator[Found]:
    """The data folder: there, writable, private, with room; and the secrets in it, which are never made here."""
    folder = bench.settings.data_dir
    own = bench.settings.password, bench.settings.api_token, bench.settings.webhook_secret
    if not all(one.get_secret_value() for one in own) and not (folder / SECRETS_FILE).exists():
        yield Found(f"{folder} has no {SECRETS_FILE}", "data_dir_missing")
        return
    path = {"path": folder}
    try:
        make_private(folder)
        _write(folder)
    except OSError as error:
        yield Found(f"{folder}: {error.strerror}", "data_dir_not_writable", path)
        return
    try:
        bench.credentials = load_credentials(bench.settings)
    except SetupError as error:
        yield of_error(error, (), "secrets_unusable", path=folder / SECRETS_FILE)
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Found(f"{folder} has mode {mode:04o}", "data_dir_open", path)
    free = shutil.disk_usage(folder).free
    said = f"{folder}, {free / 1e9:.1f} GB free"
    yield Found(said, "disk_full" if free < LEAST_FREE else "disk_low" if free < _LOW else "", path)


def _write(folder: Path) -> None:
    """Write, bring to the disk, and take away again. Raises OSError."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
        file.write(b"docloop doctor\n")
        file.flush()
        os.fsync(file.fileno())


def web(bench: Bench) -> Iterator[Found]:
    """The web process answers, is docloop, and takes the secrets that these settings give Label Studio."""
    host = bench.settings.host
    local = "127.0.0.1" if host in ("0.0.0.0", "::", "127.0.0.1", "localhost") else host  # noqa: S104 - compared, not bound
    places = dict.fromkeys((f"http://{f'[{local}]' if ':' in local else local}:{bench.settings.port}", bench.url))
    with bench.http() as http:
        said = []
        for place in places:
            began = bench.clock()
            try:
                answer = http.get(f"{place}/health")
            except httpx.HTTPError as error:
                said.append(f"{place} does not answer ({type(error).__name__})")
                continue
            seconds = bench.clock() - began
            bench.web = place
            yield from _is_ours(bench, http, answer, seconds)
            return
    yield Found("; ".join(said), "web_down")


def _is_ours(bench: Bench, http: httpx.Client, answer: httpx.Response, seconds: float) -> Iterator[Found]:
    try:
        ours = answer.is_success and answer.json().get("model_class") == "docloop"
    except (ValueError, AttributeError):
        ours = False
    if not ours:
        yield Found(f"{bench.web}/health answers {answer.status_code}, but not as docloop", "web_not_docloop")
        return
    secrets = bench.credentials
    if secrets is not None:
        basic = http.get(f"{bench.web}/", auth=(secrets.user, secrets.password)).status_code
        # A body that is no webhook: refused after the secret was looked at, so it changes nothing.
        hook = http.post(f"{bench.web}/webhook", json={}, headers={WEBHOOK_HEADER: secrets.webhook_secret}).status_code
        if basic == httpx.codes.UNAUTHORIZED or hook == httpx.codes.UNAUTHORIZED:
            refused = "user and password" if basic == httpx.codes.UNAUTHORIZED else "the webhook secret"
            yield Found(f"{bench.web} refuses {refused} of these settings", "web_other_secrets")
            return
    said = f"{bench.web} answers in {seconds * 1000:.0f} ms"
    yield Found(said, "web_slow" if seconds > _HEALTH_WITHIN / 2 else "")


def worker(bench: Bench) -> Iterator[Found]:
    """At least one worker holds its lease; several, each with a data folder of its own, share what they learn."""
    alive = len(bench.store.leases.held(WORKER, bench.clock())) if bench.store else 0
    if not alive:
        yield Found("no lease of a worker in the store", "worker_missing")
        return
    apart = alive > 1 and not bench.settings.storage_url
    yield Found(f"{alive} alive" + (", no DOCLOOP_STORAGE_URL" if apart else ""), "workers_apart" if apart else "")


CHECKS = (
    Check("docloop.data_dir", "The data folder", data_dir, quick=True),
    Check("docloop.web", "docloop's web process", web, quick=True),
)
WORKER_CHECK = Check("docloop.worker", "The worker", worker, needs=("store.answers",), quick=True)
