"""The web application: made by ``create_app`` from its parts, nothing configured at import."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask

from ml_backend.services import Services
from ml_backend.system_status import SystemStatus
from ml_backend.web.addresses import PROXIES, THIS_MACHINE
from ml_backend.web.admin import admin
from ml_backend.web.auth import guard
from ml_backend.web.body import plain_bodies_only
from ml_backend.web.headers import add_headers
from ml_backend.web.metrics import Installation, count_requests, metrics
from ml_backend.web.ml_api import ml_api
from ml_backend.web.refusals import answer_errors
from ml_backend.web.rest.groups import groups
from ml_backend.web.webhook import webhook_api

_BODY_BYTES = 32 * 1024 * 1024


def create_app(services: Services, proxies: Sequence[str] = THIS_MACHINE) -> Flask:
    """One application over one set of services. Two may live in one process.

    ``proxies`` are the addresses and networks, or "*", that are believed when they say whom they ask for.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _BODY_BYTES
    app.config[PROXIES] = tuple(proxies)
    count_requests(app)  # first, so that refused ones are counted, too
    guard(app, services.credentials, lambda: services.store)
    add_headers(app)
    plain_bodies_only(app)
    app.register_blueprint(ml_api(services))
    app.register_blueprint(webhook_api(services))
    status = SystemStatus(services)
    for group in groups(services, status):
        app.register_blueprint(group.blueprint)
    app.register_blueprint(metrics(Installation(services, status)))
    app.register_blueprint(admin(services, status))
    answer_errors(app)
    return app
