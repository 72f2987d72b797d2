"""The trained model as a service: a document in, its fields out."""

from __future__ import annotations

from ml_backend.applications.parsing import AT_ONCE, BUSY, Parsed, Parsing
from ml_backend.document.elements import Page
from ml_backend.label_studio.label_config import Interface
from ml_backend.presets import preset_xml
from ml_backend.services import Services
from ml_backend.status import followed_project
from ml_backend.web.access import Role
from ml_backend.web.problem import Fault
from ml_backend.web.rest.files import KINDS, Files
from ml_backend.web.rest.limits import Places, limited
from ml_backend.web.rest.routes import RequestRefused, Routes
from ml_backend.web.schemas import parse as schemas
from ml_backend.web.schemas.fields import edges_of


def parse(services: Services) -> Routes:
    """``/parse``."""
    group = Routes("parse", "The trained model as a service.")
    files, parsing = Files(services), Parsing(services)

    @group.add("POST", "/parse", Role.READ, takes=KINDS)
    @limited(Places(BUSY, 2 * AT_ONCE))  # while some are read, others may be sent
    def parse(query: schemas.ParseAsked, body: schemas.FromUrl | None) -> schemas.Parsed:
        """The fields of a document.

        Read by the version that serves a project, or without one by the model of the first day, with what an interface asks for.
        The document is the body itself, the part `file` of a form, or what a URL names. All its pages are read: PNG, JPEG, WebP,
        BMP, TIFF, PDF. Nothing of it is kept, neither file nor words: sent twice, it is read twice.
        """
        given = files.of_request(body.url if body else None)
        interface, uid = _asked(services, query)
        found = parsing.parse(given.read, interface, uid)
        return _answer(found, query.words)

    return group


def _asked(services: Services, query: schemas.ParseAsked) -> tuple[Interface, str]:
    if (query.project is None) == (query.interface is None):
        raise RequestRefused([Fault(where="query.project", what="say either project or interface")])
    if query.interface is not None:
        return services.interface(preset_xml(query.interface)), ""
    project = followed_project(services.store, query.project or 0)
    return services.interface(project.label_config), project.uid


def _answer(found: Parsed, words: bool) -> schemas.Parsed:
    prediction = found.prediction
    return schemas.Parsed.model_validate(
        {
            "model_version": prediction.model_version,
            "score": prediction.score,
            "engines": list(dict.fromkeys(prediction.engines)),
            "seconds": round(found.seconds, 3),
            "notes": list(prediction.notes),
            "fields": [
                {
                    "label": field.label,
                    "text": field.text,
                    "value": field.value,
                    "page": field.page,
                    "box": edges_of(field.box),
                    "confidence": field.confidence,
                    "reason": field.reason,
                }
                for field in prediction.fields
            ],
            "pages": [_page(page, words) for _, page in found.document],
        }
    )


def _page(page: Page, words: bool) -> dict[str, object]:
    read = [
        {
            "text": word.text,
            "box": edges_of(word.box),
            "confidence": word.confidence,
            "uncertain": word.uncertain,
            "line": word.line,
            "block": word.block,
        }
        for word in page.words
    ]
    return {"width": page.width, "height": page.height, "engine": page.engine, "words": read if words else None}
