"""Error bodies as RFC 9457 has them, with docloop's stable code as the title."""

from __future__ import annotations

from flask import Response, jsonify


def problem(status: int, code: str, detail: str) -> Response:
    """A problem answer."""
    answer = jsonify(type="about:blank", status=status, title=code, detail=detail)
    answer.status_code = status
    answer.content_type = "application/problem+json"
    return answer
