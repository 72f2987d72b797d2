"""Tokens with roles: made, listed, revoked. Only the answer that makes one has its secret."""

from __future__ import annotations

import time
from dataclasses import asdict

from ml_backend.errors import DocloopError
from ml_backend.services import Services
from ml_backend.web.access import Role
from ml_backend.web.rest.routes import Routes
from ml_backend.web.schemas import tokens as schemas


def tokens(services: Services) -> Routes:
    """``/tokens``."""
    group = Routes("tokens", "Who else may call docloop, and what they may do.")
    store = services.lazy_store.get

    @group.add("GET", "/tokens", Role.ADMIN)
    def tokens() -> schemas.Tokens:
        """All tokens, without their secrets."""
        return schemas.Tokens.model_validate({"tokens": [asdict(one) for one in store().tokens.all()]})

    @group.add("POST", "/tokens", Role.ADMIN, status=201)
    def make_token(body: schemas.TokenAsked) -> schemas.NewToken:
        """Make a token.

        Its secret is in this answer and nowhere else: docloop keeps a hash of it.
        """
        number, secret = store().tokens.create(body.name, body.role, time.time(), body.days, body.email)
        return schemas.NewToken(id=number, name=body.name.strip(), role=body.role, token=secret)

    @group.add("DELETE", "/tokens/<int:token_id>", Role.ADMIN)
    def revoke_token(token_id: int) -> None:
        """Revoke a token; it opens nothing from now on."""
        if token_id >= 2**63:
            raise DocloopError("token_unknown", f"There is no token {token_id}.", "GET /api/v1/tokens lists them.")
        store().tokens.revoke(token_id, time.time())

    return group
