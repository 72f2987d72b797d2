"""The circle in order, for each test its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from doctor_circle import Circle, circle

from ml_backend.store.store import open_store


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables: making them takes longer than most checks."""
    path = tmp_path_factory.mktemp("store") / "docloop.sqlite3"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def well(tmp_path: Path, empty_store: Path) -> Iterator[Circle]:
    with circle(tmp_path / "docloop", empty_store) as made:
        yield made
