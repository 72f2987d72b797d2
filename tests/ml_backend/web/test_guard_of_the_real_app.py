"""P10 on the real application: every route refuses without the right credential."""

from __future__ import annotations

from flask import Flask

from contracts.guard_contract import assert_every_route_is_guarded


def test_every_route_of_docloop_is_guarded(app: Flask) -> None:
    assert assert_every_route_is_guarded(app) > 500
