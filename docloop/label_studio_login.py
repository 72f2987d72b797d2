"""The login of the Label Studio that docloop runs itself: made at first start, never a default, kept in private files.

Label Studio shows a personal access token once and keeps one a user. So it is stored beside the data, and replaced when
the stored one is gone or no longer accepted.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ml_backend.errors import LabelStudioError, SetupError
from ml_backend.folders import make_private

USERNAME = "demo@example.com"
_PASSWORD_FILE = "label-studio-password"  # noqa: S105 - names of files, not secrets
_TOKEN_FILE = "label-studio-token"  # noqa: S105
_KEY_FILE = "label-studio-secret-key"


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in at Label Studio."""

    username: str
    password: str = field(repr=False)


def stored_login(data_dir: Path) -> Login:
    """The login kept in ``data_dir``; its password is made at the first call."""
    file = data_dir / _PASSWORD_FILE
    password = _read(file)
    if not password:
        password = secrets.token_urlsafe(12)
        _write_private(file, password)
    return Login(USERNAME, password)


def stored_secret_key(data_dir: Path) -> str:
    """The key that Label Studio signs tokens and sessions with, made at the first call.

    One that Label Studio makes itself begins with ``$`` in one of 50 installations, which it then reads as a reference: it makes
    another key at the next start, and all tokens and sessions are void.
    """
    file = data_dir / _KEY_FILE
    key = _read(file)
    if not key:
        key = secrets.token_hex(32)
        _write_private(file, key)
    return key


def personal_access_token(url: str, login: Login, data_dir: Path) -> str:
    """A personal access token of a running Label Studio: the one kept in ``data_dir`` if it still works, else a new one.

    Raises:
        SetupError: Label Studio does not accept the login.
        LabelStudioError: it cannot be reached, or gives no token.
    """
    file = data_dir / _TOKEN_FILE
    try:
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            token = _read(file)
            if token and client.post("/api/token/refresh/", json={"refresh": token}).is_success:
                return token
            log_in(client, login)
            token = _new_token(client)
    except httpx.HTTPError as error:
        raise LabelStudioError("label_studio_no_token", f"Label Studio at {url} gave no token: {error}") from error
    _write_private(file, token)
    return token


def log_in(client: httpx.Client, login: Login) -> None:
    """Log ``client`` in through the login form; its cookies carry the session from then on.

    Raises:
        SetupError: the login is refused.
        httpx.HTTPError: this is no Label Studio, or it is out of order.
    """
    client.get("/user/login/").raise_for_status()
    form = {
        "email": login.username,
        "password": login.password,
        "csrfmiddlewaretoken": client.cookies.get("csrftoken", ""),
    }
    answer = client.post("/user/login/", data=form, headers={"Referer": str(client.base_url)})
    if answer.is_error:
        answer.raise_for_status()
    if not answer.is_redirect:  # a refused login shows the form again
        raise SetupError(
            "label_studio_login_refused",
            f"Label Studio at {client.base_url} does not accept the password of {login.username}.",
            f"If it was changed there, write it to the file {_PASSWORD_FILE} in the data folder.",
        )


def _new_token(client: httpx.Client) -> str:
    """A new token; the one before, which nobody can read any more, is revoked. ``client`` is logged in."""
    for lost in client.get("/api/token/").raise_for_status().json():
        client.post("/api/token/blacklist/", json={"refresh": lost["token"]}).raise_for_status()
    return str(client.post("/api/token/").raise_for_status().json()["token"])


def _read(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def _write_private(file: Path, text: str) -> None:
    """Replace ``file`` in one step by one that only its owner may read."""
    make_private(file.parent)
    aside = file.with_name(file.name + ".new")
    aside.unlink(missing_ok=True)
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text + "\n")
    aside.replace(file)
