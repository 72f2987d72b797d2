"""Where a task URL must not lead, and a world to prove it in: Label Studio, a listed host, and canaries that nobody may touch."""

from __future__ import annotations

import base64
import ipaddress
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hostile.loopback_servers import Canary, Reply, WebServer, has_ipv6

from ml_backend.errors import FetchRefused
from ml_backend.label_studio.fetch import Fetcher, FetchLimits

TOKEN = "Token secret-of-label-studio"
MALFORMED, SCHEME, PATH, HOST = "url_malformed", "url_scheme_refused", "url_path_refused", "url_host_not_allowed"


def storage(uri: str) -> str:
    return base64.urlsafe_b64encode(uri.encode()).decode()


# {c}: the canaries' port. {ls}: Label Studio's host:port. {p}: Label Studio's port.
URLS: dict[str, list[str]] = {
    SCHEME: [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "file://localhost/etc/passwd",
        "file:/etc/passwd",
        "ftp://127.0.0.2:{c}/a.png",
        "sftp://127.0.0.2:{c}/a.png",
        "tftp://127.0.0.2:{c}/a.png",
        "gopher://127.0.0.2:{c}/_GET%20/",
        "dict://127.0.0.2:{c}/info",
        "ldap://127.0.0.2:{c}/a",
        "smb://127.0.0.2/share/a.png",
        "ws://127.0.0.2:{c}/a.png",
        "jar:http://127.0.0.2:{c}/a!/b",
        "url:http://127.0.0.2:{c}/a.png",
        "view-source:http://127.0.0.2:{c}/a.png",
        "javascript:fetch('http://127.0.0.2:{c}')",
        "blob:http://127.0.0.2:{c}/a",
        "about:blank",
        "php://filter/resource=http://127.0.0.2:{c}",
        "unix:/var/run/docker.sock",
        "s3a://bucket/a.png",
        "hdfs://127.0.0.2:{c}/a.png",
        "etc/passwd",
        "data/upload/1/a.png",
        "../data/upload/1/a.png",
        "127.0.0.2:{c}/a.png",
        "//127.0.0.2:{c}/a.png",
        "///127.0.0.2:{c}/a.png",
        "//{ls}/data/upload/1/a.png",
        " http://127.0.0.2:{c}/a.png",
        "http ://127.0.0.2:{c}/a.png",
        "?d=a.png",
    ],
    MALFORMED: [
        "",
        "http:127.0.0.2:{c}/a.png",
        "http:/127.0.0.2:{c}/a.png",
        "http:///127.0.0.2:{c}/a.png",
        "http://",
        "https://:{c}/",
        # somebody else behind an @
        "http://{ls}@127.0.0.2:{c}/a.png",
        "http://ls:pw@127.0.0.2:{c}/a.png",
        "http://127.0.0.2:{c}@{ls}/data/upload/1/a.png",
        "http://a@b@127.0.0.2:{c}/a.png",
        "http://@127.0.0.2:{c}/a.png",
        "http://:@{ls}/data/upload/1/a.png",
        "http://{ls}%40127.0.0.2:{c}/a.png",
        "http://{ls}\\@127.0.0.2:{c}/a.png",
        "http://{ls};@127.0.0.2:{c}/a.png",
        "http://{ls}&@127.0.0.2:{c}/a.png",
        "http://{ls} 127.0.0.2:{c}/a.png",
        "http://{ls},127.0.0.2:{c}/a.png",
        # addresses written in ways that only some readers understand
        "http://2130706434:{c}/a.png",
        "http://0x7f000002:{c}/a.png",
        "http://0x7f.0.0.2:{c}/a.png",
        "http://0177.0.0.2:{c}/a.png",
        "http://017700000002:{c}/a.png",
        "http://127.2:{c}/a.png",
        "http://127.0.2:{c}/a.png",
        "http://127.0.0.02:{c}/a.png",
        "http://127.0.0.2.:{c}/a.png",
        "http://127.0.0.0x2:{c}/a.png",
        "http://0:{c}/a.png",
        "http://127.0.0.2.1:{c}/a.png",
        "http://localhost.:{c}/a.png",
        "http://１２７.０.０.２:{c}/a.png",
        "http://127。0。0。2:{c}/a.png",
        "http://⑫⑦.0.0.2:{c}/a.png",
        "http://loc\u00adalhost:{c}/a.png",
        "http://ⓛocalhost:{c}/a.png",
        "http://[::1%25lo]:{c}/a.png",
        "http://[fe80::1%lo]:{c}/a.png",
        "http://[::1:{c}/a.png",
        "http://[::1]x:{c}/a.png",
        "http://[127.0.0.2]:{c}/a.png",
        "http://::1:{c}/a.png",
        "http://127.0.0.2%00.example.org:{c}/a.png",
        "http://127.0.0.2%2e:{c}/a.png",
        "http://127.0.0.2:{c}:80/a.png",
        "http://127.0.0.2:/a.png",
        "http://127.0.0.2:0/a.png",
        "http://127.0.0.2:99999/a.png",
        "http://127.0.0.2:+{c}/a.png",
        "http://.127.0.0.2:{c}/a.png",
        # control characters, and what some readers drop or turn around
        "http://127.0.0.2:{c}/a.png\r\nAuthorization: x",
        "http://127.0.0.2:{c}/\na.png",
        "http://127.0.0.2\t:{c}/a.png",
        "\thttp://127.0.0.2:{c}/a.png",
        "ht\ntp://127.0.0.2:{c}/a.png",
        "http://127.0.0.2:{c}\\a.png",
        "http:\\\\127.0.0.2:{c}\\a.png",
        "\\\\127.0.0.2\\share\\a.png",
        "/\\127.0.0.2:{c}/a.png",
        "/\t/127.0.0.2:{c}/a.png",
        "http://{ls}/data/upload/1/a.png\x00",
        "http://{ls}/data/upload/1/\u2028a.png",
        "/data/upload/1/a.png\r\nX-Injected: 1",
        "/data/upload/..\\..\\api",
        "http://127.0.0.2:{c}/" + "a" * 9000,
    ],
    HOST: [
        "http://127.0.0.2:{c}/a.png",
        "HTTP://127.0.0.2:{c}/a.png",
        "https://127.0.0.2:{c}/a.png",
        "http://127.0.0.3:{c}",
        "http://127.0.0.4:{c}?d=1",
        "http://127.0.0.5:{c}#x",
        "http://127.0.0.2:{c}#@{ls}/data/upload/1/a.png",
        "http://127.0.0.2:{c}?@{ls}/data/upload/1/a.png",
        "http://127.0.0.2:{c}/@{ls}/data/upload/1/a.png",
        "http://127.0.0.1:{c}/data/upload/1/a.png",
        "https://{ls}/data/upload/1/a.png",
        "http://127.0.0.2:{p}/data/upload/1/a.png",
        "http://localhost:{p}/data/upload/1/a.png",
        "http://localhost:{c}/a.png",
        "http://LocalHost:{c}/a.png",
        "http://ip6-localhost:{c}/a.png",
        "http://0.0.0.0:{c}/a.png",
        "http://[::1]:{c}/a.png",
        "http://[0:0:0:0:0:0:0:1]:{c}/a.png",
        "http://[::]:{c}/a.png",
        "http://[::ffff:127.0.0.2]:{c}/a.png",
        "http://[::ffff:7f00:2]:{c}/a.png",
        "http://[::127.0.0.2]:{c}/a.png",
        "http://[64:ff9b::7f00:2]:{c}/a.png",
        "http://[2002:7f00:2::]:{c}/a.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://100.100.100.200/latest/meta-data/",
        "http://10.0.0.1/a.png",
        "http://192.168.0.1/a.png",
        "http://evil.example.org:{c}/a.png",
        "http://files.example.org.evil.example.org:{c}/a.png",
        "http://evil-files.example.org:{c}/a.png",
        "http://files.example.org:{c}/a.png",
        "http://127.0.0.2.nip.io:{c}/a.png",
    ],
    PATH: [
        # Label Studio's own addresses that hold no file: our token must not be used there
        "/",
        "/api/users/",
        "/api/tasks/1/",
        "/admin/",
        "/logout",
        "/user/login/",
        "/export",
        "/storage-data/uploaded/?filepath=upload/1/a.png",
        "http://{ls}",
        "http://{ls}/api/current-user/token",
        "http://{ls}#@127.0.0.2:{c}/a.png",
        "http://{ls}?@127.0.0.2:{c}/a.png",
        "http://{ls}/@127.0.0.2:{c}/a.png",
        "/data/",
        "/data/upload",
        "/data/upload/",
        "/data/uploads/1/a.png",
        "/DATA/upload/1/a.png",
        "/%64ata/upload/1/a.png",
        "/data//upload/1/a.png",
        # climbing
        "/data/upload/../../api/users/",
        "/data/upload/./a.png",
        "/data/upload/1/..",
        "/data/upload/%2e%2e/%2e%2e/api/users/",
        "/data/upload/%2E./a.png",
        "/data/upload/..%2f..%2fapi/users/",
        "/data/upload/1%2fa.png",
        "/data/upload/1%252fa.png",
        "/data/upload/%252e%252e/a.png",
        "/data/upload/%25252525252e%252e/a.png",
        "/data/upload/%" + "25" * 40 + "2e/a.png",
        "/data/upload/..%5c..%5ca.png",
        "/data/upload/%5c%5chost/a.png",
        "/data/upload/．．/a.png",
        "/data/upload/%EF%BC%8E%EF%BC%8E/a.png",
        "/data/upload/‥/a.png",
        "/data/upload/1/a.png%00.txt",
        "/data/upload/1/a.png%0d%0aX-Injected:%201",
        "/../data/upload/1/a.png",
        # local files
        "/data/local-files/",
        "/data/local-files/?d=",
        "/data/local-files/?d=../../etc/passwd",
        "/data/local-files/?d=a/../../etc/passwd",
        "/data/local-files/?d=%2e%2e/etc/passwd",
        "/data/local-files/?d=%252e%252e/etc/passwd",
        "/data/local-files/?d=..%2f..%2fetc%2fpasswd",
        "/data/local-files/?d=..%5c..%5cetc",
        "/data/local-files/?d=/etc/passwd",
        "/data/local-files/?d=%2Fetc/passwd",
        "/data/local-files/?d=//127.0.0.2/a",
        "/data/local-files/?d=．．/etc/passwd",
        "/data/local-files/?d=a%00.png",
        "/data/local-files/?d=a.png&d=../b.png",
        "/data/local-files/?d=a.png&x=1",
        "/data/local-files/?x=a.png",
        "/data/local-files/a.png?d=a.png",
        # resolving what is no storage
        "/tasks/1/resolve/",
        "/tasks/1/resolve/?fileuri=" + storage("http://127.0.0.2/a.png"),
        "/tasks/1/resolve/?fileuri=" + storage("file:///etc/passwd"),
        "/tasks/1/resolve/?fileuri=" + storage("/etc/passwd"),
        "/tasks/1/resolve/?fileuri=" + storage("s3://"),
        "/tasks/1/resolve/?fileuri=s3://b/a.png",
        "/tasks/1/resolve/?fileuri=%ff",
        "/tasks/1/resolve/?fileuri=" + storage("s3://b/a") + "&fileuri=" + storage("file:///a"),
        "/tasks/1/../2/resolve/?fileuri=" + storage("s3://b/a"),
        "/tasks/x/resolve/?fileuri=" + storage("s3://b/a"),
        "/tasks/１/resolve/?fileuri=" + storage("s3://b/a"),
        "/tasks/1/delete/?fileuri=" + storage("s3://b/a"),
    ],
    "url_needs_task": ["s3://bucket/a.png", "gs://bucket/a.png", "azure-blob://container/a.png"],
}
ROWS = [(url, code) for code, urls in URLS.items() for url in urls]
IDS = [f"{code}-{number}" for code, urls in URLS.items() for number in range(len(urls))]

