"""One project as an application works on it: Label Studio's own word on it, its interface, and who may sign there."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ml_backend.errors import DocloopError, StoreError
from ml_backend.label_studio.client import LabelStudio, Project
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.one_task import OneTask, look_at, user_of
from ml_backend.label_studio.tasks import Task
from ml_backend.services import Services
from ml_backend.status import followed_project

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """``project`` is what Label Studio says of it now, ``interface`` its labelling interface."""

    services: Services
    label_studio: LabelStudio
    project: Project
    interface: Interface

    @classmethod
    def at(cls, services: Services, project_id: int) -> Desk:
        """The desk at a followed project.

        Raises:
            DocloopError: ``project_unknown``: docloop does not follow it, or Label Studio has given its number to another one.
            LabelStudioError: Label Studio does not answer, or does not have it.
            ConfigUnsupported: its interface cannot show what docloop finds.
        """
        record = followed_project(services.store, project_id)
        label_studio = services.access.client()
        project = label_studio.project(project_id)
        if project.uid != record.uid:
            raise DocloopError(
                "project_unknown",
                f"Project {project_id} of Label Studio is not the one that docloop follows.",
                "docloop will have noticed in a minute: try again.",
            )
        return cls(services, label_studio, project, services.interface(project.label_config))

    @property
    def version(self) -> str:
        """The model version of docloop's predictions for this project now."""
        return self.services.version(self.project.label_config, self.project.uid)

    def look_at(self, task_id: int) -> OneTask:
        """A task as it is now. Raises DocloopError (``task_unknown``), LabelStudioError."""
        return look_at(self.label_studio, self.project.id, task_id)

    def pages(self, task: OneTask) -> int:
        """The number of its pages. Raises FetchRefused: its data name none."""
        return len(Task(task.id, task.data).page_urls(self.interface))

    def sizes(self, task: OneTask) -> dict[int, tuple[int, int]]:
        """Pixels (width, height) of all its pages; they are read, mostly out of the cache. Raises as ``Predictor.read_task``."""
        read = self.services.predictor.read_task(Task(task.id, task.data), self.interface, self.project.uid)
        return {number: (page.width, page.height) for number, page in read.document}

    def annotator(self, email: str) -> int | None:
        """The number of who signs in Label Studio; None, for no address, is the user of docloop's own token.

        Raises:
            DocloopError: ``annotator_missing``: Label Studio has no user with this address.
        """
        if not email:
            return None
        found = user_of(self.label_studio, email)
        if found is None:
            raise DocloopError(
                "annotator_missing",
                "Label Studio has no user with the e-mail address of this token.",
                "Invite them there, or make a token with another --annotator.",
            )
        return found

    def changed(self) -> None:
        """Have the worker look at the project, whether or not Label Studio's webhook gets through.

        Where no hint can be left, it looks when the project's turn comes; what was decided stands.
        """
        try:
            self.services.hints.leave(self.project.id)
        except StoreError as error:
            log.warning("project %s: the worker is not told of a change: %s", self.project.id, error.for_log)
