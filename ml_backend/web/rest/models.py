"""Model versions and the dataset releases that they learned from."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from ml_backend.services import Services
from ml_backend.serving import Served, promote, roll_back
from ml_backend.status import followed_project, release_rows, tainted_versions
from ml_backend.web.access import Role
from ml_backend.web.rest.routes import Routes
from ml_backend.web.schemas import models as schemas


def models(services: Services) -> Routes:
    """``/models``, ``/promote``, ``/rollback`` and ``/releases`` of a project."""
    group = Routes("models", "Model versions, which of them serves, and what they learned from.")
    _versions(group, services)
    _releases(group, services)
    return group


def _versions(group: Routes, services: Services) -> None:
    store = services.lazy_store.get

    @group.add("GET", "/projects/<int:project_id>/models", Role.READ)
    def model_versions(project_id: int) -> schemas.ModelVersions:
        """The model versions of a project.

        With manifest, metrics and the gate's verdict; the lowest number first. Before the first version keywords answer.
        """
        uid = followed_project(store(), project_id).uid
        rows, active = version_rows(services, uid), services.registry.active(uid)
        return schemas.ModelVersions.model_validate({"project": project_id, "champion": active, "versions": rows})

    @group.add("POST", "/projects/<int:project_id>/promote", Role.ADMIN, status=202)
    def promote_version(project_id: int, body: schemas.Promote) -> schemas.Served:
        """Let a version serve although the gate kept it, or again.

        It serves at once; the worker pushes its predictions for the open tasks.
        """
        project = followed_project(store(), project_id)
        return _served(project_id, promote(services.registry, services.hints, project, body.version))

    @group.add("POST", "/projects/<int:project_id>/rollback", Role.ADMIN, status=202)
    def rollback(project_id: int) -> schemas.Served:
        """Let the version before serve again.

        It serves at once; open tasks get its predictions back.
        """
        project = followed_project(store(), project_id)
        return _served(project_id, roll_back(services.registry, services.hints, project))


def _releases(group: Routes, services: Services) -> None:
    store = services.lazy_store.get

    @group.add("GET", "/projects/<int:project_id>/releases", Role.READ)
    def releases(project_id: int) -> schemas.Releases:
        """The dataset releases of a project, the newest first."""
        project = followed_project(store(), project_id)
        rows = release_rows(store(), services.registry, project)
        return schemas.Releases.model_validate({"project": project_id, "releases": rows})

    @group.add("POST", "/projects/<int:project_id>/releases", Role.TRAIN, status=201)
    def freeze(project_id: int, body: schemas.Freeze) -> schemas.Release:
        """Freeze the confirmed documents.

        Under an id that the same documents have on every machine. The same documents a second time are the same release.
        """
        project = followed_project(store(), project_id)
        specs = services.interface(project.label_config).specs
        made = store().releases.freeze(project, specs, time.time(), body.licence)
        rows = release_rows(store(), services.registry, project)
        return schemas.Release.model_validate(next(row for row in rows if row["id"] == made.id))


def version_rows(services: Services, uid: str) -> list[dict[str, Any]]:
    """The model versions of a project with what their manifests say, the lowest number first."""
    active, tainted = services.registry.active(uid), tainted_versions(services.store, services.registry, uid)
    return [
        {
            **asdict(one),
            "labels": list(one.labels),
            "champion": one.version == active,
            "deleted": tainted.get(one.version, 0),
        }
        for one in services.registry.versions(uid)
    ]


def _served(project_id: int, served: Served) -> schemas.Served:
    return schemas.Served(project=project_id, version=served.version, changed=served.changed, verdict=served.verdict)
