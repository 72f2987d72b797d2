"""Tokens over REST: made once, shown once, revoked; and each role opens what it may."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

from ml_backend.services import Services


def test_a_token_is_shown_once_works_and_is_revoked(app: Flask, client: FlaskClient, followed: Services) -> None:
    made = client.post("/api/v1/tokens", json={"name": "dashboard", "role": "read", "days": 1.5})
    assert made.status_code == 201
    secret = made.get_json()["token"]
    (listed,) = client.get("/api/v1/tokens").get_json()["tokens"]
    assert (listed["name"], listed["role"]) == ("dashboard", "read")
    assert secret not in client.get("/api/v1/tokens").get_data(as_text=True)
    stranger, bearer = app.test_client(), {"Authorization": f"Bearer {secret}"}
    assert stranger.get("/api/v1/projects/7", headers=bearer).status_code == 200
    refused = stranger.post("/api/v1/projects/7/train", headers=bearer)
    assert (refused.status_code, refused.content_type) == (403, "application/problem+json")
    assert stranger.get("/api/v1/tokens", headers=bearer).status_code == 403
    assert client.delete(f"/api/v1/tokens/{made.get_json()['id']}").status_code == 204
    assert stranger.get("/api/v1/projects/7", headers=bearer).status_code == 401


def test_two_tokens_of_a_name_and_an_unknown_one_are_refused(client: FlaskClient, followed: Services) -> None:
    assert client.post("/api/v1/tokens", json={"name": "a"}).status_code == 201
    assert client.post("/api/v1/tokens", json={"name": "a"}).get_json()["code"] == "token_exists"
    assert client.post("/api/v1/tokens", json={"name": "7"}).get_json()["code"] == "token_bad"
    assert client.delete("/api/v1/tokens/99").status_code == 404
