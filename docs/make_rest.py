"""Writes docs/rest.md, the list of all REST routes, from the OpenAPI document: python docs/make_rest.py

A test compares the page with what this makes (tests/ml_backend/web/rest/test_rest_documents.py).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("rest.md")
_HEAD = """# The REST API

Made from the OpenAPI document by `docs/make_rest.py`; do not edit. A running docloop shows it with all models at `/api/v1/docs`,
where it can be tried; programs read `/api/v1/openapi.json`.

```sh
curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:9090/api/v1/status
curl -H "Authorization: Bearer $TOKEN" -X POST http://127.0.0.1:9090/api/v1/projects/7/train
```

"""


def page(document: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document."""
    return _HEAD + document["info"]["description"] + "\n" + "".join(_group(document, tag) for tag in document["tags"])


def _group(document: Mapping[str, Any], tag: Mapping[str, str]) -> str:
    lines = [f"\n## {tag['name'].capitalize()}\n", f"\n{tag['description']}\n"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation["tags"] == [tag["name"]]:
                lines += _route(document, f"{method.upper()} {path}", operation)
    return "".join(lines)


def _route(document: Mapping[str, Any], name: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n### `{name}`\n\n**{operation['summary']}.** {operation['description']}\n"
    rows = [
        (each["name"], each["in"], each["description"]) for each in operation["parameters"] if each["in"] == "query"
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        model = document["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
        rows += [(key, "body", about.get("description", "")) for key, about in model["properties"].items()]
    if rows:
        yield "\n| key | in | meaning |\n|---|---|---|\n"
        yield from (f"| `{key}` | {place} | {about} |\n" for key, place, about in rows)


def _document() -> dict[str, Any]:
    from ml_backend.ocr.fake import FakeEngine
    from ml_backend.services import build_services
    from ml_backend.settings import load_settings
    from ml_backend.system_status import SystemStatus
    from ml_backend.web.openapi import document
    from ml_backend.web.rest.groups import groups

    with tempfile.TemporaryDirectory() as folder:
        services = build_services(load_settings({}, data_dir=Path(folder)), engine=FakeEngine([]))
        try:
            return document(groups(services, SystemStatus(services)))
        finally:
            services.close()


if __name__ == "__main__":
    sys.path.insert(0, str(PAGE.parents[1]))
    PAGE.write_text(page(_document()), encoding="utf-8")
