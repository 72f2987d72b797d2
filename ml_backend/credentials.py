"""The secrets that docloop asks for: made at first start, kept in a file that only its user can read, never a default.

A secret that the settings name wins over the file. A ``Credentials`` object always holds all of them: there is no half-set state
in which a check could be off. How a request is checked against them belongs to ``web.auth``.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from ml_backend.errors import SetupError
from ml_backend.folders import make_private
from ml_backend.settings import PREFIX, Settings

SECRETS_FILE = "secrets.json"
WEBHOOK_HEADER = "X-Docloop-Secret"  # Label Studio's webhooks carry headers we choose, but START_TRAINING only Basic
_BYTES = 24  # of randomness in a secret we make: 192 bits, 32 characters


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request must know: user and password (Basic), ``api_token`` (Bearer) or ``webhook_secret`` (webhooks only).

    Raises:
        SetupError: one of them is empty or not ASCII, or the user name has a colon, which Basic authentication cannot carry.
    """

    user: str
    password: str = field(repr=False)
    api_token: str = field(repr=False)
    webhook_secret: str = field(repr=False)

    def __post_init__(self) -> None:
        for each in fields(self):
            if not getattr(self, each.name).strip():
                name = PREFIX + each.name.upper()
                raise SetupError(
                    "secret_empty", f"{name} is empty.", "Give it a value, or leave it out to have one made."
                )
            if not getattr(self, each.name).isascii():
                name = PREFIX + each.name.upper()
                raise SetupError(
                    "secret_not_ascii",
                    f"{name} has a character beyond ASCII.",
                    "HTTP programs disagree on those.",
                )
        if ":" in self.user:
            raise SetupError("user_with_colon", f"{PREFIX}USER has a colon: {self.user!r}.", "Choose one without.")


def all_secrets(settings: Settings, credentials: Credentials) -> list[str]:
    """Everything that must never be written anywhere: the settings' secrets, the passwords in their URLs, the credentials."""
    given = [value.get_secret_value() for value in dict(settings).values() if isinstance(value, SecretStr)]
    passwords = [unquote(urlsplit(value).password or "") for value in given if "://" in value]
    own = [credentials.password, credentials.api_token, credentials.webhook_secret]
    return [secret for secret in (*given, *passwords, *own) if secret]


def load_credentials(settings: Settings) -> Credentials:
    """The credentials of this installation; what the settings leave open comes from the secrets file, made if need be.

    Two processes that start at the same time end up with the same file.

    Raises:
        SetupError: the file cannot be made or read, is broken, or can be read by other users.
    """
    values = {
        "password": settings.password.get_secret_value(),
        "api_token": settings.api_token.get_secret_value(),
        "webhook_secret": settings.webhook_secret.get_secret_value(),
    }
    if not all(values.values()):
        kept = _kept(settings.data_dir / SECRETS_FILE, tuple(values))
        values = {name: value or kept[name] for name, value in values.items()}
    return Credentials(user=settings.user, **values)


def _kept(path: Path, names: tuple[str, ...]) -> dict[str, str]:
    try:
        if not path.exists():
            _make(path, names)
        with path.open(encoding="utf-8") as file:
            _check_mode(path, os.fstat(file.fileno()).st_mode)
            kept = json.load(file)
    except OSError as error:
        raise SetupError(
            "secrets_file_unusable",
            f"The secrets cannot be kept in {path} ({error.strerror}).",
            f"Make the folder writable, choose another with {PREFIX}DATA_DIR, or set all secrets as {PREFIX} settings.",
        ) from None
    except ValueError:
        kept = None
    if not isinstance(kept, dict) or not all(isinstance(kept.get(name), str) and kept[name] for name in names):
        raise SetupError(
            "secrets_file_broken",
            f"{path} does not hold {', '.join(names)} as JSON.",
            "Delete it; new secrets are made at the next start, and Label Studio must then be connected again.",
        )
    return kept


def _make(path: Path, names: tuple[str, ...]) -> None:
    """Write the file aside and link it into place: complete or not there, and the first of two writers wins."""
    make_private(path.parent)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({name: secrets.token_urlsafe(_BYTES) for name in names}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except FileExistsError:
        return  # the other process was first; its secrets are the ones
    finally:
        os.unlink(aside)


def _check_mode(path: Path, mode: int) -> None:
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SetupError(
            "secrets_file_readable",
            f"{path} can be read or written by other users (mode {stat.S_IMODE(mode):04o}).",
            f"Run: chmod 600 {path}",
        )
