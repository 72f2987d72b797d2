"""A group of routes that check what they are asked, say what they answer, and describe themselves.

A view is an ordinary function. Its annotations are the contract: ``query`` and ``body`` are pydantic models that the request is
checked against before the view runs, the returned model is the answer. The OpenAPI document (``web/openapi``) is made from the
same annotations, so that it cannot say anything else than what happens.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_type_hints

from flask import Blueprint, Response, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from ml_backend.web.access import Role, needs
from ml_backend.web.body import json_value
from ml_backend.web.problem import Fault
from ml_backend.web.rest.limits import MOST_VALUES, Limits, limits_of

PREFIX = "/api/v1"
JSON = "application/json"
_NAME = 60  # characters of a name that somebody else made up
View = TypeVar("View", bound=Callable[..., Any])
Models = TypeVar("Models", bound=BaseModel)


class RequestRefused(Exception):
    """A request that does not say what its route takes. ``faults`` names each part that is wrong, and never quotes values."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(f"{fault.where}: {fault.what}." for fault in self.faults))


@dataclass(frozen=True, slots=True)
class Route:
    """What the document says about one route.

    ``answer`` is a model, or None where the ``content`` is none of JSON's; ``takes`` are types of bodies that the view reads.
    """

    method: str
    rule: str
    role: Role
    status: int
    content: str
    name: str
    summary: str
    description: str
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    takes: tuple[str, ...]
    answer: type[BaseModel] | None
    limits: Limits


class Routes:
    """A blueprint whose routes are documented. ``name`` is its heading in the document, ``about`` the line below it."""

    def __init__(self, name: str, about: str) -> None:
        self.name = name
        self.about = about
        self.blueprint = Blueprint(name, __name__, url_prefix=PREFIX)
        self.routes: list[Route] = []

    def add(
        self,
        method: str,
        rule: str,
        role: Role,
        *,
        status: int = 200,
        content: str = JSON,
        takes: Sequence[str] = (),
    ) -> Callable[[View], View]:
        """Register a view under ``/api/v1`` + ``rule`` for those who have ``role``.

        Its docstring is the documentation: the first line the summary, the rest (Markdown) the description. It returns a model,
        which is sent with ``status``, None (204), or, for another ``content``, a Response. A body all of whose keys have defaults
        may be left out. Bodies of the types that it ``takes`` (a file) the view reads from ``flask.request``: its ``body``, which
        is then annotated ``Model | None``, is None for them. ``@limited`` below says what a request may take of the server.
        """

        def register(view: View) -> View:
            hints = get_type_hints(view)
            summary, _, description = (inspect.getdoc(view) or "").partition("\n\n")
            answer = hints.get("return")
            route = Route(
                method=method,
                rule=PREFIX + rule,
                role=role,
                status=204 if answer in (None, type(None)) else status,
                content=content,
                name=view.__name__,
                summary=" ".join(summary.split()).removesuffix("."),
                description=description,
                query=hints.get("query"),
                body=_model(hints.get("body")),
                takes=tuple(takes),
                answer=answer if isinstance(answer, type) and issubclass(answer, BaseModel) else None,
                limits=limits_of(view),
            )
            self.blueprint.add_url_rule(rule, view.__name__, needs(role)(_served(view, route)), methods=[method])
            self.routes.append(route)
            return view

        return register


def _served(view: Callable[..., Any], route: Route) -> Callable[..., Response]:
    @functools.wraps(view)
    def serve(**path: Any) -> Response:
        with route.limits.places.taken() if route.limits.places else nullcontext():
            return answered(path)

    def answered(path: Mapping[str, Any]) -> Response:
        arguments = dict(path)
        given = _query_values()
        if route.query is not None:
            arguments["query"] = checked(route.query, given, "query", strict=False)
        elif given:
            raise RequestRefused([Fault(where=f"query.{name[:_NAME]}", what="there is no such key") for name in given])
        if route.body is not None:
            own = request.mimetype in route.takes
            arguments["body"] = None if own else checked(route.body, _body_value(route.limits.most_bytes), "body")
        elif route.takes and request.mimetype not in route.takes:
            raise UnsupportedMediaType(f"Send the body as {' or '.join(route.takes)}.")
        answer = view(**arguments)
        if isinstance(answer, BaseModel):
            return Response(answer.model_dump_json(), route.status, content_type=JSON)
        return Response(status=204) if answer is None else answer

    return serve


def _model(hint: Any) -> type[BaseModel] | None:
    """The model of an annotation: ``Model``, or ``Model | None``."""
    found = [each for each in (get_args(hint) or (hint,)) if isinstance(each, type) and issubclass(each, BaseModel)]
    return found[0] if found else None


def checked(model: type[Models], value: Any, part: str, strict: bool = True) -> Models:
    """``value`` as a ``model``; with ``strict`` "7" is no number. ``part`` is the part of the request that it is.

    Raises:
        RequestRefused: it is none.
    """
    try:
        return model.model_validate(value, strict=strict)
    except ValidationError as error:
        raise RequestRefused(
            [_fault(part, each["loc"], each["type"], each["msg"]) for each in error.errors()[:10]]
        ) from None


def _fault(part: str, place: Sequence[int | str], kind: str, said: str) -> Fault:
    where = ".".join(str(step)[:_NAME] for step in (part, *place))
    what = "there is no such key" if kind == "extra_forbidden" else said.removeprefix("Value error, ")
    return Fault(where=where, what=what[:1].lower() + what[1:])


def _query_values() -> Mapping[str, str]:
    """The query's values by name, each said once: of two, one reader would take the first and another the last."""
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        raise RequestRefused([Fault(where=f"query.{name[:_NAME]}", what="is said twice") for name in twice])
    return request.args.to_dict()


def _body_value(most_bytes: int) -> Any:
    """The JSON of the body; nothing at all is an empty object."""
    request.max_content_length = most_bytes
    if not request.get_data():
        return {}
    if request.mimetype != JSON:
        raise UnsupportedMediaType(f"Send the body as {JSON}.")
    return json_value(MOST_VALUES)
