"""The store's contract on SQLite. Tests have a copy of one migrated file: to migrate takes longer than most tests."""

import shutil
from pathlib import Path

import pytest

from contracts.store_contract import StoreContract
from ml_backend.store.store import open_store


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "docloop.db"
    open_store(f"sqlite:///{path}").close()
    return path


class TestStoreOnSqlite(StoreContract):
    """Runs the contract."""

    @pytest.fixture
    def url(self, migrated: Path, tmp_path: Path) -> str:
        return f"sqlite:///{shutil.copy(migrated, tmp_path)}"

    @pytest.fixture
    def empty_url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/new/docloop.db"
