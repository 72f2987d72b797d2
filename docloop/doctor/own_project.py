"""The way from Label Studio to docloop, tried with a project that the doctor makes for it and deletes at the end.

Label Studio tells nobody when it cannot reach a webhook or when a training request is refused. So a backend and a webhook with
docloop's address are made where nothing depends on them: the project's name carries a mark that ``/webhook`` knows and answers
with an echo in the store, instead of a training. Its webhook is off from the start, so that no worker follows it.
"""

from __future__ import annotations

import base64
import io
import secrets
from collections.abc import Iterator
from contextlib import suppress

from docloop.doctor.bench import Bench
from docloop.doctor.findings import Check, Found, Known, Level, of_error
from docloop.presets import load_interface_xml
from ml_backend.document.fields import Field, Prediction
from ml_backend.document.geometry import Box
from ml_backend.errors import DocloopError, LabelStudioError
from ml_backend.label_studio.events import ECHO, echo_of
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.refusals import PRIVATE_ADDRESSES_FIX
from ml_backend.label_studio.results import from_prediction_body, to_prediction_body
from ml_backend.services import read_interface

_ECHO_WITHIN = 3.0  # seconds; it is there when Label Studio's answer is
_ALIAS = "Use localhost, an address, or a dotted alias such as http://ml.backend:9090; then docloop connect --url ..."
_SILENT = "Without webhooks learning is silently late, without a backend nobody gets predictions."

KNOWN = {
    "no_right_to_create": Known(
        Level.FAULT,
        "the token's user may not make a project",
        "docloop changes projects, tasks and predictions in that user's name.",
        "Use the token of an administrator, or of a user with the role Manager.",
    ),
    "label_studio_blocks_address": Known(
        Level.FAULT,
        "Label Studio refuses docloop's address, since it is a private one",
        _SILENT,
        PRIVATE_ADDRESSES_FIX,
    ),
    "label_studio_half_blocks": Known(
        Level.FAULT,
        "Label Studio connects a backend on a private address, but refuses its webhook",
        "It shows “Connected”, and no annotation is ever announced.",
        "In Label Studio's environment, beside ML_BLOCK_LOCAL_IP=false: SSRF_PROTECTION_ENABLED=false; or, better, only"
        " USE_DEFAULT_BANNED_SUBNETS=false. Then restart it and: docloop connect --project N",
    ),
    "label_studio_wants_dot": Known(
        Level.FAULT,
        "docloop's host name has no dot, and Label Studio makes no webhook for such a name",
        "The backend connects, and no annotation is ever announced.",
        _ALIAS,
    ),
    "label_studio_cannot_resolve": Known(
        Level.FAULT,
        "Label Studio's machine does not know docloop's host name",
        _SILENT,
        "Give Label Studio a name it can resolve: docloop connect --project N --url http://...",
    ),
    "label_studio_cannot_reach_backend": Known(
        Level.FAULT,
        "Label Studio does not reach docloop",
        _SILENT,
        "Start docloop serve on an address that Label Studio's machine reaches (DOCLOOP_HOST=0.0.0.0 beyond one machine), or"
        " name the right one: docloop connect --project N --url http://...",
    ),
    "label_studio_backend_401": Known(
        Level.FAULT,
        "the docloop that Label Studio reaches has another password",
        "It refuses what Label Studio asks.",
        "Run this with the DOCLOOP_ settings of docloop serve (data folder, port, user).",
    ),
    "backend_refused": Known(
        Level.FAULT,
        "Label Studio reaches docloop, but does not take it as a backend",
        "Nobody gets predictions.",
        "Read what was measured: {code}.",
    ),
    "training_echo_missing": Known(
        Level.FAULT,
        "Start Training in Label Studio does not reach docloop's store",
        "Label Studio reports success whatever becomes of it: the button would do nothing.",
        "Upgrade and restart docloop serve (all web processes, with the store of these settings); look for a proxy in front of it"
        " that refuses POST {url}/webhook.",
    ),
    "prediction_dropped": Known(
        Level.FAULT,
        "Label Studio answered 201 and kept no prediction",
        "It drops what it finds invalid without a word.",
        "Look into Label Studio's log for the reason, and compare its version with the one that was tried.",
    ),
    "prediction_differs": Known(
        Level.FAULT,
        "a prediction comes back from Label Studio as another one",
        "Corrections are found by comparing with what was shown.",
        "Report it with the labelling interface; until then use one of: docloop create --interface receipt|invoice",
    ),
    "doctor_left_behind": Known(
        Level.WARNING,
        "an earlier doctor was killed and left its project",
        "It does nothing but stand in the list.",
        "In Label Studio, delete the project {title}.",
    ),
}  # fmt: skip


