"""The admin page: what is learning and why, what is wrong and what to do about it, and the buttons to act.

Each page is a module with a function that adds its route. Pages say what the functions behind the REST API say, and their buttons
call that API with the session's CSRF token (``static/admin/actions.js``), so that page, REST and command line cannot disagree.
A page asks for itself every three seconds with ``?live=1`` and gets its content alone, or 304 (``web/admin/live``).
"""

from __future__ import annotations

from flask import Blueprint

from ml_backend.services import Services
from ml_backend.system_status import SystemStatus
from ml_backend.web.admin import exports, live, overview, project, static, system, tokens
from ml_backend.web.admin.parts import Parts

PREFIX = "/admin"


def admin(services: Services, status: SystemStatus) -> Blueprint:
    """The routes under ``/admin``. They have no role of their own: a session is ADMIN, and so must be any other caller."""
    pages = Blueprint("admin", __name__, url_prefix=PREFIX)
    parts = Parts(services, status)
    live.prepare(pages)
    for page in (overview, project, exports, tokens, system):
        page.add(pages, parts)
    static.add(pages)
    return pages
