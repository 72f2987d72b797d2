"""How values of records are written into columns, the same on SQLite and PostgreSQL.

With these the columns of a table hold the very values of its record, so that ``Record(*row)`` is all there is to reading.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ml_backend.document.fields import Field
from ml_backend.document.json_form import fields_from_json, fields_to_json

# PostgreSQL would order text by the language of its host; "C" is by code point, as SQLite does.
_PLAIN = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite gives ids out for INTEGER alone
Number = sa.BigInteger  # an id of Label Studio


def holdable(text: str) -> str:
    """``text`` with a replacement mark for what PostgreSQL or UTF-8 cannot hold: NUL and lone surrogates."""
    text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Text(sa.types.TypeDecorator[str]):
    """Any text, ordered by code point."""

    impl = _PLAIN
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else holdable(value)


class JsonObject(sa.types.TypeDecorator[Mapping[str, Any]]):
    """A JSON object, such as a task's data."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, Any] | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else compact(dict(value))

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Mapping[str, Any] | None:
        return None if value is None else json.loads(value)


class Strings(sa.types.TypeDecorator[tuple[str, ...]]):
    """A tuple of strings."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else compact(list(value))

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> tuple[str, ...] | None:
        return None if value is None else tuple(json.loads(value))


class Fields(sa.types.TypeDecorator[tuple[Field, ...]]):
    """The fields of a prediction or annotation, whole; None stays None."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: tuple[Field, ...] | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else compact(fields_to_json(value))

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> tuple[Field, ...] | None:
        return None if value is None else fields_from_json(json.loads(value))


class Numbers(sa.types.TypeDecorator[tuple[float, ...]]):
    """A tuple of floats, 8 bytes each, little-endian: ten times quicker to read than JSON."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: tuple[float, ...] | None, dialect: sa.Dialect) -> bytes | None:
        return None if value is None else _little_endian(array("d", value)).tobytes()

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> tuple[float, ...] | None:
        if value is None:
            return None
        numbers = array("d")
        numbers.frombytes(value)
        return tuple(_little_endian(numbers))


def compact(value: Any) -> str:
    """``value`` as JSON in ASCII: short, and free of anything a database could refuse."""
    return json.dumps(value, separators=(",", ":"))


def _little_endian(numbers: array[float]) -> array[float]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
