"""Request bodies: plain JSON without tricks, or a clear 4xx.

Python's parser takes more than JSON is: NaN and Infinity, numbers that become infinite, a key twice (the last one wins, elsewhere
the first), half a character (a lone surrogate, which no database and no log can hold). Two readers of such a body may see two
things in it, so none of it is taken, on no route.
"""

from __future__ import annotations

import json
import math
from typing import Any

from flask import Flask, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType


def plain_bodies_only(app: Flask) -> None:
    """Refuse, before any view runs, bodies that are packed and lengths that are none."""

    @app.before_request
    def check() -> None:
        packed = request.headers.get("Content-Encoding", "identity").strip().lower()
        if packed not in ("", "identity"):
            raise UnsupportedMediaType("Send the body as it is: docloop unpacks no Content-Encoding.")
        length = request.headers.get("Content-Length", "0")
        if length and not (length.isascii() and length.isdigit()):
            raise BadRequest("Content-Length is not a number.")


def json_value(most: int | None = None) -> Any:
    """The request's body as JSON, whatever its Content-Type says.

    With ``most`` values at most: a list of two bytes becomes an object of 56, and nobody else runs while the parser makes them.

    Raises:
        BadRequest: it is not JSON in UTF-8, is nested too deeply, says a key twice, or has too many values.
        RequestEntityTooLarge: it is larger than the application takes.
    """
    data = request.get_data()
    if most is not None and sum(map(data.count, (b"[", b"{", b","))) > most:
        raise BadRequest(f"The body has more than {most:,} values.")
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_number, parse_float=_finite)
        if "\\ud" in text.lower():  # perhaps half a character; whole ones are escaped in pairs
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except BadRequest:
        raise
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except UnicodeError:
        raise BadRequest("The body is not UTF-8, or has half a character (a lone surrogate).") from None
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None
    except ValueError:  # a number with thousands of digits
        raise BadRequest("The body has a number that is too large.") from None
    return value


def json_object() -> dict[str, Any]:
    """The request's body as a JSON object.

    Raises:
        BadRequest: as ``json_value``, or it is not an object.
    """
    body = json_value()
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


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadRequest("The body has an object that says a key twice.")
    return found


def _no_number(name: str) -> float:
    raise BadRequest(f"The body has {name}, which is not JSON.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadRequest("The body has a number that is too large.")
    return number
