"""Documents sent for annotation by applications with screens of their own, and what people decided there."""

from __future__ import annotations

from collections.abc import Sequence

from ml_backend.applications import answers, documents, feedback
from ml_backend.applications.answers import Answered, Change, Signature
from ml_backend.applications.desk import Desk
from ml_backend.applications.documents import Seen
from ml_backend.applications.shown import Shown, shown_of
from ml_backend.document.fields import Field
from ml_backend.label_studio.one_task import remove
from ml_backend.services import Services
from ml_backend.web.access import Role, caller
from ml_backend.web.rest.files import KINDS, Files
from ml_backend.web.rest.limits import Places, limited
from ml_backend.web.rest.routes import Routes
from ml_backend.web.schemas import parse
from ml_backend.web.schemas import tasks as schemas
from ml_backend.web.schemas.fields import FieldSeen, box_of

_BUSY = "tasks_busy"
_SLOW = 3  # documents taken in at once, each of which may take as long as a slow URL and the budget
_QUICK = 3  # decisions at once: Label Studio takes no more than some eight a second anyway
_IN_LINE = 3  # decisions that wait for their turn
_CORRECTION = 4 * 1024 * 1024  # bytes; thousands of fields
_FEEDBACK = 32 * 1024 * 1024  # bytes; it has the file in it
_TASK = "/projects/<int:project_id>/tasks/<int:task_id>"


def tasks(services: Services) -> Routes:
    """``/projects/N/tasks`` and ``/projects/N/feedback``."""
    group = Routes("tasks", "For applications with screens of their own: send documents, confirm, correct, skip.")
    files = Files(services)
    slow, quick = Places(_BUSY, _SLOW), Places(_BUSY, _QUICK, _IN_LINE)
    _documents(group, services, files, slow)
    _one(group, services, quick)
    _decisions(group, services, quick)
    _elsewhere(group, services, files, slow)
    return group


def _documents(group: Routes, services: Services, files: Files, places: Places) -> None:
    @group.add("POST", "/projects/<int:project_id>/tasks", Role.TRAIN, takes=KINDS)
    @limited(places)
    def send_document(project_id: int, query: schemas.Named, body: parse.FromUrl | None) -> schemas.Sent:
        """Send a document for annotation.

        The body is the file itself, the part `file` of a form, or names a URL. It is uploaded to Label Studio and predicted at
        once. The project knows it by its SHA-256: sent twice, also by others or with `docloop import`, it is there once, and
        `created` is false. So a request whose answer was lost is simply sent again; an `Idempotency-Key` is not looked at.
        """
        given = files.of_request(body.url if body else None, query.name)
        desk = Desk.at(services, project_id)
        sent = documents.send(desk, given.name, given.read())
        return schemas.Sent(sha256=sent.sha256, created=sent.created, tasks=[_task(desk, seen) for seen in sent.tasks])


def _one(group: Routes, services: Services, places: Places) -> None:
    @group.add("GET", _TASK, Role.READ)
    @limited(places)
    def task(project_id: int, task_id: int) -> schemas.Task:
        """A task as it stands in Label Studio now.

        With the prediction that is to be shown; its `shown` goes into `confirm` and `correct`.
        """
        desk = Desk.at(services, project_id)
        found = desk.look_at(task_id)
        return _task(desk, Seen(found, shown_of(found, desk.version, desk.project.model_version)))

    @group.add("DELETE", _TASK, Role.TRAIN)
    @limited(places)
    def delete_task(project_id: int, task_id: int) -> None:
        """Delete a task in Label Studio, with all that was said about it.

        docloop forgets the document with the worker's next look, everywhere: samples, models' memories, pages, exports
        (docs/privacy.md). The uploaded picture stays in Label Studio's own folder.
        """
        desk = Desk.at(services, project_id)
        desk.look_at(task_id)  # Label Studio would also delete one of another project
        remove(desk.label_studio, project_id, task_id)
        desk.changed()


