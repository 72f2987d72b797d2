"""docloop as a model of somebody else's server: a thin class for hosts that serve a ``LabelStudioMLBase``.

It runs under both lines of ``label-studio-ml``: 1.0.x (the package index) and 2.x (the repository of Label Studio). The host does
the HTTP; prediction is the same as in docloop's own server. Training and webhooks stay with docloop's own server.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from label_studio_ml.model import LabelStudioMLBase

from ml_backend.answers import answer_tasks
from ml_backend.errors import ConfigUnsupported, StoreError
from ml_backend.services import Services, build_services
from ml_backend.settings import load_settings

log = logging.getLogger(__name__)

_making = threading.Lock()


@cache
def _made() -> Services:
    services = build_services(load_settings())
    services.follow()
    services.deletions.watch()
    return services


def shared_services() -> Services:
    """The parts of this process, from its environment, made once: hosts make a model object for each request."""
    with _making:
        return _made()


class DocloopModel(LabelStudioMLBase):  # type: ignore[misc]  # the package is untyped
    """Hand this class to ``init_app(model_class=DocloopModel)``."""

    def setup(self) -> None:
        """Called by 2.x hosts only: the version of ``/setup`` must be the one that the predictions carry."""
        services, config, project = shared_services(), str(self.label_config or ""), self._project_uid()
        try:
            version = services.version(config, project)
        except ConfigUnsupported as error:
            log.warning("%s", error)  # its tasks are answered with []
            version = services.champions.version_of(project)
        self.set("model_version", version)

    def predict(
        self, tasks: Sequence[Mapping[str, Any]], context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[Any]:
        """One prediction body, or ``[]``, per task and in their order."""
        project = self._project_uid(tasks)
        answers = answer_tasks(shared_services(), tasks, str(self.label_config or ""), project, context)
        if not hasattr(self, "set"):
            # 1.0.x answers /setup with a version of its own; Label Studio takes that one where a prediction names none.
            for answer in answers:
                if answer:
                    answer.pop("model_version")
        return answers

    def _project_uid(self, tasks: Sequence[Mapping[str, Any]] = ()) -> str:
        """docloop's own name of the project; "" for one that it does not follow: keywords answer.

        Hosts leave of Label Studio's "7.1795000000" the number (2.x), or nothing at all (1.0.x); then the tasks say it.
        """
        said = str(getattr(self, "project_id", None) or (tasks[0].get("project") if tasks else ""))
        number = said.partition(".")[0]
        if not number.isdecimal() or len(number) > 18:
            return ""
        try:
            project = shared_services().store.projects.by_number(int(number))
        except StoreError as error:
            log.warning("which project this is cannot be asked: %s", error.for_log)
            return ""
        return project.uid if project else ""

    def fit(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Nothing is learned here: docloop's own server collects corrections and trains."""
        return {}
