"""Whether a lease is given back after a change of Label Studio that did not go well."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from ml_backend.errors import LabelStudioError, StoreError
from ml_backend.services import Services
from ml_backend.store.holding import held


def unsure() -> LabelStudioError:
    error = LabelStudioError("label_studio_unreachable", "Label Studio does not answer in time.")
    error.unsure = True
    return error


@pytest.mark.parametrize(
    ("ends", "kept"),
    [
        (None, False),
        (LabelStudioError("label_studio_refused", "It said no: it did nothing."), False),
        (StoreError("store_away", "Label Studio was not asked."), False),
        (unsure(), True),
        (KeyboardInterrupt(), True),  # Label Studio goes on
    ],
)
def test_what_may_go_on_unheard_keeps_the_lease_until_it_runs_out(
    services: Services, ends: BaseException | None, kept: bool
) -> None:
    leases = services.store.leases
    with suppress(LabelStudioError, StoreError, KeyboardInterrupt), held(services.store, "import-1", 5.0) as mine:
        assert mine is not None
        with mine.until_heard():
            if ends:
                raise ends
    assert leases.held("import-1", time.time()) == (["import-1"] if kept else [])
    assert leases.held("import-1", time.time() + 5.0) == []
