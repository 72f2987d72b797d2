"""All settings: one frozen object, read from the environment once, at the edge.

Every setting is an environment variable with the prefix ``DOCLOOP_``. A name that is not listed here is an error, so that a
misspelt setting is never silently ignored. Secrets are masked wherever settings are printed; each may come from a file instead
(``DOCLOOP_PASSWORD_FILE``), as containers hand them over, so that no list of variables shows it.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator

from ml_backend.errors import SetupError
from ml_backend.storage import check_url

PREFIX = "DOCLOOP_"
FILE_SUFFIX = "_FILE"
_MAX_SECRET = 100_000  # bytes
_TABLE = "docs/settings.md lists all settings."


class Settings(BaseModel):
    """What one docloop process is told from outside."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("docloop"),
        description="Folder for the cache, secrets and model versions; without URLs also for the database and the jobs. One web "
        "process and one worker a folder.",
    )
    label_studio_url: str = Field("http://localhost:8080", description="Where Label Studio answers.")
    label_studio_token: SecretStr = Field(
        SecretStr(""), description="A personal access token (or legacy token) of Label Studio."
    )
    label_studio_public_url: str = Field(
        "", description="Where people's browsers reach Label Studio, for links; the URL above if empty."
    )
    backend_url: str = Field(
        "", description="docloop's address as Label Studio sees it; http://localhost and the port if empty."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(9090, ge=1, le=65535, description="Port to listen on.")
    user: str = Field("docloop", description="User name for Basic authentication.")
    password: SecretStr = Field(SecretStr(""), description="Password for Basic authentication; made at first start.")
    api_token: SecretStr = Field(SecretStr(""), description="Bearer token for scripts; made at first start.")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="What Label Studio sends as X-Docloop-Secret with a webhook; made at first start."
    )
    ocr_engine: str = Field("rapidocr", description="OCR engine, or a comma-separated chain of fallbacks.")
    ocr_runtime: str = Field(
        "auto", description="For rapidocr: auto, onnxruntime or openvino; auto takes OpenVINO where it is installed."
    )
    ocr_languages: str = Field("eng", description="For tesseract: languages, such as eng+deu.")
    ocr_concurrency: int = Field(
        default_factory=lambda: max(1, min(3, os.cpu_count() or 1)),
        ge=1,
        le=64,
        description="Pages read at the same time, in the whole process; each takes about 0.3 GB of memory.",
    )
    ocr_threads: int = Field(1, ge=1, le=64, description="Threads that one page may use inside the engine.")
    predict_budget: float = Field(
        60.0,
        gt=0,
        le=95,
        description="Seconds /predict may compute; Label Studio hangs up after 100. The rest follows in the background.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        (),
        description="Comma-separated hosts that task URLs may name beside Label Studio: name reaches public addresses, name:port "
        "private networks too.",
    )
    country: str = Field("", description="Two-letter country for phone numbers without a country code, such as DE.")

    store_url: SecretStr = Field(
        SecretStr(""),
        description="Database, such as postgresql+psycopg://user:password@host/docloop; a SQLite file if empty.",
    )
    queue_url: SecretStr = Field(
        SecretStr(""),
        description="Redis for jobs and hints, such as redis://host:6379/0; files in the data folder if empty.",
    )
    storage_url: str = Field(
        "",
        description="Model versions, pages, OCR cache and list of exports for many machines: s3://bucket/prefix, file:///shared; "
        "the data folder alone if empty.",
    )
    poll_seconds: float = Field(
        60.0, ge=1, description="Seconds between looks at each followed project, webhook or not."
    )
    min_training_samples: int = Field(
        20, ge=5, description="Confirmed documents from which the first training starts by itself."
    )
    training_schedule: str = Field(
        "", description="Time of day (UTC, such as 03:00) to train at if there are new samples; never if empty."
    )
    training_memory_mb: int = Field(
        0, ge=0, description="Memory that a training may take, in MB; 0: half of what there is, at most 4 GB."
    )
    layout_model: bool = Field(
        False, description="Whether trainings also fine-tune LayoutLMv3 or LiLT (extra layout); hours without a GPU."
    )
    base_model: str = Field(
        "microsoft/layoutlmv3-base",
        description="What the layout model starts from: a name on the model hub, or a folder with config.json, "
        "model.safetensors and tokenizer.",
    )
    from_scratch: Literal["", "small", "base"] = Field(
        "", description="A layout model of this size with random weights in place of a base model."
    )
    offline: bool = Field(False, description="Never ask the model hub; the base model must be on this machine.")
    keep_pages: bool = Field(
        True,
        description="Whether the page files of confirmed documents are kept, for learning to read, reports and exports.",
    )
    confidence_threshold: float = Field(
        0.7,
        ge=0,
        le=1,
        description="Average OCR confidence below which a document is worth a look: a reason and a priority; the order stays.",
    )
    disagreement_threshold: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Share of the models' belief in other values of a field from which they are said to disagree.",
    )

    log_format: Literal["text", "json"] = Field("text", description="Form of the log: text, or a JSON object a line.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="From where on docloop logs. No level shows secrets, file names or what documents say."
    )

    metrics_port: int = Field(
        0, ge=0, le=65535, description="Port where a worker answers /health and /metrics; 0: nowhere."
    )

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("training_schedule")
    @classmethod
    def _time_of_day(cls, value: str) -> str:
        if value and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError("a time of day such as 03:00, or nothing")
        return value

    @field_validator("storage_url")
    @classmethod
    def _no_secret(cls, value: str) -> str:
        return check_url(value) if value else value

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip().lower() for part in value.split(",") if part.strip())
        return value

    @field_validator("country")
    @classmethod
    def _two_letters(cls, value: str) -> str:
        if value and not (len(value) == 2 and value.isalpha() and value.isascii()):
            raise ValueError("two letters such as DE, or nothing")
        return value.upper()

    @field_validator("label_studio_url", "label_studio_public_url", "backend_url")
    @classmethod
    def _no_trailing_slash(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.field_name != "label_studio_url":
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a URL begins with http:// or https:// and a host")
        return value.rstrip("/")

    @property
    def seen_from_label_studio(self) -> str:
        """docloop's address for Label Studio's requests."""
        return self.backend_url or f"http://localhost:{self.port}"

    def task_link(self, project_id: int) -> str:
        """The page of a task in a person's browser, with ``{task}`` where the task's number goes."""
        return f"{self.data_link(project_id)}?task={{task}}"

    def data_link(self, project_id: int) -> str:
        """The page of a project's tasks in a person's browser."""
        return f"{self.label_studio_public_url or self.label_studio_url}/projects/{project_id}/data"


def load_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from the environment; ``overrides`` (from the command line) win, an empty variable is as good as none.

    Raises:
        SetupError: an unknown ``DOCLOOP_`` name (with the nearest known one) or a bad value, quoted.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for name, value in environ.items():
        if not name.startswith(PREFIX) or not value:
            continue
        key = name.removeprefix(PREFIX).lower()
        secret = key.removesuffix(FILE_SUFFIX.lower())
        if key != secret and is_secret(secret):
            values[secret] = _from_file(name, Path(value), doubled=bool(environ.get(PREFIX + secret.upper())))
            continue
        if key not in Settings.model_fields:
            near = _alike(key)
            hint = f"Did you mean {' or '.join(PREFIX + name.upper() for name in near)}?" if near else _TABLE
            raise SetupError("unknown_setting", f"There is no setting {name}.", hint)
        values[key] = value
    values.update({key: value for key, value in overrides.items() if value is not None})
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        was = "" if is_secret(str(first["loc"][0])) else f", but it was: {first['input']!r}"
        said = first["msg"].removeprefix("Value error, ")
        raise SetupError("bad_setting", f"{name}: {said}{was}.", _TABLE) from None


def is_secret(key: str) -> bool:
    """Whether a setting of this name holds a secret, and so may be given as a file."""
    return key in Settings.model_fields and Settings.model_fields[key].annotation is SecretStr


def _from_file(name: str, path: Path, doubled: bool) -> str:
    if doubled:
        raise SetupError("setting_twice", f"Both {name.removesuffix(FILE_SUFFIX)} and {name} are set.", "Keep one.")
    try:
        with path.open("rb") as file:
            return file.read(_MAX_SECRET).decode().strip()
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "no text"
        raise SetupError("secret_file_unreadable", f"{name}: {path} cannot be read ({said}).", _TABLE) from None


def _alike(key: str) -> list[str]:
    """The settings whose name, or the last word of whose name, is spelt nearly like this."""
    whole = difflib.get_close_matches(key, Settings.model_fields, n=1)
    last = [name for name in Settings.model_fields if difflib.get_close_matches(key, [name.rpartition("_")[2]])]
    return list(dict.fromkeys(whole + last))
