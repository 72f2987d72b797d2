"""Writes the secrets of docker-compose.yml to .env, once: ``make secrets``. Only Python's standard library is needed.

Nothing in docker-compose.yml has a default password: without this file it refuses to start. The file is readable by its owner
alone, is in no image and in no commit; who has it has everything.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

NAMES = (
    "LABEL_STUDIO_PASSWORD",
    "LABEL_STUDIO_SECRET_KEY",
    "LABEL_STUDIO_DB_PASSWORD",
    "DOCLOOP_DB_PASSWORD",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "S3_SECRET_KEY",
    "DOCLOOP_PASSWORD",
    "DOCLOOP_API_TOKEN",
    "DOCLOOP_WEBHOOK_SECRET",
)
_BYTES = 24  # of randomness: 192 bits, 32 characters that need no escaping in a URL
_OPEN = {
    "LABEL_STUDIO_USERNAME": "admin@example.com",
    "LABEL_STUDIO_PUBLIC_URL": "http://localhost:8080",
    "S3_ACCESS_KEY": "docloop",
}


def write(path: Path) -> None:
    """Write the file, readable by its owner alone. Raises FileExistsError where there is one: its secrets are in use."""
    lines = ["# Made by `make secrets`. Keep it; with it lost, the data of the volumes cannot be opened any more."]
    lines += [f"{name}={value}" for name, value in _OPEN.items()]
    lines += [f"{name}={secrets.token_urlsafe(_BYTES)}" for name in NAMES]
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def main() -> int:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else ".env")
    try:
        write(path)
    except FileExistsError:
        print(f"{path} is there already and stays as it is: the databases know its passwords. Delete it to begin anew.")  # noqa: T201
        return 1
    print(f"{path} is written. Look into it for Label Studio's login (LABEL_STUDIO_USERNAME, LABEL_STUDIO_PASSWORD).")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
