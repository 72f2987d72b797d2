"""Brings what a training process needs out of the bucket: the process has no key to it."""

from __future__ import annotations

import time
from contextlib import suppress

from ml_backend.errors import ModelRejected
from ml_backend.services import Services, page_files
from ml_backend.store.records import RunRecord
from training.rounds import version_name

BUDGET = 30.0  # seconds for the pages that the report shows; without them it shows no scans


def bring(services: Services, run: RunRecord) -> None:
    """The champion of the run's project, which the new version is compared with; the version, if an attempt before this one made
    it on another machine; the pages of the newest documents. What cannot be brought is logged and done without."""
    project_uid = run.project_uid
    services.registry.best(project_uid)
    with suppress(ModelRejected):
        services.registry.get(project_uid, version_name(run))
    files, ends = page_files(services.settings), time.monotonic() + BUDGET
    there = services.store.samples.contents(project_uid)
    for content in sorted(there, key=there.__getitem__, reverse=True):
        if time.monotonic() > ends:
            return
        files.get(content)