def _decisions(group: Routes, services: Services, places: Places) -> None:
    @group.add("POST", f"{_TASK}/confirm", Role.TRAIN)
    @limited(places)
    def confirm(project_id: int, task_id: int, body: schemas.Confirm) -> schemas.Submitted:
        """All is right as it was shown: the prediction becomes the annotation.

        Its annotator in Label Studio is the one whose e-mail address the token has (`docloop tokens create --annotator`), else
        the user of docloop's own token. 409 where somebody was first (`task_annotated`), has begun to (`task_begun`: there is a
        draft in Label Studio), or where the prediction is not the one that was shown any more (`prediction_changed`).
        """
        desk = Desk.at(services, project_id)
        return _submitted(desk, answers.confirm(desk, task_id, body.shown, _signed(body.seconds)))

    @group.add("POST", f"{_TASK}/correct", Role.TRAIN)
    @limited(places, _CORRECTION)
    def correct(project_id: int, task_id: int, body: schemas.Correct) -> schemas.Submitted:
        """What is right, where something was not.

        Say all `fields`, or only the `changes` and what is to be `added`. What differs from what was shown is what docloop
        learns as corrections. Refused as `confirm` is.
        """

        def final(shown: Shown | None) -> Sequence[Field]:
            if body.fields is not None:
                return answers.each_once([field.field() for field in body.fields])
            changes = [
                Change(one.id, one.label, one.text, one.page, box_of(one.box) if one.box else None, one.deleted)
                for one in body.changes
            ]
            return answers.changed_fields(shown, changes, [field.field() for field in body.added])

        desk = Desk.at(services, project_id)
        return _submitted(desk, answers.correct(desk, task_id, body.shown or "", final, _signed(body.seconds)))

    @group.add("POST", f"{_TASK}/skip", Role.TRAIN)
    @limited(places)
    def skip(project_id: int, task_id: int, body: schemas.Skip) -> schemas.Submitted:
        """The person could or would not say: a skip in Label Studio, of which nothing is learned."""
        desk = Desk.at(services, project_id)
        return _submitted(desk, answers.skip(desk, task_id, _signed(body.seconds)))


def _elsewhere(group: Routes, services: Services, files: Files, places: Places) -> None:
    @group.add("POST", "/projects/<int:project_id>/feedback", Role.TRAIN)
    @limited(places, _FEEDBACK)
    def take_feedback(project_id: int, body: schemas.FeedbackAsked) -> schemas.FeedbackTaken:
        """Take in a document that was corrected elsewhere.

        It becomes a task with what was shown as its prediction and what is right as its annotation, so that it counts, is trained
        on, exported and deleted as any other. If the project has the document and nobody has annotated it, that task gets them.
        Sent again after an answer was lost, it is finished, or refused with `task_annotated`.
        """
        given = files.at(body.url, body.name) if body.url else files.of_base64(body.base64 or "", body.name)
        said = feedback.Feedback(
            original=tuple(field.field() for field in body.original),
            corrected=tuple(field.field() for field in body.corrected),
            version=body.model_version,
            score=body.score,
        )
        desk = Desk.at(services, project_id)
        taken = feedback.take(desk, given.name, given.read(), said, _signed(body.seconds))
        return schemas.FeedbackTaken(
            sha256=taken.sha256,
            created=taken.created,
            annotations=[_submitted(desk, one) for one in taken.answers],
        )


def _signed(seconds: float) -> Signature:
    return Signature(caller().email, seconds)


def _link(desk: Desk, task_id: int) -> str:
    return desk.services.settings.task_link(desk.project.id).format(task=task_id)


def _task(desk: Desk, seen: Seen) -> schemas.Task:
    task, shown = seen.task, seen.shown
    return schemas.Task(
        task=task.id,
        link=_link(desk, task.id),
        annotated=task.done,
        begun=bool(task.drafts),
        shown=shown.mark if shown else "",
        model_version=shown.version if shown else "",
        score=shown.score if shown else None,
        fields=[FieldSeen.of(field) for field in shown.fields] if shown else [],
        why=seen.why,
    )


def _submitted(desk: Desk, made: Answered) -> schemas.Submitted:
    return schemas.Submitted(
        task=made.task, annotation=made.annotation, completed_by=made.completed_by, link=_link(desk, made.task)
    )
