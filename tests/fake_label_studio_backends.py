"""What the fake Label Studio does with ML backends, webhooks, tokens and strangers, as the real 1.23.2 was measured to do.

``network`` is how it reaches docloop (None: nothing answers). Webhooks are sent inside the request that sets them off, once, and
whatever becomes of them nobody is told; so is Start Training.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

if TYPE_CHECKING:
    from fake_label_studio_routes import FakeTransport

Body = dict[str, Any]
OPEN_PATHS = ("/api/version/", "/user/signup/", "/api/token/refresh/")


def jwt(**claims: Any) -> str:
    """A token as Label Studio's look; nobody has signed it."""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{body}.c2ln"


def refresh_token(seconds: float) -> str:
    """A personal access token that lasts so long."""
    return jwt(token_type="refresh", exp=int(time.time() + seconds), user_id=1)


ACCESS = jwt(token_type="access", exp=4_000_000_000, user_id=1)
AUTHORIZED = ("Token legacy-token-123", f"Bearer {ACCESS}")


class Refused(Exception):
    """An error answer; ``invalid`` are its validation errors."""

    def __init__(self, status: int, detail: str, **invalid: Any) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.body: Body = {"detail": detail, **({"validation_errors": invalid} if invalid else {})}


@dataclass
class Connections:
    """``blocks`` private addresses: "" none, "all" (the default install), "webhooks" (with ML_BLOCK_LOCAL_IP=false alone).

    ``knows`` says whether a host can be resolved, ``deaf`` loses what it sends on /webhook, ``redirects`` its own address.
    """

    network: httpx.BaseTransport | None = None
    webhooks: dict[int, Body] = field(default_factory=dict)
    backends: dict[int, Body] = field(default_factory=dict)
    blocks: str = ""
    knows: Callable[[str], bool] = lambda host: True
    deaf: bool = False
    redirects: str = ""
    version: str = "1.23.2"
    signup_open: bool = False
    legacy_tokens: bool = False
    may_create: bool = True

    def send(self, method: str, url: str, body: Body | None = None, headers: Body | None = None) -> httpx.Response:
        """A request of Label Studio's. Raises httpx.HTTPError."""
        if self.network is None or (self.deaf and url.endswith("/webhook")):
            raise httpx.ConnectError("refused")
        request = httpx.Request(method, url, json=body, headers=headers or {})
        return self.network.handle_request(request)

    def announce(self, action: str, project: Body) -> None:
        """To every webhook of the project that is on."""
        for hook in self.webhooks.values():
            if hook["project"] == project["id"] and hook["is_active"]:
                body = {"action": action, **({"project": project} if hook["send_payload"] else {})}
                try:
                    self.send("POST", hook["url"], body, hook["headers"])
                except httpx.HTTPError:
                    continue

    def check(self, url: str, what: str) -> None:
        host = urlsplit(url).hostname or ""
        if what == "webhooks" and "." not in host and host != "localhost":
            raise Refused(400, "Validation error", url=["Enter a valid URL."])
        if not self.knows(host):
            raise Refused(500, f"Can't resolve hostname {host}")
        if self.blocks in ("all", what):
            raise Refused(403, "URL resolves to a reserved network address (block: 127.0.0.0/8)")

    def look(self, backend: Body, project: Body) -> str:
        """Health and setup, as at every look at a backend; what is wrong, or empty."""
        login = base64.b64encode(f"{backend['basic_auth_user']}:{backend['_pass']}".encode()).decode()
        headers = {"Authorization": f"Basic {login}"} if backend["auth_method"] == "BASIC_AUTH" else {}
        url = backend["url"]
        try:
            self.send("GET", f"{url}/health", headers=headers)
        except httpx.HTTPError:
            backend.update(state="DI", readable_state="Disconnected")
            return f"Can't connect to ML backend {url}, health check failed. Make sure it is up."
        setup = {"project": f"{project['id']}.1", "schema": project["label_config"]}
        answer = self.send("POST", f"{url}/setup", setup, headers)
        if answer.is_error:
            backend.update(state="ER", readable_state="Error")
            reason = f"{answer.status_code} Client Error for url: {url}/setup"
            return f"Successfully connected to {url} but it doesn't look like a valid ML backend. Reason: {reason}"
        backend.update(state="CO", readable_state="Connected")
        return ""


# -- routes --------------------------------------------------------------------------------------------------------------


def webhooks(transport: FakeTransport, request: httpx.Request, _: int) -> list[Body]:
    wanted = request.url.params.get("project")
    there = transport.fake.connections.webhooks.values()
    return [one for one in there if wanted is None or str(one["project"]) == wanted]


def add_webhook(transport: FakeTransport, request: httpx.Request, _: int) -> Body:
    connections, body = transport.fake.connections, json.loads(request.content)
    connections.check(body["url"], "webhooks")
    return _hook(connections, body)


def _hook(connections: Connections, body: Body) -> Body:
    number = max(connections.webhooks, default=0) + 1
    usual = {"send_payload": True, "send_for_all_actions": True, "headers": {}, "is_active": True}
    connections.webhooks[number] = {"id": number, **usual, **body}
    return connections.webhooks[number]


