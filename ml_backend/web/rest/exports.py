"""Exports: made in the background, then downloaded."""

from __future__ import annotations

from dataclasses import asdict

from flask import Response, send_file

from ml_backend.errors import DocloopError
from ml_backend.exporting import Exporting
from ml_backend.exports.index import ExportIndex
from ml_backend.made_exports import MadeExport, MadeExports, made_exports
from ml_backend.services import Services, export_index, exports_here, page_files
from ml_backend.status import followed_project
from ml_backend.web.access import Role, caller
from ml_backend.web.rest.export_readers import ExportReaders
from ml_backend.web.rest.routes import PREFIX, Routes
from ml_backend.web.rest.truth import asked_filters
from ml_backend.web.schemas import exports as schemas


def exports(services: Services, readers: ExportReaders) -> Routes:
    """``/exports`` and those of a project."""
    group = Routes("exports", "Ground truth in the formats that trainers read.")
    made = made_exports(services)
    index = export_index(services.settings)
    services.forgetters.append(lambda: made.forget_tainted(index))
    _listing(group, services, made, index)
    _one(group, made, readers)
    return group


def _listing(group: Routes, services: Services, made: MadeExports, index: ExportIndex) -> None:
    here = exports_here(services.settings)

    def listed(uid: str | None) -> schemas.Exports:
        written = [
            {name: value for name, value in asdict(one).items() if name in schemas.ExportedBatch.model_fields}
            for one in here.all(uid)
        ]
        return schemas.Exports.model_validate({"made": [_shown(one) for one in made.all(uid)], "written": written})

    @group.add("GET", "/exports", Role.READ)
    def exports() -> schemas.Exports:
        """All exports: those that can be downloaded, and all that were ever written."""
        return listed(None)

    @group.add("GET", "/projects/<int:project_id>/exports", Role.READ)
    def project_exports(project_id: int) -> schemas.Exports:
        """The exports of a project."""
        return listed(followed_project(services.store, project_id).uid)

    @group.add("POST", "/projects/<int:project_id>/exports", Role.TRAIN, status=202)
    def make_export(project_id: int, body: schemas.ExportAsked) -> schemas.Export:
        """Export the ground truth.

        It is made in the background; look at it with `GET /exports/{export_id}`, and download it when it is done. The formats
        are those of `docloop export`. docloop deletes it when a document in it is deleted.
        """
        project = followed_project(services.store, project_id)
        exporting = Exporting(
            services.store,
            project,
            services.interface(project.label_config),
            page_files(services.settings),
            services.loader.pages,
            index,
        )
        filters = asked_filters(services, project, _pairs(body.filters))
        return schemas.Export.model_validate(_shown(made.start(exporting, body.format, filters, caller().name)))


def _one(group: Routes, made: MadeExports, readers: ExportReaders) -> None:
    @group.add("GET", "/exports/<export_id>", Role.READ)
    def export(export_id: str) -> schemas.Export:
        """How far an export is."""
        return schemas.Export.model_validate(_shown(_found(made, export_id)))

    @group.add("GET", "/exports/<export_id>/file", Role.READ, content="application/zip")
    def export_file(export_id: str) -> Response:
        """Download an export that is done, as a zip file.

        Four are sent at once; who comes then is answered 503 with `Retry-After`.
        """
        path = made.file(_found(made, export_id).id)
        if path is None:
            raise DocloopError("export_not_done", "This export has no file (yet).", "Look at its state.")
        return readers.serve(
            lambda: send_file(path, mimetype="application/zip", as_attachment=True, download_name=path.name)
        )

    @group.add("DELETE", "/exports/<export_id>", Role.TRAIN)
    def remove_export(export_id: str) -> None:
        """Take an export away."""
        made.remove(_found(made, export_id).id)


def _found(made: MadeExports, name: str) -> MadeExport:
    found = made.get(name)
    if found is None:
        raise DocloopError("export_unknown", "There is no such export.", "GET /api/v1/exports lists them.")
    return found


def _shown(made: MadeExport) -> dict[str, object]:
    shown = {name: value for name, value in asdict(made).items() if name in schemas.Export.model_fields}
    download = f"{PREFIX}/exports/{made.id}/file" if made.state == "done" else ""
    return {**shown, "project": made.project_id, "download": download}


def _pairs(asked: schemas.Filtered) -> list[tuple[str, str]]:
    """The filters as ``Filters.of`` reads them; what was not said is left out."""
    pairs = [("approved_only", str(asked.approved_only).lower()), ("fields", ",".join(asked.fields))]
    if asked.has_corrections is not None:
        pairs.append(("has_corrections", str(asked.has_corrections).lower()))
    pairs += [("since", asked.since), ("until", asked.until), ("model_version", asked.model_version)]
    pairs += [(name, str(value)) for name in ("annotator", "limit") if (value := getattr(asked, name)) is not None]
    return [(name, value) for name, value in pairs if value]