def make(bench: Bench) -> Iterator[Found]:
    """The project to try things in. Those that killed doctors have left, without tasks, are named."""
    client = bench.client()
    for left in _left_behind(bench):
        yield Found(f"“{left}” is still there", "doctor_left_behind", {"title": left})
    title = f"{ECHO}{secrets.token_hex(6)}"
    try:
        made = client.create_project(title, load_interface_xml("receipt"))
    except LabelStudioError as error:
        yield of_error(error, (), "no_right_to_create")
        return
    bench.probe = {"id": made.id, "title": title, "interface": read_interface(made.label_config)}

    def delete() -> None:
        client.call("DELETE", f"api/projects/{made.id}/")
        bench.touched.append(f"Project {made.id} “{title}” was made to try things in, and deleted again.")

    bench.at_the_end(delete)
    yield Found(f"project {made.id} made; it is deleted at the end")


def _left_behind(bench: Bench) -> list[str]:
    found = bench.client().call("GET", "api/projects/", title=ECHO.strip(), page_size=20)
    return [str(one["title"]) for one in found["results"] if echo_of(str(one["title"]))]


def webhook(bench: Bench) -> Iterator[Found]:
    """Would it make a webhook to docloop's address? This one is off, and keeps Label Studio from making one that is on."""
    body = {"project": bench.probe["id"], "url": f"{bench.url}/webhook", "is_active": False, "send_payload": False}
    try:
        bench.client().call("POST", "api/webhooks/", body=body)
        bench.probe["hook"] = True
    except LabelStudioError as error:
        yield of_error(error, KNOWN, "backend_refused")
        return
    yield Found(f"{bench.url}/webhook is accepted")


def backend(bench: Bench) -> Iterator[Found]:
    """Would it take docloop as a backend? Label Studio asks for its health and lets it set up."""
    client, number = bench.client(), bench.probe["id"]
    user, password = _access(bench)
    body = {"project": number, "url": bench.url, "title": "docloop doctor", "auth_method": "BASIC_AUTH"}
    try:
        made = client.call("POST", "api/ml", body={**body, "basic_auth_user": user, "basic_auth_pass": password})
    except LabelStudioError as error:
        # With ML_BLOCK_LOCAL_IP=false alone it answers 403 and connects all the same.
        half = error.code == "label_studio_blocks_address" and any(client.call("GET", "api/ml", project=number))
        found = of_error(error, KNOWN, "backend_refused")
        yield Found(found.measured, "label_studio_half_blocks") if half else found
        return
    bench.probe["backend"] = int(made["id"])
    yield Found(f"{bench.url} is {str(made.get('readable_state') or 'taken').lower()}, with our password")


def _access(bench: Bench) -> tuple[str, str]:
    return (bench.credentials.user, bench.credentials.password) if bench.credentials else ("", "")


def training(bench: Bench) -> Iterator[Found]:
    """Press Start Training where nothing is to be trained, and look for the echo in the store."""
    if bench.store is None or "backend" not in bench.probe:
        return
    name = str(bench.probe["title"])
    began = bench.clock()
    bench.client().call("POST", f"api/ml/{bench.probe['backend']}/train", body={})
    deadline = bench.clock() + _ECHO_WITHIN
    while not bench.store.leases.held(name, bench.clock()):
        if bench.clock() >= deadline:
            yield Found("no echo in the store", "training_echo_missing", {"url": bench.url})
            return
        bench.sleep(0.1)
    bench.store.leases.release(name, "web")
    yield Found(f"Start Training arrived in {(bench.clock() - began) * 1000:.0f} ms; nothing was trained")


def round_trip(bench: Bench) -> Iterator[Found]:
    """A task and a prediction of ours, stored in bulk and read back."""
    interface, client, number = bench.probe["interface"], bench.client(), bench.probe["id"]
    (task,) = client.import_tasks(number, [{"data": {interface.data_key: _picture()}}])
    made = _prediction(interface)
    body = {"task": task, **to_prediction_body(made, interface, task)}
    if not client.import_predictions(number, [body]):
        yield Found("sent 1, kept 0", "prediction_dropped")
        return
    with suppress(DocloopError, LookupError):
        client.set_model_version(number, made.model_version)
    stored = client.call("GET", "api/predictions/", task=task)
    back = [from_prediction_body(one) for one in stored]
    same = [
        one
        for one in back
        if (one.fields, one.score, one.model_version) == (made.fields, made.score, made.model_version)
    ]
    yield Found(f"sent 1, stored {len(back)}, equal {len(same)}", "" if len(same) == 1 else "prediction_differs")


def _picture() -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (60, 90), "white").save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _prediction(interface: Interface) -> Prediction:
    label = interface.specs[0].label
    return Prediction((Field(label, "docloop doctor", Box(0.25, 0.5, 0.75, 0.625)),), ((60, 90),), 0.5, "doctor-1")


_MADE = ("own_project.made",)
CHECKS = (
    Check("own_project.made", "A project to try things in", make, needs=("label_studio.token",), seconds=40),
    Check("way.webhook", "The way of webhooks", webhook, needs=_MADE),
    Check(
        "way.backend", "The way of predictions", backend, needs=(*_MADE, "docloop.data_dir", "docloop.web"), seconds=40
    ),
    Check("way.training", "The way of Start Training", training, needs=("way.backend", "store.answers"), seconds=120),
    Check("way.prediction", "A prediction there and back", round_trip, needs=_MADE, seconds=60),
)
