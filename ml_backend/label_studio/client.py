"""Label Studio's REST API: the few calls docloop makes.

Answers are plain dicts, as Label Studio sends them.
What was measured about each call stands in shared/label_studio.md.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import httpx

from ml_backend.errors import LabelStudioError
from ml_backend.label_studio.access_token import AccessToken
from ml_backend.label_studio.refusals import HAS_NONE, NO_SUCH_THING, PROJECT_GONE, explain

_PAGE = 500
_PLAIN = frozenset({"id", "data", "created_at", "updated_at"})  # of a task, without anything joined
AGAIN = 5.0  # seconds until it is asked once more whether a project is gone
_GET_RETRIES = 2  # a repeated GET changes nothing; a repeated import would store everything twice
_GAVE_UP = frozenset({502, 504, 524})  # a proxy did (524: Cloudflare's); Label Studio may go on
_NAMED = 20  # projects that the error names where there is no such project
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
UNREACHABLE = "label_studio_unreachable"
AWAY = "Label Studio does not answer at "  # what the sentence of that error begins with
UNCERTAINTY = "Uncertainty sampling"

# Filters of the Data Manager: tasks without a submitted annotation (a skip leaves them open), tasks with a score.
OPEN = {"filter": "filter:tasks:completed_at", "operator": "empty", "type": "Datetime", "value": True}
SCORED = {"filter": "filter:tasks:predictions_score", "operator": "empty", "type": "Number", "value": False}


@dataclass(frozen=True, slots=True)
class Project:
    """A project. ``uid`` (id and creation time) tells it from an earlier project whose id was given out again."""

    id: int
    uid: str
    title: str
    label_config: str
    model_version: str
    task_count: int = 0

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Project:
        created = datetime.fromisoformat(str(body["created_at"]).replace("Z", "+00:00"))
        return cls(
            id=int(body["id"]),
            uid=f"{body['id']}.{int(created.timestamp())}",
            title=str(body.get("title") or ""),
            label_config=str(body.get("label_config") or ""),
            model_version=str(body.get("model_version") or ""),
            task_count=int(body.get("task_number") or 0),
        )


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as the Data Manager lists it."""

    id: int
    data: Mapping[str, Any]


