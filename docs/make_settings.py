"""Writes docs/settings.md, the list of all settings, from their descriptions: python docs/make_settings.py

A test compares the page with what this makes (tests/test_docs.py).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

PAGE = Path(__file__).with_name("settings.md")

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Label Studio": (
        "label_studio_url", "label_studio_token", "label_studio_public_url", "backend_url", "allowed_hosts", "poll_seconds",
    ),
    "Address and secrets": ("host", "port", "user", "password", "api_token", "webhook_secret"),
    "State: three URLs and a folder": ("data_dir", "store_url", "queue_url", "storage_url", "keep_pages"),
    "Reading": ("ocr_engine", "ocr_runtime", "ocr_languages", "ocr_concurrency", "ocr_threads"),
    "Predictions and their order": ("predict_budget", "country", "confidence_threshold", "disagreement_threshold"),
    "Training": ("min_training_samples", "training_schedule", "training_memory_mb"),
    "Layout models": ("layout_model", "base_model", "from_scratch", "offline"),
    "Logs and metrics": ("log_format", "log_level", "metrics_port"),
}  # fmt: skip
_COMPUTED = {"data_dir": "the user's data folder", "ocr_concurrency": "number of cores, at most 3"}
_HEAD = """# Settings

Made from `ml_backend/settings.py` by `docs/make_settings.py`; do not edit.

Environment variables, read once at start. An empty one is as good as none; a name that is not listed here is an error, and a bad
value is quoted. What is secret is masked wherever settings are printed, and may come from a file:
`DOCLOOP_PASSWORD_FILE=/run/secrets/password` in place of `DOCLOOP_PASSWORD`. All commands read them: give `docloop doctor` the
same ones as `docloop serve`.

`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_REGION` belong to a bucket of `DOCLOOP_STORAGE_URL`
([storage.md](storage.md)), `HF_ENDPOINT` and `HF_HOME` to the model hub ([gpu.md](gpu.md)); docloop hands them on.
"""


def page() -> str:
    """The page, from ``Settings``. Raises KeyError for a setting that is in no group, or in one and gone."""
    from ml_backend.settings import Settings

    there = dict(Settings.model_fields)
    groups = "".join(_group(title, [_row(name, there.pop(name)) for name in names]) for title, names in GROUPS.items())
    if there:
        raise KeyError(f"in no group of docs/make_settings.py: {', '.join(there)}")
    return _HEAD + groups


def _group(title: str, rows: list[str]) -> str:
    return f"\n## {title}\n\n| setting | default | values | meaning |\n|---|---|---|---|\n" + "".join(rows)


def _row(name: str, field: Any) -> str:
    from ml_backend.settings import PREFIX

    default = _COMPUTED[name] if field.default_factory else _default(field.default)
    return f"| `{PREFIX}{name.upper()}` | {default} | {_values(name, field)} | {field.description} |\n"


def _default(value: Any) -> str:
    plain = value.get_secret_value() if hasattr(value, "get_secret_value") else value
    if plain in ("", ()):
        return ""
    return f"`{str(plain).lower() if isinstance(plain, bool) else f'{plain:g}' if isinstance(plain, float) else plain}`"


def _values(name: str, field: Any) -> str:
    from ml_backend.settings import is_secret

    if is_secret(name):
        return "secret"
    if field.annotation is bool:
        return "`true`, `false`"
    if choices := [each for each in get_args(field.annotation) if isinstance(each, str) and each]:
        return ", ".join(f"`{each}`" for each in choices)
    if field.annotation in (int, float):
        bounds = {
            kind: getattr(each, kind) for each in field.metadata for kind in ("ge", "gt", "le") if hasattr(each, kind)
        }
        words = {"ge": "from {}", "gt": "above {}", "le": "to {}"}
        return " ".join(words[kind].format(bounds[kind]) for kind in words if kind in bounds)
    return ""


if __name__ == "__main__":
    sys.path.insert(0, str(PAGE.parents[1]))
    PAGE.write_text(page(), encoding="utf-8")
