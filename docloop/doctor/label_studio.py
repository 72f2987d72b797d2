"""Label Studio itself: its address, version, our token, and who else gets in."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from docloop.doctor.bench import Bench, Patient
from docloop.doctor.findings import Check, Found, Known, Level, of_error
from ml_backend.connect import TITLE
from ml_backend.errors import LabelStudioError

TESTED = "1.23.2"
_SOON = 14 * 86400.0  # seconds before a token's end
_SKEW = 30.0  # seconds
_ASKED = 5  # projects that are asked for docloop's address
_MEND = (
    "In Label Studio: Account & Settings > Personal Access Token > Create New Token; then"
    " export DOCLOOP_LABEL_STUDIO_TOKEN=..."
)
_WITHOUT = "Without a token docloop can neither read tasks nor store predictions."

KNOWN = {
    "label_studio_unreachable": Known(
        Level.FAULT,
        "nothing answers at Label Studio's address",
        "Everything docloop learns, it reads there.",
        "Start Label Studio, or correct DOCLOOP_LABEL_STUDIO_URL ({url}).",
    ),
    "label_studio_not_it": Known(
        Level.FAULT,
        "what answers is no Label Studio",
        "A proxy's page, another program or a path too few or too many answers in its place.",
        "export DOCLOOP_LABEL_STUDIO_URL=...   # the address of the browser up to, not with, /projects",
    ),
    "label_studio_redirects": Known(
        Level.FAULT,
        "Label Studio's address redirects to another one",
        "Tokens are sent to the address itself only: a redirect would hand them on.",
        "export DOCLOOP_LABEL_STUDIO_URL={target}",
    ),
    "label_studio_version": Known(
        Level.WARNING,
        "this version of Label Studio was not tried with docloop",
        "Some answers that docloop builds on are not documented and may be others.",
        f"uv pip install label-studio=={TESTED}   # in Label Studio's environment; or go on, and look at the other checks",
    ),
    "token_missing": Known(Level.FAULT, "there is no token for Label Studio", _WITHOUT, _MEND),
    "token_is_access": Known(
        Level.FAULT,
        "the token is an access token, which lasts 5 minutes",
        "docloop needs the one that access tokens are made with.",
        _MEND,
    ),
    "token_expired": Known(Level.FAULT, "the personal access token has expired or was revoked", _WITHOUT, _MEND),
    "token_expires_soon": Known(
        Level.WARNING, "the personal access token ends within two weeks", _WITHOUT, _MEND
    ),
    "token_legacy": Known(
        Level.WARNING,
        "the token is a legacy token",
        "Label Studio sends it to every address that somebody enters as an ML backend, and it never expires.",
        _MEND,
    ),
    "label_studio_legacy_token": Known(
        Level.FAULT, "the token is a legacy token, and Label Studio takes none", _WITHOUT, _MEND
    ),
    "label_studio_unauthorized": Known(Level.FAULT, "Label Studio refuses the token", _WITHOUT, _MEND),
    "signup_open": Known(
        Level.WARNING,
        "anybody who reaches Label Studio can make an account",
        "Every account sees all projects and may connect a backend of its own, which is sent the documents.",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK=true   # in Label Studio's environment, then restart it",
    ),
    "legacy_tokens_on": Known(
        Level.WARNING,
        "Label Studio accepts legacy tokens",
        "It sends the project owner's to every ML backend, docloop or not: with open sign-up that is a takeover.",
        "In Label Studio: Organization > Access Token Settings, switch legacy tokens off.",
    ),
    "clock_label_studio": Known(
        Level.WARNING,
        "Label Studio's clock and ours differ by more than 30 s",
        "Tokens last five minutes by its clock, and times in reports do not fit together.",
        "timedatectl set-ntp true   # on both machines",
    ),
    "no_projects": Known(
        Level.WARNING,
        "docloop follows no project",
        "There is nothing to learn from.",
        "docloop connect --project N",
    ),
}  # fmt: skip


def reachable(bench: Bench) -> Iterator[Found]:
    """It answers, is Label Studio, and of the version that docloop was tried with."""
    url = bench.settings.label_studio_url
    with bench.http() as http:
        try:
            answer = http.get(f"{url}/api/version/")
        except httpx.HTTPError as error:
            yield Found(f"{url} does not answer ({type(error).__name__})", "label_studio_unreachable", {"url": url})
            return
    if answer.is_redirect:
        to = urljoin(f"{url}/api/version/", answer.headers.get("Location", ""))
        parts = urlsplit(to)
        target = f"{parts.scheme}://{parts.netloc}{parts.path.partition('/api/version')[0]}".rstrip("/")
        yield Found(f"{url} redirects ({answer.status_code}) to {target}", "label_studio_redirects", {"target": target})
        return
    try:
        release = str(answer.json()["release"])
    except (ValueError, LookupError, TypeError):
        yield Found(f"{url}/api/version/ answers {answer.status_code}, but not as Label Studio", "label_studio_not_it")
        return
    yield Found(f"Label Studio {release} at {url}", "" if release == TESTED else "label_studio_version")


def token(bench: Bench) -> Iterator[Found]:
    """Of which kind our token is, until when, and whose."""
    text = bench.settings.label_studio_token.get_secret_value()
    if not text:
        yield Found("DOCLOOP_LABEL_STUDIO_TOKEN is not set", "token_missing")
        return
    claims = _claims(text)
    if claims.get("token_type") == "access":
        yield Found("an access token", "token_is_access")
        return
    end = float(claims.get("exp") or 0)
    if end and end <= bench.clock():
        yield Found(f"a personal access token that ended on {_day(end)}", "token_expired")
        return
    try:
        user = bench.client().call("GET", "api/current-user/whoami")
    except LabelStudioError as error:
        yield of_error(error, KNOWN, "token_expired" if claims else "label_studio_unauthorized")
        return
    whose = f"of {user.get('email') or user.get('username') or 'user ' + str(user.get('id'))}"
    if not claims:
        yield Found(f"a legacy token {whose}", "token_legacy")
    else:
        said = f"a personal access token {whose}" + (f", until {_day(end)}" if end else "")
        yield Found(said, "token_expires_soon" if end and end - bench.clock() < _SOON else "")


def _claims(text: str) -> dict[str, Any]:
    """What a JWT says of itself, unchecked: only Label Studio can check it. Empty for a legacy token."""
    parts = text.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def strangers(bench: Bench) -> Iterator[Found]:
    """Whether a stranger can sign up: an empty form, of which no account can come, is refused or shown again."""
    url = f"{bench.settings.label_studio_url}/user/signup/"
    with bench.http() as http:
        http.get(url)
        form = {"csrfmiddlewaretoken": http.cookies.get("csrftoken", "")}
        answer = http.post(url, data=form, headers={"Referer": url})
    closed = answer.status_code != httpx.codes.OK  # an open one shows the form again
    yield Found(f"sign-up is {'closed' if closed else 'open'}", "" if closed else "signup_open")
    try:
        legacy = bool(bench.client().call("GET", "api/jwt/settings").get("legacy_api_tokens_enabled"))
    except LabelStudioError:
        return  # for administrators only, in some editions
    yield Found(f"legacy tokens are {'accepted' if legacy else 'refused'}", "legacy_tokens_on" if legacy else "")


def clock(bench: Bench) -> Iterator[Found]:
    """What its clock says, against ours in the middle of the question."""
    with bench.http() as http:
        began = bench.clock()
        answer = http.get(f"{bench.settings.label_studio_url}/api/version/")
        middle = (began + bench.clock()) / 2
    try:
        theirs = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        yield Found("it does not say what time it is")
        return
    skew = theirs + 0.5 - middle  # the header has whole seconds
    yield Found(f"{skew:+.1f} s from ours", "clock_label_studio" if abs(skew) > _SKEW else "")


def followed(bench: Bench) -> Iterator[Found]:
    """Which projects to look at, where none was named: all that docloop follows."""
    if not bench.patients:
        records = [one for one in (bench.store.projects.all() if bench.store else []) if one.followed]
        bench.patients += [Patient(number) for number in sorted({one.project_id for one in records})]
    if not bench.given_url:
        bench.given_url = _as_connected(bench)
    numbers = ", ".join(str(one.number) for one in bench.patients)
    yield Found(
        f"{numbers or 'none'}; docloop's address for Label Studio: {bench.url}", "" if numbers else "no_projects"
    )


def _as_connected(bench: Bench) -> str:
    """docloop's address as the first connected project has it, empty where none is."""
    for patient in bench.patients[:_ASKED]:
        with suppress(LabelStudioError):
            for backend in bench.client().call("GET", "api/ml", project=patient.number):
                if backend.get("title") == TITLE:
                    return str(backend["url"]).rstrip("/")
    return ""


CHECKS = (
    Check("label_studio.reachable", "Label Studio", reachable, quick=True),
    Check("label_studio.token", "The token", token, needs=("label_studio.reachable",), seconds=40, quick=True),
    Check("label_studio.strangers", "Sign-up", strangers, needs=("label_studio.token",)),
    Check("label_studio.clock", "Clocks", clock, needs=("label_studio.reachable",)),
    Check("projects.followed", "Projects", followed, needs=("label_studio.token",), quick=True),
)
