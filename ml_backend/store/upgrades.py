"""What is kept of a database before it is upgraded, should the upgrade or the new docloop disappoint.

``docloop restore`` fills an empty database from it. It holds what documents say, so it does not stay for ever: the newest two are
kept, and all go when something is deleted (training/forgetting.py).
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ml_backend.archive import new_archive
from ml_backend.store.database import Database
from ml_backend.store.dumping import dumped, last_ids, one_moment

log = logging.getLogger(__name__)

STORE = "store"  # the folder of the tables inside an archive
FORMAT = "docloop-backup-1"
_KEPT = 2


def keep_before_upgrade(database: Database, revision: str, folder: Path | None) -> None:
    """Write the tables into an archive in ``folder``; nothing without one. Raises OSError where the disk refuses."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"before-upgrade-from-{revision}-{time.time_ns()}.tar.gz"
    facts: dict[str, Any] = {"format": FORMAT, "at": time.time(), "schema": revision, "tables": []}
    with new_archive(path, lambda: facts) as archive, one_moment(database) as connection:
        for name, lines in dumped(connection):
            archive.add(f"{STORE}/{name}.jsonl", lines)
            facts["tables"].append(name)
        facts["ids"] = last_ids(connection)
    log.info("The database is upgraded from schema %s; what it was is kept in %s.", revision, path)
    for old in _kept(folder)[:-_KEPT]:
        old.unlink(missing_ok=True)


def drop_kept(folder: Path) -> None:
    """Delete what was kept of databases before upgrades. Raises OSError."""
    for path in _kept(folder):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("before-upgrade-from-*.tar.gz"), key=lambda path: path.stat().st_mtime_ns)
