"""Tokens with roles."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ml_backend.web.schemas.base import Answer, Asked, Seconds, example


class TokenAsked(Asked):
    """A token that shall be made."""

    model_config = example(name="dashboard", role="read", days=90)

    name: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")] = Field(
        description="What it is for; no number."
    )
    role: Literal["read", "train", "admin"] = Field("read", description="What it may do.")
    days: float | None = Field(None, gt=0, le=36_500, description="How long it works; until it is revoked if not said.")
    email: Annotated[str, StringConstraints(max_length=254)] = Field(
        "", description="The annotator in Label Studio under whose name its holder confirms and corrects."
    )


class Token(Answer):
    """A token without its secret."""

    id: int
    name: str
    role: Literal["read", "train", "admin"]
    email: str
    made_at: Seconds
    expires_at: Seconds | None
    used_at: Seconds | None
    revoked_at: Seconds | None


class NewToken(Answer):
    """A token with its secret, which is shown once and never again."""

    model_config = example(id=3, name="dashboard", role="read", token="docloop_...")  # noqa: S106 - none

    id: int
    name: str
    role: Literal["read", "train", "admin"]
    token: str = Field(description="Send it as `Authorization: Bearer ...`.")


class Tokens(Answer):
    """All tokens, revoked and expired ones too."""

    model_config = example(
        tokens=[
            {
                "id": 3,
                "name": "dashboard",
                "role": "read",
                "email": "",
                "made_at": 1_795_000_000.0,
                "expires_at": None,
                "used_at": None,
                "revoked_at": None,
            }
        ]
    )

    tokens: list[Token]
