"""All groups of routes of the REST API. How to add one says the docstring of this package."""

from __future__ import annotations

from ml_backend.services import Services
from ml_backend.system_status import SystemStatus
from ml_backend.web.rest.documents import documents
from ml_backend.web.rest.export_readers import ExportReaders
from ml_backend.web.rest.exports import exports
from ml_backend.web.rest.learning import learning
from ml_backend.web.rest.models import models
from ml_backend.web.rest.parse import parse
from ml_backend.web.rest.projects import projects
from ml_backend.web.rest.routes import Routes
from ml_backend.web.rest.system import system
from ml_backend.web.rest.tasks import tasks
from ml_backend.web.rest.tokens import tokens
from ml_backend.web.rest.truth import truth


def groups(services: Services, status: SystemStatus) -> list[Routes]:
    """All groups of routes, in the order of the document."""
    readers = ExportReaders()
    made = [
        system(services, status),
        projects(services),
        learning(services),
        models(services),
        truth(services, readers),
        exports(services, readers),
        parse(services),
        tasks(services),
        tokens(services),
    ]
    return [*made, documents(made)]