# What no header can carry is left out, and //{ls}/..., which as a redirect is a plain address of Label Studio.
REDIRECTS = [
    (url, name)
    for (url, _), name in zip(ROWS, IDS, strict=True)
    if "{ls}/data/" not in url and not set(url) & set("\r\n\0")
]


class World:
    """Label Studio, a listed host, canaries, and a note of every connection that this process opens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.location = ""
        self.locations: dict[str, str] = {}
        self.tokens_asked = 0
        self.connected: list[Any] = []
        self.label_studio = WebServer(lambda path: Reply(303, headers={"Location": self.redirect(path.split("?")[0])}))
        self.listed = WebServer(
            lambda path: Reply(302, headers={"Location": self.redirect(path)}) if path.startswith("/go") else Reply(404)
        )
        self.canary = Canary(("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", *(["::1"] if has_ipv6() else [])))
        connect = socket.socket.connect

        def noted(sock: socket.socket, address: Any) -> None:
            self.connected.append(address[:2])
            if sock.family != socket.AF_UNIX and not ipaddress.ip_address(address[0]).is_loopback:
                raise ConnectionRefusedError("a test leaves this machine alone, also one that fails")
            connect(sock, address)

        monkeypatch.setattr(socket.socket, "connect", noted)

    def redirect(self, path: str) -> str:
        """Where both servers send who asks for this path."""
        return self.locations.get(path, self.location)

    def fill(self, url: str) -> str:
        known = {"{c}": self.canary.port, "{ls}": self.label_studio.authority, "{p}": self.label_studio.port}
        for name, value in known.items():
            url = url.replace(name, str(value))
        return url

    def token(self) -> str:
        self.tokens_asked += 1
        return TOKEN

    def fetcher(self, *allowed: str, resolver: Callable[[str, int], Sequence[str]] | None = None) -> Fetcher:
        return Fetcher(
            f"http://{self.label_studio.authority}",
            self.token,
            ("files.example.org", self.listed.authority, *allowed),
            FetchLimits(seconds=5),
            resolver=resolver or (lambda host, port: ["127.0.0.2"]),
        )

    def refusal(self, url: str, **options: Any) -> FetchRefused:
        with pytest.raises(FetchRefused) as caught:
            self.fetcher(**options).fetch(url)
        return caught.value

    def reset(self) -> None:
        self.tokens_asked = 0
        self.locations.clear()
        for notes in (self.connected, self.label_studio.asked, self.listed.asked):
            notes.clear()


@contextmanager
def opened_world() -> Iterator[World]:
    """The world with its servers up. At the end, no canary may have been touched."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        world = World(monkeypatch)
        with world.label_studio, world.listed:
            yield world
        assert world.canary.touched == []
        world.canary.close()
