"""Webhooks: check, leave a hint, answer. Label Studio waits one second, inside the annotator's Submit."""

from __future__ import annotations

import time

from flask import Blueprint, Response, jsonify
from werkzeug.exceptions import BadRequest

from ml_backend.counters import HINTS
from ml_backend.label_studio.events import ECHO, KNOWN_ACTIONS, Event
from ml_backend.services import Services
from ml_backend.web.body import json_object

_ECHO_SECONDS = 60.0  # that the doctor may take to find its echo


def webhook_api(services: Services) -> Blueprint:
    """The route ``/webhook``."""
    api = Blueprint("webhook", __name__)

    @api.post("/webhook")
    def webhook() -> tuple[Response, int]:
        event = Event.of(json_object())
        if event is None:
            raise BadRequest('A webhook names its "action" and its "project".')
        HINTS.labels(event.action if event.action in KNOWN_ACTIONS else "other").inc()
        if event.echo:
            if event.starts_training:  # it asks whether the button works, where nothing is to be trained
                services.store.leases.take(f"{ECHO}{event.echo}", "web", time.time(), _ECHO_SECONDS)
            return jsonify(status="heard"), 202
        if event.starts_training:
            # A command, not a hint: durable before it is acknowledged. Label Studio gives this one 100 seconds.
            services.store.runs.request(event.project_id, "Label Studio's button", time.time())
        services.hints.leave(event.project_id)
        return jsonify(status="kept"), 202

    return api
