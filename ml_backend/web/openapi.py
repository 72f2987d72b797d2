"""The OpenAPI 3.1 document of the REST API, made from what the routes themselves are checked against.

pydantic writes the schemas; what is added here are paths, parameters, refusals, and who may. A security requirement names the
role that a route wants, as 3.1 allows for every kind of scheme.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from ml_backend.web.access import Role
from ml_backend.web.problem import CONTENT_TYPE, Problem
from ml_backend.web.rest.routes import JSON, Route, Routes

_REF = "#/components/schemas/{model}"
_CONVERTER = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")
_ABOUT = """docloop turns Label Studio into a document reader that teaches itself; this is how programs talk to it.

Roles: a token of role `read` looks, one of role `train` also trains, exports and annotates, one of role `admin` does everything.
Every refusal is a problem (RFC 9457) with a stable `code` and, where it is known, the `fix`. Keys that a route does not know are
refused by name. Times are seconds since 1970 (UTC) unless a description says otherwise."""
_PATH = {
    "project_id": "Label Studio's number of the project.",
    "run_id": "The run's `id`.",
    "token_id": "The token's `id`.",
    "export_id": "The export's `id`.",
    "task_id": "Label Studio's number of the task.",
    "version": "A model version, such as `fields-3`.",
    "name": "The name of a file.",
}
FORM = "multipart/form-data"
_FORM = {
    "type": "object",
    "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
    "required": ["file"],
}
_REFUSALS = {
    "400": "The request does not say what the route takes.",
    "401": "No credential, or one that docloop does not know.",
    "403": "The credential's role is too low.",
    "404": "There is no such thing.",
    "default": "Refused, for the reason that `detail` gives.",
}


def document(groups: Sequence[Routes]) -> dict[str, Any]:
    """The OpenAPI document of these groups of routes."""
    routes = [route for group in groups for route in group.routes]
    asked: list[tuple[Any, JsonSchemaMode]] = [(route.body, "validation") for route in routes if route.body]
    given: list[tuple[Any, JsonSchemaMode]] = [(route.answer, "serialization") for route in routes if route.answer]
    places, found = models_json_schema([*asked, *given, (Problem, "serialization")], ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for group in groups:
        for route in group.routes:
            operation = _operation(group, route, places)
            paths.setdefault(_CONVERTER.sub(r"{\2}", route.rule), {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "docloop", "version": version("docloop"), "summary": "REST API", "description": _ABOUT},
        "servers": [{"url": "/", "description": "This docloop."}],
        "tags": [{"name": group.name, "description": group.about} for group in groups],
        "paths": paths,
        "components": {
            "schemas": found.get("$defs", {}),
            "responses": {"Problem": _problem(places)},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token with a role."},
                "password": {"type": "http", "scheme": "basic", "description": "docloop's user and password: admin."},
            },
        },
    }


def _problem(places: dict[tuple[Any, JsonSchemaMode], Any]) -> dict[str, Any]:
    schema = places[Problem, "serialization"]
    return {"description": "Refused.", "content": {CONTENT_TYPE: {"schema": schema}}}


def _operation(group: Routes, route: Route, places: dict[tuple[Any, JsonSchemaMode], Any]) -> dict[str, Any]:
    needs = f"Needs the role `{route.role.word}`."
    operation: dict[str, Any] = {
        "tags": [group.name],
        "operationId": route.name,
        "summary": route.summary,
        "description": f"{route.description}\n\n{needs}".strip(),
        "security": [{"token": [route.role.word]}, {"password": [Role.ADMIN.word]}],
        "parameters": [*_path_parameters(route.rule), *_query_parameters(route)],
        "responses": {str(route.status): _answer(route, places), **_refusals(route)},
    }
    content: dict[str, Any] = {kind: {"schema": _FORM} if kind == FORM else {} for kind in route.takes}
    if route.body is not None:
        content = {JSON: {"schema": places[route.body, "validation"]}, **content}
    if content:
        required = not route.body or any(field.is_required() for field in route.body.model_fields.values())
        operation["requestBody"] = {"required": required, "content": content}
    return operation


def _answer(route: Route, places: dict[tuple[Any, JsonSchemaMode], Any]) -> dict[str, Any]:
    if route.status == 204:
        return {"description": "Done."}
    about = (route.answer.__doc__ or "").strip().partition("\n")[0] if route.answer else f"{route.summary}."
    media: dict[str, Any] = {"schema": {"type": "object"}} if route.content == JSON else {}
    if route.answer:
        media = {"schema": places[route.answer, "serialization"]}
    return {"description": about, "content": {route.content: media}}


def _refusals(route: Route) -> dict[str, Any]:
    place, said = "#/components/responses/Problem", dict(_REFUSALS)
    if route.body or route.takes:
        said["413"] = "The body is too large."
    if route.limits.places:
        said["503"] = "Too many ask for this at once, or a part of docloop is away: again after `Retry-After`."
    return {status: {"$ref": place, "description": about} for status, about in sorted(said.items())}


def _path_parameters(rule: str) -> list[dict[str, Any]]:
    found = []
    for kind, name in _CONVERTER.findall(rule):
        schema = {"type": "integer", "minimum": 0} if kind == "int" else {"type": "string", "minLength": 1}
        about = _PATH.get(name, name)
        found.append({"name": name, "in": "path", "required": True, "schema": schema, "description": about})
    return found


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema()
    needed = schema.get("required", ())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in needed,
            "schema": {key: value for key, value in kind.items() if key != "description"},
            "description": kind.get("description", ""),
        }
        for name, kind in schema["properties"].items()
    ]
