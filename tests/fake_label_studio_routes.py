"""The REST API of the fake Label Studio: exactly the requests that docloop sends. It refuses all others loudly (AssertionError),
so that it cannot hide a mistake; what the real one would answer with an error it answers with the same error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from fake_label_studio_backends import AUTHORIZED, BACKEND_ROUTES, OPEN_PATHS, Refused

from ml_backend.label_studio.label_config import Interface, parse_interface

if TYPE_CHECKING:
    from fake_label_studio import FakeAnnotation, FakeLabelStudio, FakePrediction, FakeTask, Fault

QUEUE = "Active learning or random queue"
Body = dict[str, Any]
Route = Callable[["FakeTransport", httpx.Request, int], Any]


class FakeTransport(httpx.BaseTransport):
    """In place of the network: one request in, one answer out."""

    def __init__(self, fake: FakeLabelStudio) -> None:
        self.fake = fake

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.fake.requests.append((request.method, request.url.path))
        self.fake.settle()
        fault = self.fake.faults.popleft() if self.fake.faults else self.fake.fault
        if fault is not None and fault.kind != "slow":
            return self._fail(fault, request)
        answer = self._answer(request)
        if fault is not None:
            limit = request.extensions["timeout"]["read"]
            self.fake.pass_time(min(fault.seconds, limit))
            if fault.seconds > limit:
                raise httpx.ReadTimeout("too slow", request=request)
        return answer

    def _fail(self, fault: Fault, request: httpx.Request) -> httpx.Response:
        if fault.kind == "down":
            raise httpx.ConnectError("refused", request=request)
        status, detail, headers = {
            "500": (500, fault.said, {}),
            "404": (404, "404 page not found", {}),  # a proxy whose Label Studio is away
            "429": (429, "Request was throttled.", {"Retry-After": f"{fault.seconds:.0f}"}),
            "401": (401, "Token has expired", {}),
        }[fault.kind]
        return self._response(status, {"detail": detail}, **headers)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path not in OPEN_PATHS and request.headers.get("Authorization") not in AUTHORIZED:
            return self._response(401, {"detail": "Invalid token."})
        for method, pattern, route in ROUTES:
            found = re.fullmatch(pattern, request.url.path)
            if found and method == request.method:
                number = int(found.group(1)) if found.groups() else 0
                try:
                    body = route(self, request, number)
                except Refused as refusal:
                    return self._response(refusal.status, refusal.body)
                if isinstance(body, httpx.Response):
                    return body
                return self._response({"POST": 201, "DELETE": 204}.get(method, 200), body)
        raise AssertionError(f"the fake Label Studio does not know {request.method} {request.url.path}")

    def _response(self, status: int, body: object, **headers: str) -> httpx.Response:
        content = b"" if body is None else json.dumps(body).encode()
        date = formatdate(self.fake.now, usegmt=True)  # whole seconds, as HTTP has it
        return httpx.Response(status, content=content, headers={"Date": date, **headers})

    # -- projects --------------------------------------------------------------------------------------------------------

    def project(self, request: httpx.Request, number: int) -> Body:
        if number not in self.fake.projects:
            raise Refused(404, "No Project matches the given query.")
        one = self.fake.projects[number]
        return {**asdict(one), "created_at": _time(one.created_at), "task_number": len(self.fake.tasks_of(number))}

    def list_projects(self, request: httpx.Request, _: int) -> Body:
        title = request.url.params.get("title", "")
        found = [self.project(request, n) for n, one in self.fake.projects.items() if title in one.title]
        return {"count": len(found), "results": found}

    def create_project(self, request: httpx.Request, _: int) -> Body:
        body = json.loads(request.content)
        if not self.fake.connections.may_create:
            raise Refused(403, "You do not have permission to perform this action.")
        return self.project(request, self.fake.add_project(body["title"], body["label_config"], body["sampling"]))

    def change_project(self, request: httpx.Request, number: int) -> Body:
        self.project(request, number)
        for name, value in json.loads(request.content).items():
            if name == "model_version" and value and value not in self.versions(request, number):
                raise Refused(400, "Model version not found in the list of available models")
            assert name in {"model_version", "sampling", "title", "label_config"}, name
            setattr(self.fake.projects[number], name, value)
        self.fake.connections.announce("PROJECT_UPDATED", self.project(request, number))
        return self.project(request, number)

    def delete_project(self, request: httpx.Request, number: int) -> None:
        self.project(request, number)
        self.fake.delete_project(number)

    def versions(self, request: httpx.Request, number: int) -> Body:
        self.project(request, number)
        return {**dict.fromkeys(self._titles(number), 0), **self.fake.versions(number)}

    def _titles(self, number: int) -> list[str]:
        """Of the backends: they count as versions, too."""
        return [one["title"] for one in self.fake.connections.backends.values() if one["project"] == number]

    def delete_version(self, request: httpx.Request, number: int) -> Body:
        version = json.loads(request.content)["model_version"]
        assert version, "without a version the real one refuses"
        return {"deleted_predictions": self.fake.delete_predictions(number, version)}

    def next_task(self, request: httpx.Request, number: int) -> Body:
        task = self.fake.next_task(number)
        if task is None:
            raise Refused(404, "There are no tasks left.")
        return {**self.task(request, task), "queue": QUEUE}

    # -- tasks -----------------------------------------------------------------------------------------------------------

    def list_tasks(self, request: httpx.Request, _: int) -> Body:
        asked = dict(request.url.params)
        number = int(asked.pop("project"))
        self.project(request, number)
        query, include = json.loads(asked.pop("query")), asked.pop("include").split(",")
        size, joined = int(asked.pop("page_size")), asked.pop("fields", "") == "all"
        assert asked == {"page": "1", "resolve_uri": "false"}, asked
        assert query.keys() == {"filters", "ordering"}
        assert query["filters"]["conjunction"] == "and"
        found = [self.fake.tasks[task] for task in self.fake.tasks_of(number)]
        for item in query["filters"]["items"]:
            found = [task for task in found if self._passes(task, item)]
        (order,) = query["ordering"]
        self.fake.random.shuffle(found)  # tasks of one time come in any order
        keys: dict[str, Callable[[FakeTask], Any]] = {
            "tasks:id": lambda one: one.id,
            "tasks:updated_at": lambda one: one.updated_at,
            "tasks:predictions_score": lambda one: self._score(one.id) or 0.0,
        }
        found.sort(key=keys[order])
        whole = [self._task(task, joined) for task in found[:size]]
        return {"total": len(found), "tasks": [_only(task, include) for task in whole]}

    def _passes(self, task: FakeTask, item: Body) -> bool:
        column = item["filter"].removeprefix("filter:tasks:")
        value = item["value"]
        match column, item["operator"], item["type"]:
            case "id", "greater", "Number":
                return bool(task.id > value)
            case "id", "in_list", "Number":
                return task.id in value
            case column, "equal", "String" if column.startswith("data."):
                return str(task.data.get(column.removeprefix("data."), "")) == value
            case "updated_at", operator, "Datetime":
                if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", value):
                    raise Refused(500, f"time data '{value}' does not match format")
                there, moment = datetime.fromisoformat(_time(task.updated_at)), datetime.fromisoformat(value)
                return {"greater_or_equal": there >= moment, "equal": there == moment}[operator]
            case "completed_at", "empty", "Datetime":
                done = any(not one.was_cancelled for one in self.fake.of_task(task.id))
                return bool(value) != done
            case "predictions_score", "empty", "Number":
                return bool(value) == (self._score(task.id) is None)
            case "predictions_model_versions", "contains", "String":
                return any(_contains(value, one.model_version) for one in self._predictions(task.id))
            case "predictions_model_versions", "not_contains", "String":
                return not any(_contains(value, one.model_version) for one in self._predictions(task.id))
        raise AssertionError(f"the fake Label Studio does not know the filter {item}")

    def task(self, request: httpx.Request, number: int) -> Body:
        if number not in self.fake.tasks:
            raise Refused(404, "No Task matches the given query.")
        return self._task(self.fake.tasks[number], joined=True)

    def resolve(self, request: httpx.Request, number: int) -> Body:
        """No storage is connected."""
        raise Refused(404, "Not Found")

    def _task(self, task: FakeTask, joined: bool) -> Body:
        plain = {"id": task.id, "data": task.data, "project": task.project}
        times = {"created_at": _time(task.created_at), "updated_at": _time(task.updated_at)}
        if not joined:
            return {**plain, **times}
        annotations = self.fake.of_task(task.id)
        return {
            **plain,
            **times,
            "annotations": [_annotation(one) for one in annotations],
            "predictions": [_prediction(one) for one in self._predictions(task.id)],
            "predictions_score": self._score(task.id),
            "total_annotations": sum(not one.was_cancelled for one in annotations),
            "cancelled_annotations": sum(one.was_cancelled for one in annotations),
            "is_labeled": any(not one.was_cancelled for one in annotations),
            "overlap": 1,
            "drafts": [
                {"user": user, "annotation": None} for number, user in self.fake.drafts.items() if number == task.id
            ],
        }

    def _score(self, task: int) -> float | None:
        """The Data Manager's column: of the version that the project serves."""
        served = self.fake.projects[self.fake.tasks[task].project].model_version
        scores = [one.score for one in self._predictions(task) if one.model_version == served and one.score is not None]
        return sum(scores) / len(scores) if scores else None

    def _predictions(self, task: int) -> list[FakePrediction]:
        return [one for one in self.fake.predictions.values() if one.task == task]

    def import_tasks(self, request: httpx.Request, number: int) -> Body:
        self.project(request, number)
        if request.url.params.get("commit_to_project") == "false":
            return {"file_upload_ids": [self.fake.upload(number, request.read())]}
        bodies = json.loads(request.content)
        assert all(body.keys() in ({"data"}, {"data", "annotations"}) for body in bodies)
        made = self.fake.add_tasks(number, [body["data"] for body in bodies])
        for task, body in zip(made, bodies, strict=True):
            for one in body.get("annotations", []):  # ground truth, unless it is said not to be
                self.fake.annotate(task, lead_time=None, **{"ground_truth": True, **one})
        return {"task_ids": made}

    def uploaded(self, request: httpx.Request, number: int) -> Body:
        return {"id": number, "file": self.fake.uploads[number - 1]}

    def delete_task(self, request: httpx.Request, number: int) -> None:
        self.task(request, number)
        self.fake.delete_tasks([number])

    # -- predictions and annotations -------------------------------------------------------------------------------------

    def import_predictions(self, request: httpx.Request, number: int) -> Body:
        """All or none where a task is unknown; invalid ones are dropped, and only the count says so."""
        self.project(request, number)
        bodies = json.loads(request.content)
        there = set(self.fake.tasks_of(number))
        for body in bodies:
            if body["task"] not in there:
                text = f'{body} contains invalid "task" field: task ID {body["task"]} not found in project {number}'
                raise Refused(400, text)
        interface = parse_interface(self.fake.projects[number].label_config, lambda label: "text")
        kept = [body for body in bodies if _valid(body, interface)]
        for body in kept:
            self.fake.predict(body["task"], body["result"], body["model_version"], body["score"])
        return {"created": len(kept)}

    def predictions_of(self, request: httpx.Request, _: int) -> list[Body]:
        return [_prediction(one) for one in self._predictions(int(request.url.params["task"]))]

    def add_prediction(self, request: httpx.Request, _: int) -> Body:
        """One, unlike a bulk import: it is stored unchecked, and moves the task's time."""
        body = json.loads(request.content)
        assert body.keys() == {"task", "project", "result", "score", "model_version"}
        if body["task"] not in self.fake.tasks:
            raise Refused(400, f'Invalid pk "{body["task"]}" - object does not exist.')
        made = self.fake.predict(body["task"], body["result"], body["model_version"], body["score"])
        self.fake.rescore(made, body["score"])
        return _prediction(self.fake.predictions[made])

    def delete_prediction(self, request: httpx.Request, number: int) -> None:
        self.prediction(request, number)
        self.fake.delete_prediction(number)

    def change_prediction(self, request: httpx.Request, number: int) -> Body:
        self.prediction(request, number)
        body = json.loads(request.content)
        if "result" in body:
            assert body.keys() == {"task", "project", "result", "score", "model_version"}, "the real one asks for them"
            self.fake.predictions[number].result = body["result"]
        self.fake.rescore(number, body["score"])
        return self.prediction(request, number)

    def prediction(self, request: httpx.Request, number: int) -> Body:
        if number not in self.fake.predictions:
            raise Refused(404, "No Prediction matches the given query.")
        return _prediction(self.fake.predictions[number])

    def annotate(self, request: httpx.Request, number: int) -> Body:
        self.task(request, number)
        body = json.loads(request.content)
        unique = body.get("unique_id", "")
        if unique and any(one.unique_id == str(UUID(unique)) for one in self.fake.annotations.values()):
            raise Refused(409, "Annotation with this unique id already exists.")
        if body.get("completed_by", 1) not in self.fake.users:
            raise Refused(400, f'Invalid pk "{body["completed_by"]}" - object does not exist.')
        prediction = body.pop("parent_prediction", None)
        made = self.fake.annotate(number, body.pop("result"), body.pop("lead_time", None), prediction, **body)
        return _annotation(self.fake.annotations[made])

    def list_users(self, request: httpx.Request, _: int) -> list[Body]:
        return [{"id": number, "email": email} for number, email in self.fake.users.items()]

    def change_annotation(self, request: httpx.Request, number: int) -> Body:
        self._annotated(number)
        self.fake.update(number, **json.loads(request.content))
        return _annotation(self.fake.annotations[number])

    def delete_annotation(self, request: httpx.Request, number: int) -> None:
        self._annotated(number)
        self.fake.delete_annotation(number)

    def _annotated(self, number: int) -> None:
        if number not in self.fake.annotations:
            raise Refused(404, "No Annotation matches the given query.")

    def action(self, request: httpx.Request, _: int) -> Body:
        """Bulk actions of the Data Manager on chosen tasks."""
        tasks = json.loads(request.content)["selectedItems"]["included"]
        {
            "predictions_to_annotations": self.fake.annotate_from_predictions,
            "delete_tasks_annotations": self.fake.delete_annotations_of,
            "delete_tasks": self.fake.delete_tasks,
        }[request.url.params["id"]](tasks)
        return {"processed_items": len(tasks)}

    def delete_all_tasks(self, request: httpx.Request, number: int) -> None:
        self.project(request, number)
        self.fake.delete_all_tasks(number)


