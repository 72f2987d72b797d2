"""The page of tokens: who else may call docloop. The secret of a new one is shown once, by the script that made it."""

from __future__ import annotations

from flask import Blueprint, Response

from ml_backend.web.access import Role
from ml_backend.web.admin.live import page
from ml_backend.web.admin.parts import Parts


def add(pages: Blueprint, parts: Parts) -> None:
    """The route ``/admin/tokens``."""

    @pages.get("/tokens")
    def tokens() -> Response:
        now, found = parts.now(), parts.services.store.tokens.all()
        return page(
            "admin/tokens.html",
            "tokens",
            alive=[token for token in found if token.alive(now)],
            over=[token for token in found if not token.alive(now)],
            roles=[role.word for role in Role],
        )
