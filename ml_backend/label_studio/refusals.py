"""What Label Studio's refusals mean, and how to mend them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ml_backend.errors import LabelStudioError

PRIVATE_ADDRESSES_FIX = (
    "Start Label Studio with USE_DEFAULT_BANNED_SUBNETS=false (it keeps its other checks), or with both "
    "ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false; only the first of the two leaves a backend without webhooks."
)

TASK_GONE = "label_studio_task_gone"
NO_SUCH_THING = "label_studio_not_found"
HAS_NONE = "label_studio_has_none"  # a 404 in Label Studio's own words: no proxy's
PROJECT_GONE = "label_studio_project_gone"  # Label Studio itself says so, and lists the others
REFUSED = "label_studio_refused"  # for a reason that is nobody's fault that we know of
BUSY = "label_studio_busy"  # it said so, and for how long
SAID_ALREADY = "label_studio_said_already"  # an annotation with this unique id is there
_NONE = re.compile(r"^No \w+ matches the given query$")
_QUOTED = 300  # characters of Label Studio's own words; some of its refusals hold everything that was sent

# A piece of Label Studio's own words -> (our code, the fix).
_KNOWN = {
    "reserved network address": ("label_studio_blocks_address", PRIVATE_ADDRESSES_FIX),
    "Can't resolve hostname": (
        "label_studio_cannot_resolve",
        "Give a host name that Label Studio's own machine can resolve.",
    ),
    "Enter a valid URL": (
        "label_studio_wants_dot",
        "Label Studio wants a dot in a host name: use localhost, an address, or a dotted alias such as ml.backend.",
    ),
    "legacy token authentication has been disabled": (
        "label_studio_legacy_token",
        "Use a personal access token (Account & Settings > Personal Access Token) as DOCLOOP_LABEL_STUDIO_TOKEN.",
    ),
    "has expired": (
        "label_studio_token_expired",
        "Make a new personal access token and set DOCLOOP_LABEL_STUDIO_TOKEN.",
    ),
    "Annotation with this unique id already exists": (SAID_ALREADY, ""),
    "authentication parameters were either not provided": (
        "label_studio_backend_401",
        "Give Label Studio docloop's user and password (docloop credentials shows them).",
    ),
    "401 Client Error": (
        "label_studio_backend_401",
        "The docloop there has another password: run this with the DOCLOOP_ settings of docloop serve (data folder, port, user).",
    ),
    "health check failed": (
        "label_studio_cannot_reach_backend",
        "Start docloop serve first, on an address that Label Studio's machine can reach.",
    ),
    "doesn't look like a valid ML backend": (
        "label_studio_backend_refused",
        "docloop answered but refused the project: the reason says which tag of the labelling interface to change.",
    ),
}


def explain(status: int, body: Any, url: str) -> LabelStudioError:
    """The error for an answer of Label Studio that is not a success."""
    said = "; ".join(map(_plain, _sentences(body))) or f"HTTP {status}"
    if 'contains invalid "task" field' in said:  # after the whole prediction, which is nobody's business
        return LabelStudioError(TASK_GONE, "A task that predictions were sent for is not there any more.")
    quoted = said[:_QUOTED]
    for piece, (code, fix) in _KNOWN.items():
        if piece in said:
            return LabelStudioError(code, f"Label Studio says: {quoted}.", fix, quoted)
    if status in (401, 403):
        return LabelStudioError(
            "label_studio_unauthorized",
            f"Label Studio refused the token ({quoted}).",
            "Make a new one in Account & Settings > Personal Access Token, and set DOCLOOP_LABEL_STUDIO_TOKEN.",
            quoted,
        )
    if status == 429:
        return LabelStudioError(BUSY, f"Label Studio asks to be left alone for a while ({quoted}).", quoted=quoted)
    if status == 404:
        return LabelStudioError(
            HAS_NONE if _NONE.search(said) else NO_SUCH_THING,
            f"Label Studio at {url} has no such thing ({quoted}).",
            "Check the number of the project, and DOCLOOP_LABEL_STUDIO_URL: does a proxy answer in its place?",
            quoted,
        )
    return LabelStudioError(REFUSED, f"Label Studio answered {status}: {quoted}.", quoted=quoted)


def _plain(sentence: str) -> str:
    """Without links, without what only a programmer can read, and without its full stop."""
    return re.sub(r"</?a\b[^>]*>", "", sentence).split(" Additional info:")[0].strip().rstrip(".")


def _sentences(body: Any) -> list[str]:
    """The human part of an error body: the most specific sentences it has."""
    if not isinstance(body, Mapping):
        return [str(body)] if body else []
    errors = body.get("validation_errors")
    if isinstance(errors, Mapping) and errors:
        return [f"{line}" for lines in errors.values() for line in (lines if isinstance(lines, list) else [lines])]
    return [str(body["detail"])] if body.get("detail") else []
