"""The page of all exports: those to download, and those that were written elsewhere."""

from __future__ import annotations

from flask import Blueprint, Response

from ml_backend.exports.formats import formats
from ml_backend.made_exports import made_exports
from ml_backend.services import exports_here
from ml_backend.web.admin.live import page
from ml_backend.web.admin.parts import Parts


def add(pages: Blueprint, parts: Parts) -> None:
    """The route ``/admin/exports``."""
    made, index = made_exports(parts.services), exports_here(parts.services.settings)

    @pages.get("/exports")
    def exports() -> Response:
        downloads = made.all()
        here = {one.batch for one in downloads}
        projects = parts.services.store.projects.all()
        return page(
            "admin/exports.html",
            "exports",
            downloads=downloads,
            written=[batch for batch in index.all() if batch.id not in here],
            titles={project.uid: project.title for project in projects},
            projects=projects,
            formats=formats(),
        )