ROUTES: Sequence[tuple[str, str, Route]] = (
    ("GET", r"/api/projects/(\d+)/", FakeTransport.project),
    ("PATCH", r"/api/projects/(\d+)/", FakeTransport.change_project),
    ("DELETE", r"/api/projects/(\d+)/", FakeTransport.delete_project),
    ("GET", r"/api/projects/", FakeTransport.list_projects),
    ("POST", r"/api/projects/", FakeTransport.create_project),
    ("GET", r"/api/projects/(\d+)/model-versions/", FakeTransport.versions),
    ("DELETE", r"/api/projects/(\d+)/model-versions/", FakeTransport.delete_version),
    ("GET", r"/api/projects/(\d+)/next", FakeTransport.next_task),
    ("POST", r"/api/projects/(\d+)/import", FakeTransport.import_tasks),
    ("POST", r"/api/projects/(\d+)/import/predictions", FakeTransport.import_predictions),
    ("GET", r"/api/import/file-upload/(\d+)", FakeTransport.uploaded),
    ("GET", r"/tasks/(\d+)/resolve/", FakeTransport.resolve),
    ("GET", r"/api/tasks", FakeTransport.list_tasks),
    ("GET", r"/api/tasks/(\d+)/", FakeTransport.task),
    ("DELETE", r"/api/tasks/(\d+)/", FakeTransport.delete_task),
    ("POST", r"/api/tasks/(\d+)/annotations/", FakeTransport.annotate),
    ("PATCH", r"/api/annotations/(\d+)/", FakeTransport.change_annotation),
    ("DELETE", r"/api/annotations/(\d+)/", FakeTransport.delete_annotation),
    ("POST", r"/api/annotations/(\d+)/convert-to-draft", FakeTransport.delete_annotation),
    ("GET", r"/api/predictions/(\d+)/", FakeTransport.prediction),
    ("GET", r"/api/predictions/", FakeTransport.predictions_of),
    ("POST", r"/api/predictions/", FakeTransport.add_prediction),
    ("GET", r"/api/users/", FakeTransport.list_users),
    ("PATCH", r"/api/predictions/(\d+)/", FakeTransport.change_prediction),
    ("DELETE", r"/api/predictions/(\d+)/", FakeTransport.delete_prediction),
    ("POST", r"/api/dm/actions", FakeTransport.action),
    ("DELETE", r"/api/projects/(\d+)/tasks/", FakeTransport.delete_all_tasks),
    *BACKEND_ROUTES,
)