def change_webhook(transport: FakeTransport, request: httpx.Request, number: int) -> Body:
    transport.fake.connections.webhooks[number].update(json.loads(request.content))
    return transport.fake.connections.webhooks[number]


def backends(transport: FakeTransport, request: httpx.Request, _: int) -> list[Body]:
    connections, wanted = transport.fake.connections, int(request.url.params["project"])
    mine = [one for one in connections.backends.values() if one["project"] == wanted]
    for one in mine:
        connections.look(one, transport.project(request, wanted))
    return [_shown(one) for one in mine]


def _shown(backend: Body) -> Body:
    return {name: value for name, value in backend.items() if name != "_pass"}


def add_backend(transport: FakeTransport, request: httpx.Request, _: int) -> Body:
    """Connected at once, then what Label Studio does with it: its title as model version, a webhook without a credential."""
    connections, body = transport.fake.connections, json.loads(request.content)
    project = transport.fake.projects[body["project"]]
    made = {"id": max(connections.backends, default=0) + 1, "is_interactive": False, "auth_method": "NONE", **body}
    made["_pass"] = made.pop("basic_auth_pass", "")
    made.setdefault("basic_auth_user", "")
    connections.check(made["url"], "backends")
    if wrong := connections.look(made, transport.project(request, project.id)):
        raise Refused(400, "Validation error", non_field_errors=[wrong])
    connections.backends[made["id"]] = made
    hook = f"{made['url']}/webhook"
    if not any((one["project"], one["url"]) == (project.id, hook) for one in connections.webhooks.values()):
        try:
            connections.check(hook, "webhooks")
        except Refused as refusal:
            if refusal.status == 403:
                raise  # half-made: the row stays
        else:
            _hook(connections, {"project": project.id, "url": hook})
    if connections.blocks == "webhooks":
        raise Refused(403, "URL resolves to a reserved network address (block: 127.0.0.0/8)")
    project.model_version = project.model_version or made["title"]
    return _shown(made)


def change_backend(transport: FakeTransport, request: httpx.Request, number: int) -> Body:
    body = json.loads(request.content)
    assert {"url", "project"} <= body.keys(), "the real one breaks"
    one = transport.fake.connections.backends[number]
    one.update(body)
    one["_pass"] = one.pop("basic_auth_pass", one["_pass"])
    return _shown(one)


def delete_backend(transport: FakeTransport, request: httpx.Request, number: int) -> None:
    del transport.fake.connections.backends[number]


def train(transport: FakeTransport, request: httpx.Request, number: int) -> None:
    connections = transport.fake.connections
    one = connections.backends[number]
    login = base64.b64encode(f"{one['basic_auth_user']}:{one['_pass']}".encode()).decode()
    body = {"action": "START_TRAINING", "project": transport.project(request, one["project"])}
    try:
        connections.send("POST", f"{one['url']}/webhook", body, {"Authorization": f"Basic {login}"})
    except httpx.HTTPError:
        return


def whoami(transport: FakeTransport, request: httpx.Request, _: int) -> Body:
    return {"id": 1, "email": "admin@example.com"}


def token_settings(transport: FakeTransport, request: httpx.Request, _: int) -> Body:
    return {"api_tokens_enabled": True, "legacy_api_tokens_enabled": transport.fake.connections.legacy_tokens}


def refresh(transport: FakeTransport, request: httpx.Request, _: int) -> httpx.Response:
    return httpx.Response(200, json={"access": ACCESS})


def version(transport: FakeTransport, request: httpx.Request, _: int) -> Body | httpx.Response:
    connections = transport.fake.connections
    if connections.redirects:
        return httpx.Response(302, headers={"Location": connections.redirects})
    return {"release": connections.version}


def signup(transport: FakeTransport, request: httpx.Request, _: int) -> httpx.Response:
    """An empty form is shown again where sign-up is open, and refused where it is closed."""
    refused = request.method == "POST" and not transport.fake.connections.signup_open
    return httpx.Response(403 if refused else 200, html="<html></html>", headers={"Set-Cookie": "csrftoken=a; Path=/"})


Route = Callable[["FakeTransport", httpx.Request, int], Any]
BACKEND_ROUTES: Sequence[tuple[str, str, Route]] = (
    ("GET", r"/api/webhooks/", webhooks),
    ("POST", r"/api/webhooks/", add_webhook),
    ("PATCH", r"/api/webhooks/(\d+)/", change_webhook),
    ("GET", r"/api/ml", backends),
    ("POST", r"/api/ml", add_backend),
    ("PATCH", r"/api/ml/(\d+)", change_backend),
    ("DELETE", r"/api/ml/(\d+)", delete_backend),
    ("POST", r"/api/ml/(\d+)/train", train),
    ("GET", r"/api/current-user/whoami", whoami),
    ("GET", r"/api/jwt/settings", token_settings),
    ("POST", r"/api/token/refresh/", refresh),
    ("GET", r"/api/version/", version),
    ("GET", r"/user/signup/", signup),
    ("POST", r"/user/signup/", signup),
)
