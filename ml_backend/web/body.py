"""Request bodies: JSON objects, or a clear 400."""

from __future__ import annotations

from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest


def json_object() -> dict[str, Any]:
    """The request's body as a JSON object.

    Raises:
        BadRequest: it is not JSON, nested too deeply, or not an object.
    """
    try:
        body = request.get_json(force=True, silent=False)
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    if not isinstance(body, dict):
        raise BadRequest(f"The body must be a JSON object, but it was: {type(body).__name__}.")
    return body


def object_list(body: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The list of objects under ``key``.

    Raises:
        BadRequest: it is missing, not a list, or holds something else.
    """
    value = body.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadRequest(f'"{key}" must be a list of objects.')
    return value