def _annotation(one: FakeAnnotation) -> Body:
    shown = {name: value for name, value in asdict(one).items() if name != "unique_id"}
    return {**shown, "created_at": _time(one.created_at), "updated_at": _time(one.updated_at)}


def _prediction(one: FakePrediction) -> Body:
    return {**asdict(one), "created_at": _time(one.created_at)}


def _only(task: Body, include: Sequence[str]) -> Body:
    """What ``include`` names; the same list is applied to the annotations, as Label Studio does it."""
    chosen = {name: task[name] for name in include if name in task}
    if "annotations" in chosen:
        chosen["annotations"] = [
            {name: value for name, value in one.items() if name in include} for one in chosen["annotations"]
        ]
    return chosen


def _valid(body: Body, interface: Interface) -> bool:
    score, results = body.get("score"), body.get("result")
    if not isinstance(results, list) or isinstance(score, bool) or not isinstance(score, int | float):
        return False
    return 0 <= score <= 1 and all(_valid_result(result, interface) for result in results)


def _valid_result(result: Body, interface: Interface) -> bool:
    value, name = result["value"], result["from_name"]
    if any(value.get(edge, 0) > 100 for edge in ("x", "y", "width", "height")):
        return False
    if name == interface.text:
        return isinstance(value["text"], list)
    offered = {control.name: [spec.label for spec in control.specs] for control in interface.controls}
    return name in offered and all(label in offered[name] for label in value[result["type"]])


def _contains(values: Sequence[str], name: str) -> bool:
    """As the real one does it: any item of ``values``, and of a plain text any letter."""
    return any(value in name for value in values)


def _time(moment: float) -> str:
    """A time as the REST API writes it: without a fraction where there is none."""
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
