"""A project's connection: the webhook with our secret, the backend with our password, and a real event that arrives.

A webhook that fails tells nobody. So one is set off: the project's title is written again as it is, which Label Studio announces,
and what docloop counts shows whether it came.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from docloop.doctor.bench import Bench, Patient
from docloop.doctor.findings import Check, Found, Known, Level
from ml_backend.connect import TITLE
from ml_backend.credentials import WEBHOOK_HEADER
from ml_backend.label_studio.refusals import PRIVATE_ADDRESSES_FIX

_EVENT = "PROJECT_UPDATED"
_COUNTED = re.compile(rf'^docloop_hints_total{{action="{_EVENT}"}} ([0-9.e+]+)$', re.MULTILINE)
_PROCESS = re.compile(r"^process_start_time_seconds ([0-9.e+]+)$", re.MULTILINE)
_READS = 4  # of the counts beforehand: there may be several web processes behind one address
_SEEN_WITHIN = 2.0  # seconds; Label Studio sends it before it answers
_SLOW = 0.7  # seconds for a change that Label Studio announces; the webhook is inside
_AGAIN = "docloop connect --project {project}"
_LATE = "What annotators do is seen only when the worker looks by itself, up to a minute late."

KNOWN = {
    "not_connected": Known(
        Level.WARNING,
        "the project has neither backend nor webhook of docloop",
        "It is followed by looking every minute; drawn boxes are not read, Start Training does nothing.",
        f"{_AGAIN}   # unless that is meant (--poll-only)",
    ),
    "backend_without_webhook": Known(
        Level.FAULT,
        "the project has the backend “Connected”, but no webhook to docloop",
        "Label Studio makes none for a host name without a dot or a refused private address, and says nothing.",
        f"{_AGAIN}   # and where that is refused: {PRIVATE_ADDRESSES_FIX}",
    ),
    "webhook_secret": Known(
        Level.FAULT,
        "the webhook does not send our secret",
        "docloop answers it with 401; Label Studio tells nobody.",
        _AGAIN,
    ),
    "webhook_inactive": Known(Level.FAULT, "the webhook is switched off", _LATE, _AGAIN),
    "webhook_narrow": Known(
        Level.FAULT,
        "the webhook is sent for some events only, or without its content",
        "docloop needs the project's number in it, and all events.",
        _AGAIN,
    ),
    "webhook_elsewhere": Known(
        Level.FAULT,
        "the webhook goes to another address than the backend",
        "One of the two is an old one.",
        f"{_AGAIN} --url {{url}}   # and delete the other in Settings > Webhooks",
    ),
    "backend_missing": Known(
        Level.FAULT, "the project has a webhook, but no backend", "Drawn boxes are not read.", _AGAIN
    ),
    "backend_disconnected": Known(
        Level.FAULT,
        "Label Studio does not get an answer from the backend",
        "Predictions, drawn boxes and Start Training do not work.",
        "docloop serve   # on an address that Label Studio's machine reaches; then " + _AGAIN,
    ),
    "backend_refuses": Known(
        Level.FAULT,
        "the backend answers Label Studio with an error",
        "Predictions, drawn boxes and Start Training do not work.",
        f"{_AGAIN}   # with the DOCLOOP_ settings of docloop serve",
    ),
    "backend_without_password": Known(
        Level.FAULT, "Label Studio sends the backend no password, or another user's", "docloop refuses it.", _AGAIN
    ),
    "backend_not_interactive": Known(
        Level.WARNING,
        "the backend is not interactive",
        "A box that is drawn is not read.",
        f"{_AGAIN}   # or Settings > Model > Interactive preannotations",
    ),
    "backend_not_first": Known(
        Level.WARNING,
        "the project has several backends",
        "Label Studio asks only the first one for predictions.",
        "In Settings > Model, delete those that are not docloop's: {others}.",
    ),
    "webhook_silent": Known(
        Level.FAULT,
        "a change was made, and no webhook reached docloop",
        _LATE,
        f"{_AGAIN}   # and look whether Label Studio's machine reaches {{url}}; Label Studio's log names what it could not send",
    ),
    "webhook_slow": Known(
        Level.WARNING,
        "a change took longer than 0.7 s in Label Studio, the webhook within",
        "Annotators wait as long at each Submit.",
        "Look whether other webhooks of the project are slow (Settings > Webhooks), and how busy both machines are.",
    ),
}  # fmt: skip


def webhook(bench: Bench, patient: Patient) -> Iterator[Found]:
    """There, on, ours, for everything, and to the same docloop as the backend."""
    client, number = bench.client(), patient.number
    hooks = [dict(one) for one in client.call("GET", "api/webhooks/", project=number)]
    backends = [dict(one) for one in client.call("GET", "api/ml", project=number)]
    ours, places = [one for one in backends if _is_ours(bench, one)], {_place(bench.url)}
    places |= {_place(str(one["url"])) for one in ours}
    mine = [one for one in hooks if _sends_secret(bench, one) or _place(str(one["url"])) in places]
    if not mine:
        code = "backend_without_webhook" if ours else "not_connected"
        yield Found(f"no webhook to docloop; backend: {'there' if ours else 'none'}", code)
        return
    patient.hooked = True
    good = [one for one in mine if not _fault(bench, one)]
    hook = (good or mine)[0]
    code = _fault(bench, hook)
    if not code and ours and _place(str(hook["url"])) not in {_place(str(one["url"])) for one in ours}:
        code = "webhook_elsewhere"
    url = str(ours[0]["url"] if ours else bench.url)
    yield Found(f"{hook['url']}, {'on' if hook.get('is_active') else 'off'}", code, {"url": url})


def _fault(bench: Bench, hook: Mapping[str, Any]) -> str:
    if not _sends_secret(bench, hook):
        return "webhook_secret"
    if not hook.get("is_active"):
        return "webhook_inactive"
    return "" if hook.get("send_for_all_actions") and hook.get("send_payload") else "webhook_narrow"


def _sends_secret(bench: Bench, hook: Mapping[str, Any]) -> bool:
    sent = str((hook.get("headers") or {}).get(WEBHOOK_HEADER, ""))
    ours = bench.credentials.webhook_secret if bench.credentials else ""
    return bool(ours) and hmac.compare_digest(sent.encode(), ours.encode())


def _place(url: str) -> str:
    return url.rstrip("/").removesuffix("/webhook").rstrip("/")


def _is_ours(bench: Bench, backend: Mapping[str, Any]) -> bool:
    return backend.get("title") == TITLE or _place(str(backend.get("url"))) == _place(bench.url)


def backend(bench: Bench, patient: Patient) -> Iterator[Found]:
    """Asking for it makes Label Studio call ``/health`` and ``/setup`` now, with the password it has."""
    backends = [dict(one) for one in bench.client().call("GET", "api/ml", project=patient.number)]
    ours = [one for one in backends if _is_ours(bench, one)]
    if not ours:
        hooks = bench.client().call("GET", "api/webhooks/", project=patient.number)
        code = "backend_missing" if any(_sends_secret(bench, one) for one in hooks) else ""
        yield Found("none" if code else "none: followed by looking alone", code)
        return
    one = ours[0]
    yield Found(f"{one['url']}: {one.get('readable_state') or one.get('state')}", _state(bench, one))
    if not one.get("is_interactive"):
        yield Found("interactive preannotations are off", "backend_not_interactive")
    if backends[0] is not one:
        others = ", ".join(f"“{each.get('title')}”" for each in backends if each is not one)
        yield Found(f"{len(backends)} backends", "backend_not_first", {"others": others})


def _state(bench: Bench, backend: Mapping[str, Any]) -> str:
    user = bench.credentials.user if bench.credentials else ""
    if backend.get("auth_method") != "BASIC_AUTH" or user not in ("", backend.get("basic_auth_user")):
        return "backend_without_password"
    return {"CO": "", "TR": "", "PR": "", "ER": "backend_refuses"}.get(
        str(backend.get("state")), "backend_disconnected"
    )


def fires(bench: Bench, patient: Patient) -> Iterator[Found]:
    """Write the title again as it is, and see the hint come, in what docloop counts."""
    if not patient.hooked:
        yield Found("no webhook: followed by looking alone")
        return
    before: dict[str, float] = {}
    for _ in range(_READS):
        before |= _counts(bench)
    began = bench.clock()
    bench.client().call("PATCH", f"api/projects/{patient.number}/", body={"title": patient.there.title})
    seconds = bench.clock() - began
    bench.touched.append(f"Project {patient.number}: its title was written again as it is, to set a webhook off.")
    deadline = bench.clock() + _SEEN_WITHIN
    while not any(count > before.get(process, count) for process, count in _counts(bench).items()):
        if bench.clock() >= deadline:
            yield Found(f"no {_EVENT} came to {bench.web}", "webhook_silent", {"url": f"{bench.url}/webhook"})
            return
        bench.sleep(0.2)
    yield Found(f"{_EVENT} came; the change took {seconds * 1000:.0f} ms", "webhook_slow" if seconds > _SLOW else "")


def _counts(bench: Bench) -> dict[str, float]:
    """How many such webhooks a web process has taken in, by when it was started; behind a balancer the next answers next time."""
    secrets = bench.credentials
    if secrets is None or not bench.web:
        return {}
    with bench.http() as http:
        try:
            text = http.get(f"{bench.web}/metrics", auth=(secrets.user, secrets.password)).text
        except httpx.HTTPError:
            return {}
    process, counted = _PROCESS.search(text), _COUNTED.search(text)
    return {process[1] if process else "": float(counted[1]) if counted else 0.0}


CHECKS = (
    Check(
        "connection.webhook",
        "The webhook",
        webhook,
        needs=("project.there", "docloop.data_dir"),
        quick=True,
        each_project=True,
    ),
    Check(
        "connection.backend",
        "The backend",
        backend,
        needs=("project.there",),
        seconds=40,
        quick=True,
        each_project=True,
    ),
    Check(
        "connection.fires",
        "A real event",
        fires,
        needs=("connection.webhook", "docloop.web"),
        seconds=60,
        quick=True,
        each_project=True,
    ),
)