class LabelStudio:
    """One Label Studio, as one user. Safe to use from several threads.

    ``server_time`` is what its clock said in the last answer (seconds since 1970), None before the first one or where a proxy
    drops the header; ``retry_after`` is how many seconds that answer asked to wait. ``transport`` stands in for the network.
    """

    def __init__(
        self, url: str, token: str, timeout: float = 60.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        if not token:
            raise LabelStudioError(
                "label_studio_no_token",
                "There is no token for Label Studio.",
                "Set DOCLOOP_LABEL_STUDIO_TOKEN (in Label Studio: Account & Settings > Personal Access Token).",
            )
        self.url = url.rstrip("/")
        self._identity = hashlib.sha256(f"{self.url}\n{token}".encode()).hexdigest()[:16]
        self.server_time: float | None = None
        self.retry_after = 0.0
        self._http = httpx.Client(timeout=timeout, transport=transport)
        self._token = AccessToken(self.url, token, self._http)

    @property
    def identity(self) -> str:
        """Stands for the address and the token; neither can be had back from it."""
        return self._identity

    def authorization(self) -> str:
        """The Authorization header of this user, refreshed when it has run out."""
        try:
            return self._token.header()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        except ValueError:  # whoever answers there does not speak JSON
            raise self._nonsense("api/token/refresh/") from None

    def call(self, method: str, path: str, *, body: Any = None, timeout: float | None = None, **params: Any) -> Any:
        """One request; the JSON of its answer, or None when there is none.

        Raises:
            LabelStudioError: Label Studio cannot be reached, or refused; with its reason and, where known, the fix.
        """
        limit = {"timeout": timeout} if timeout else {}
        return self._send(method, path, params=params, json=body, **limit)

    def _send(self, method: str, path: str, **content: Any) -> Any:
        request = self._http.build_request(method, f"{self.url}/{path}", **content)
        retries = _GET_RETRIES if method == "GET" else 0
        answer = self._answer(request, retries)
        if answer.status_code == 401 and self._token.refused(request.headers["Authorization"]):  # so it did nothing
            answer = self._answer(request, retries)
        try:
            body = answer.json() if answer.content else None
        except ValueError:
            if answer.is_success:
                raise self._nonsense(path) from None
            body = None
        if not answer.is_success:
            refused = explain(answer.status_code, body, self.url)
            refused.unsure = answer.status_code in _GAVE_UP
            raise refused
        return body

    def _answer(self, request: httpx.Request, retries: int) -> httpx.Response:
        request.headers["Authorization"] = self.authorization()
        try:
            answer = self._http.send(request)
        except httpx.HTTPError as error:
            if retries:
                return self._answer(request, retries - 1)
            unreachable = self._unreachable(error)
            unreachable.unsure = not isinstance(error, _NEVER_SENT)
            raise unreachable from None
        self.server_time, self.retry_after = _date(answer), _wait(answer)
        return self._answer(request, retries - 1) if answer.status_code >= 500 and retries else answer

    def close(self) -> None:
        self._http.close()

    def _unreachable(self, error: Exception) -> LabelStudioError:
        return LabelStudioError(
            UNREACHABLE,
            f"{AWAY}{self.url}{' in time' if isinstance(error, httpx.TimeoutException) else ''}.",
            "Start it, or correct DOCLOOP_LABEL_STUDIO_URL.",
        )

    def _nonsense(self, path: str) -> LabelStudioError:
        return LabelStudioError(
            "label_studio_nonsense",
            f"What answers at {self.url}/{path} is not the Label Studio that docloop knows.",
            "Check DOCLOOP_LABEL_STUDIO_URL: a proxy's login page, or a path that is missing?",
        )

    @contextmanager
    def reading(self, path: str) -> Iterator[None]:
        """Turns an answer of another shape than expected into an error with a fix."""
        try:
            yield
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            raise self._nonsense(path) from None

    # -- projects ----------------------------------------------------------------------------------------------------

    def project(self, project_id: int) -> Project:
        """The project. Raises LabelStudioError, which names the projects that there are."""
        path = f"api/projects/{project_id}/"
        try:
            body = self.call("GET", path)
        except LabelStudioError as error:
            if error.code not in (NO_SUCH_THING, HAS_NONE):
                raise
            # A proxy whose Label Studio is away answers 404, too: then there is no list either, or by now the project is in it.
            there = self._listed()
            if there is None or project_id in there:
                raise
            names = ", ".join(f"{one.id} “{one.title}”" for one in islice(there.values(), _NAMED)) or "none yet"
            raise LabelStudioError(
                PROJECT_GONE, f"There is no project {project_id} at {self.url}.", f"Your projects: {names}."
            ) from None
        with self.reading(path):
            return Project.of(body)

    def deleted(self, project_id: int, others: Mapping[int, str], again: float | None = None) -> bool:
        """Whether a project that this token has seen is gone for certain: Label Studio itself says in its own words that it has
        none, and the list of all projects that the token sees is whole and does not have it. A proxy's 404 says neither.

        It is asked twice, ``again`` seconds apart (None: ``AGAIN``). And it must be the Label Studio that was known: one of the
        ``others`` (uid by number) is there as it was; where no other is known, at least some project is. An empty database in
        the place of the one that was is not believed.

        Raises:
            LabelStudioError: it cannot be reached, or refuses.
        """
        if not self._has_none(project_id, others):
            return False
        time.sleep(AGAIN if again is None else again)
        return self._has_none(project_id, others)

    def _has_none(self, project_id: int, others: Mapping[int, str]) -> bool:
        try:
            self.call("GET", f"api/projects/{project_id}/")
            return False
        except LabelStudioError as error:
            if error.code != HAS_NONE:
                return False
        seen = self._listed()
        if seen is None or project_id in seen:
            return False
        return _among(seen, others) if others else bool(seen)

    def has_one_of(self, known: Mapping[int, str]) -> bool:
        """Whether one of these projects (uid by number) is there as it was. Raises LabelStudioError."""
        return _among(self._listed() or {}, known)

    def _listed(self) -> dict[int, Project] | None:
        """All projects that the token sees, by number; None where the list is not whole."""
        seen, page = dict[int, Project](), 0
        while True:
            page += 1
            body = self.call("GET", "api/projects/", page=page, page_size=100)
            with self.reading("api/projects/"):
                listed = [Project.of(one) for one in body["results"]]
                new, count = {one.id: one for one in listed if one.id not in seen}, int(body["count"])
            seen |= new
            if len(seen) >= count:
                return seen
            if not new:
                return None

    def find_project(self, title: str) -> Project | None:
        """The oldest project with exactly this title."""
        body = self.call("GET", "api/projects/", title=title, page_size=100)
        with self.reading("api/projects/"):
            named = [Project.of(found) for found in body["results"] if found["title"] == title]
        return min(named, key=lambda project: project.id, default=None)

    def newest_projects(self) -> list[Project]:
        """The newest projects, a hundred at most."""
        body = self.call("GET", "api/projects/", page_size=100)
        with self.reading("api/projects/"):
            return sorted(map(Project.of, body["results"]), key=lambda project: -project.id)

    def create_project(self, title: str, label_config: str) -> Project:
        """A project that serves the lowest prediction score first."""
        body = {"title": title, "label_config": label_config, "sampling": UNCERTAINTY}
        made = self.call("POST", "api/projects/", body=body)
        with self.reading("api/projects/"):
            return Project.of(made)

    def set_model_version(self, project_id: int, version: str) -> None:
        """Make Label Studio serve the stored predictions of ``version``; it must have at least one."""
        self.call("PATCH", f"api/projects/{project_id}/", body={"model_version": version})

    def model_versions(self, project_id: int) -> frozenset[str]:
        """The versions of all predictions that a project has stored."""
        path = f"api/projects/{project_id}/model-versions/"
        body = self.call("GET", path)
        with self.reading(path):
            # The names of backends stand in the list, too, with a count of none.
            return frozenset(str(version) for version, count in dict(body).items() if count)

    def projects_with_webhook(self, header: str, secret: str) -> list[int]:
        """The projects with a webhook that sends ``secret`` in ``header``: those that this docloop was connected to."""
        hooks = self.call("GET", "api/webhooks/")
        with self.reading("api/webhooks/"):
            ours = [hook for hook in hooks if hook["project"] and (hook["headers"] or {}).get(header) == secret]
            return sorted({int(hook["project"]) for hook in ours})

    # -- tasks -------------------------------------------------------------------------------------------------------

    def tasks(self, project_id: int, lacking: str = "") -> Iterator[TaskRow]:
        """All tasks by ascending id, or the open ones without a stored prediction of the version ``lacking``.

        Pages by key, so that tasks that come and go meanwhile shift nothing. Label Studio looks for the version anywhere in the
        names of a task's versions: none may be a part of another's. It wants a list; of a plain text it takes each letter.
        """
        last = 0
        while True:
            rows = self._page(project_id, last, lacking)
            yield from rows
            if len(rows) < _PAGE:
                return
            last = rows[-1].id

    def _page(self, project_id: int, after: int, lacking: str) -> list[TaskRow]:
        items: list[dict[str, Any]] = [
            {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": after}
        ]
        if lacking:
            name = "filter:tasks:predictions_model_versions"
            items += [OPEN, {"filter": name, "operator": "not_contains", "type": "String", "value": [lacking]}]
        found = self.task_page(project_id, items, "tasks:id", ("id", "data"), _PAGE)
        with self.reading("api/tasks"):
            return [TaskRow(int(task["id"]), dict(task["data"])) for task in found]

    def task_page(
        self, project_id: int, items: Sequence[Mapping[str, Any]], order: str, include: Sequence[str], size: int
    ) -> list[dict[str, Any]]:
        """The first ``size`` tasks that pass all filter ``items`` of the Data Manager, in the order of one column.

        ``include`` names what is wanted of a task *and* of its annotations: Label Studio applies the one list to both. What it
        has to join for (annotations, predictions, counts) is asked for only when it is named, since it doubles the time.
        """
        query = {"filters": {"conjunction": "and", "items": list(items)}, "ordering": [order]}
        asked: dict[str, Any] = {"project": project_id, "resolve_uri": "false", "include": ",".join(include)}
        if not _PLAIN.issuperset(include):
            asked["fields"] = "all"
        body = self.call("GET", "api/tasks", **asked, query=json.dumps(query), page=1, page_size=size)
        with self.reading("api/tasks"):
            return [dict(task) for task in body["tasks"]]

    def import_tasks(self, project_id: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        """Create tasks from ``{"data": ...}`` bodies; their ids, in order."""
        path = f"api/projects/{project_id}/import"
        body = self.call("POST", path, body=list(tasks), timeout=600, return_task_ids="true")
        with self.reading(path):
            return [int(identity) for identity in body["task_ids"]]

    def import_predictions(self, project_id: int, bodies: Sequence[Mapping[str, Any]]) -> int:
        """Store predictions in one request; how many Label Studio kept (it drops invalid ones with a 201).

        Raises:
            LabelStudioError: with the code TASK_GONE if one of the tasks is not there any more: none is stored then.
        """
        path = f"api/projects/{project_id}/import/predictions"
        body = self.call("POST", path, body=list(bodies), timeout=600)
        with self.reading(path):
            return int(body["created"])

    def upload(self, project_id: int, name: str, data: bytes, kind: str) -> str:
        """Upload a page image; its URL for a task's data. No task is made of it."""
        path = f"api/projects/{project_id}/import"
        body = self._send("POST", path, params={"commit_to_project": "false"}, files={"file": (name, data, kind)})
        with self.reading(path):
            made = int(body["file_upload_ids"][0])
        uploaded = self.call("GET", f"api/import/file-upload/{made}")
        with self.reading("api/import/file-upload"):
            # As Label Studio itself would write it: from the root of the host, which is not where a sub-path install begins.
            return f"{urlsplit(self.url).path}/data/{uploaded['file']}"


def _among(seen: Mapping[int, Project], known: Mapping[int, str]) -> bool:
    """Whether one of the projects that are known (uid by number) is there as it was."""
    return any(number in seen and seen[number].uid == uid for number, uid in known.items())


def _date(answer: httpx.Response) -> float | None:
    """The clock of who answered, from the Date header."""
    try:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return None


def _wait(answer: httpx.Response) -> float:
    """The seconds of a Retry-After header; a date there, which Label Studio does not send, counts as none."""
    said = answer.headers.get("Retry-After", "")
    return float(said[:9]) if said.isdecimal() else 0.0
