"""What must be fetched is fetched, with the token where it belongs; what goes wrong on the way has a name."""

from __future__ import annotations

import base64
import gzip
import itertools
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hostile.loopback_servers import Asked, Reply, WebServer

from ml_backend.errors import FetchRefused, SetupError
from ml_backend.label_studio.fetch import Fetcher, FetchLimits
from ml_backend.label_studio.http_get import Answer

TOKEN = "Token secret-of-label-studio"
LIMITS = FetchLimits(bytes=100_000, seconds=5.0)


def storage(uri: str) -> str:
    return base64.urlsafe_b64encode(uri.encode()).decode()


def slowly() -> Iterator[bytes]:
    for _ in range(200):
        time.sleep(0.05)
        yield b"x"


class Places:
    """A fake Label Studio, and a host beside it where its storage hands out files."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.label_studio = WebServer(lambda path: self.replies.get(path, Reply(404)))
        self.files = WebServer(lambda path: self.replies.get(path, Reply(404)))

    def fetcher(self, allowed: tuple[str, ...] | None = None, limits: FetchLimits = LIMITS) -> Fetcher:
        hosts = (self.files.authority,) if allowed is None else allowed
        return Fetcher(f"http://{self.label_studio.authority}", lambda: TOKEN, hosts, limits)

    def refusal(self, url: str, task_id: int | None = None, limits: FetchLimits = LIMITS) -> FetchRefused:
        with pytest.raises(FetchRefused) as caught:
            self.fetcher(limits=limits).fetch(url, task_id)
        return caught.value


@pytest.fixture
def places() -> Iterator[Places]:
    places = Places()
    with places.label_studio, places.files:
        yield places


@pytest.mark.parametrize(
    "path",
    [
        "/data/upload/42/d9db-r0.png",
        "/data/upload/42/%C3%9Cbersicht.png",
        "/data/local-files/?d=imgs/r0.png",
        "/data/local-files/?d=imgs%2Fr0.png",
        "/data/local-files/?d=2026..11/a...b.png",
        f"/tasks/7/resolve/?fileuri={storage('s3://docs/a/r0.png')}",
        f"/tasks/7/presign/?fileuri={storage('gs://docs/a/r0.png')}",
        f"/projects/7/resolve/?fileuri={storage('azure-blob://docs/a/r0.png')}",
    ],
)
def test_files_of_label_studio_are_fetched_with_the_token_however_they_are_written(places: Places, path: str) -> None:
    places.replies[path] = Reply(body=b"page")
    assert places.fetcher().fetch(path) == b"page"
    assert places.fetcher().fetch(f"http://{places.label_studio.authority}{path}") == b"page"
    assert places.label_studio.asked == [Asked(path, TOKEN)] * 2


def test_blanks_and_letters_beyond_ascii_are_sent_encoded(places: Places) -> None:
    places.replies["/data/upload/1/%C3%9Cber%20sicht.png"] = Reply(body=b"page")
    assert places.fetcher().fetch("/data/upload/1/Über sicht.png") == b"page"


def test_label_studio_behind_a_path_is_asked_behind_that_path() -> None:
    with WebServer(lambda path: Reply(body=path.encode())) as server:
        fetcher = Fetcher(f"http://{server.authority}/sub", lambda: TOKEN)
        for url in ("/sub/data/upload/1/a.png", "/data/upload/1/a.png"):
            assert fetcher.fetch(url) == b"/sub/data/upload/1/a.png"
        with pytest.raises(FetchRefused):
            fetcher.fetch(f"http://{server.authority}/data/upload/1/a.png")


def test_a_storage_file_comes_from_the_presigned_host_which_never_sees_the_token(places: Places) -> None:
    resolve = f"/tasks/7/resolve/?fileuri={storage('s3://docs/a/r0.png')}"
    signed = "/docs/a/r0.png?X-Amz-Signature=ab%2Fcd&X-Amz-Date=2026"
    places.replies |= {resolve: Reply(303, headers={"Location": f"http://{places.files.authority}{signed}"})}
    places.replies |= {signed: Reply(body=b"page")}
    assert places.fetcher().fetch("s3://docs/a/r0.png", 7) == b"page"
    assert places.label_studio.asked == [Asked(resolve, TOKEN)]
    assert places.files.asked == [Asked(signed, None)]


def test_a_storage_host_that_is_not_listed_is_named_with_the_setting_and_without_its_signature(places: Places) -> None:
    resolve = f"/tasks/7/resolve/?fileuri={storage('s3://docs/r0.png')}"
    places.replies[resolve] = Reply(303, headers={"Location": f"http://{places.files.authority}/docs/r0.png?sig=hush"})
    with pytest.raises(FetchRefused) as caught:
        places.fetcher(allowed=()).fetch("s3://docs/r0.png", 7)
    assert caught.value.code == "url_redirect_refused"
    assert f"Add {places.files.authority} to DOCLOOP_ALLOWED_HOSTS." in caught.value.fix
    assert "hush" not in str(caught.value)
    assert places.files.asked == []


def test_a_storage_url_without_a_task_says_what_is_missing(places: Places) -> None:
    assert places.refusal("s3://docs/a/r0.png").code == "url_needs_task"


def test_a_listed_host_is_fetched_without_the_token_and_asked_for_the_plain_file(places: Places) -> None:
    places.replies["/a.png?size=1"] = Reply(body=b"page")
    assert places.fetcher().fetch(f"http://{places.files.authority}/a.png?size=1#top") == b"page"
    (asked,) = places.files.asked
    assert (asked.authorization, asked.headers["Accept-Encoding"]) == (None, "identity")


def test_localhost_reaches_loopback_when_it_is_listed(places: Places) -> None:
    places.replies["/a.png"] = Reply(body=b"page")
    port = places.files.port
    assert places.fetcher(allowed=(f"localhost:{port}",)).fetch(f"http://LOCALHOST:{port}/a.png") == b"page"


def test_the_environments_proxy_is_not_asked(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{places.files.authority}")
    places.replies["/data/upload/1/a.png"] = Reply(body=b"page")
    assert places.fetcher().fetch("/data/upload/1/a.png") == b"page"
    assert places.files.asked == []


@pytest.mark.parametrize(
    ("uri", "data"),
    [
        ("data:image/png;base64,aGVsbG8=", b"hello"),
        ("data:;base64,aGVsbG8%3D", b"hello"),
        ("DATA:image/png;BASE64,aGVsbG8=", b"hello"),
        ("data:image/svg+xml,%3Csvg/%3E", b"<svg/>"),
        ("data:,", b""),
    ],
)
def test_a_data_uri_is_decoded_here(places: Places, uri: str, data: bytes) -> None:
    assert places.fetcher().fetch(uri) == data


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("data:image/png;base64", "url_malformed"),
        ("data:image/png;base64,a", "url_malformed"),
        ("data:image/png;base64,aGVs*bG8=", "url_malformed"),
        ("data:image/png;base64," + "A" * 200_000, "fetch_too_large"),
        ("data:image/png;base64," + "A" * 2_000_000, "fetch_too_large"),
        ("data:," + "%41" * 100_001, "fetch_too_large"),
    ],
)
def test_a_data_uri_that_is_broken_or_too_large_is_refused(places: Places, uri: str, code: str) -> None:
    assert places.refusal(uri).code == code


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(404), "fetch_not_found"),
        (Reply(410), "fetch_not_found"),
        (Reply(500), "fetch_status"),
        (Reply(429), "fetch_status"),
        (Reply(204, b""), "fetch_status"),
        (Reply(401), "fetch_unauthorized"),
        (Reply(403), "fetch_unauthorized"),
        (Reply(302, headers={"Location": "/user/login/?next=/data/upload/1/a.png"}), "fetch_unauthorized"),
        (Reply(302), "url_redirect_refused"),
        (Reply(302, headers={"Location": "http://[::1"}), "url_redirect_refused"),
        (Reply(302, headers={"Location": "/data/upload/1/a.png"}), "url_redirect_refused"),
        (Reply(body=b"x" * 100_001), "fetch_too_large"),
        (Reply(body=b"x", headers={"Content-Length": "100001"}), "fetch_too_large"),
        (Reply(body=b"x", headers={"Content-Length": "2"}), "fetch_unreachable"),
        (Reply(body=b"x", headers={"Content-Length": "-1"}), "fetch_unreachable"),
        (Reply(body=itertools.repeat(b"x" * 10_000)), "fetch_too_large"),
        (Reply(body=gzip.compress(bytes(10**6)), headers={"Content-Encoding": "gzip"}), "fetch_encoded"),
        (Reply(headers={"X-Flood": "x" * 200_000}), "fetch_unreachable"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.status}",
)
def test_what_goes_wrong_at_the_server_has_a_code_and_a_fix(places: Places, reply: Reply, code: str) -> None:
    places.replies["/data/upload/1/a.png"] = reply
    refusal = places.refusal("/data/upload/1/a.png")
    assert refusal.code == code
    assert refusal.fix


def test_a_body_of_one_byte_at_a_time_is_cut_off_when_the_time_is_up(places: Places) -> None:
    places.replies["/data/upload/1/a.png"] = Reply(body=slowly())
    refusal = places.refusal("/data/upload/1/a.png", limits=FetchLimits(seconds=0.3))
    assert refusal.code == "fetch_timeout"
    assert "0.3 seconds" in refusal.message


def test_headers_of_one_byte_at_a_time_are_cut_off_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not done.wait(0.05):
                    connection.sendall(b"x")

        thread = threading.Thread(target=trickle)
        thread.start()
        fetcher = Fetcher(f"http://127.0.0.1:{listener.getsockname()[1]}", lambda: "", limits=FetchLimits(seconds=0.3))
        with pytest.raises(FetchRefused) as caught:
            fetcher.fetch("/data/upload/1/a.png")
        done.set()
        thread.join()
    assert caught.value.code == "fetch_timeout"


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with WebServer(lambda path: Reply()) as server:
        port = server.port
    with pytest.raises(FetchRefused) as caught:
        Fetcher(f"http://127.0.0.1:{port}", lambda: TOKEN).fetch("/data/upload/1/a.png")
    assert caught.value.code == "fetch_unreachable"


def test_an_unknown_host_is_unreachable() -> None:
    def nobody(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    fetcher = Fetcher("http://label-studio:8080", lambda: TOKEN, ["gone.example.org"], resolver=nobody)
    for url in ("/data/upload/1/a.png", "http://gone.example.org/a.png"):
        with pytest.raises(FetchRefused, match="Name or service not known") as caught:
            fetcher.fetch(url)
        assert caught.value.code == "fetch_unreachable"


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://label-studio", "http://user:pw@label-studio", "http://127.1"])
def test_a_label_studio_url_that_cannot_be_understood_is_a_setup_error(url: str) -> None:
    with pytest.raises(SetupError, match="DOCLOOP_LABEL_STUDIO_URL") as caught:
        Fetcher(url, lambda: TOKEN)
    assert "pw" not in str(caught.value)


class Script:
    """Stands in for the network: answers in order, and remembers where it was asked with which headers."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    def get(self, url: object, addresses: list[str], headers: dict[str, str], deadline: object) -> Answer:
        self.asked.append((f"{url}", addresses[0], headers))
        return self.answers.pop(0)


def scripted(url: str, *answers: Answer, allowed: tuple[str, ...] = (), **options: bool) -> tuple[Fetcher, Script]:
    fetcher = Fetcher(url, lambda: TOKEN, allowed, resolver=lambda host, port: ["198.51.101.7"], **options)
    fetcher._getter = script = Script(*answers)
    return fetcher, script


def test_a_redirect_from_https_to_http_is_refused_also_to_a_listed_host() -> None:
    for target in ("http://files.example.org/a.png", "http://ls.example.org/data/upload/1/a.png"):
        fetcher, script = scripted(
            "https://ls.example.org", Answer(302, target), allowed=("files.example.org", "ls.example.org")
        )
        with pytest.raises(FetchRefused, match="no longer encrypted") as caught:
            fetcher.fetch("/data/upload/1/a.png")
        assert caught.value.code == "url_redirect_refused"
        assert len(script.asked) == 1


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://ls.example.org/data/upload/1/a.png",
        "http://ls.example.org:8080/data/upload/1/a.png",
        "http://www.ls.example.org/data/upload/1/a.png",
    ],
)
def test_another_scheme_port_or_host_is_another_origin_and_gets_no_token(elsewhere: str) -> None:
    allowed = ("ls.example.org", "ls.example.org:8080", "www.ls.example.org")
    fetcher, script = scripted(
        "http://ls.example.org", Answer(302, elsewhere), Answer(200, body=b"page"), allowed=allowed
    )
    assert fetcher.fetch("/data/upload/1/a.png") == b"page"
    assert [headers for _, _, headers in script.asked] == [{"Authorization": TOKEN}, {}]


def test_the_token_is_gone_once_another_host_had_a_say_even_back_at_label_studio() -> None:
    fetcher, script = scripted(
        "http://ls.example.org",
        Answer(302, "http://files.example.org/a"),
        Answer(302, "http://ls.example.org/data/upload/1/b.png"),
        Answer(200, body=b"page"),
        allowed=("files.example.org",),
    )
    assert fetcher.fetch("/data/upload/1/a.png") == b"page"
    assert [bool(headers) for _, _, headers in script.asked] == [True, False, False]


def test_after_five_redirects_it_is_enough() -> None:
    turns = [Answer(302, f"/data/upload/1/{number}.png") for number in range(6)]
    fetcher, script = scripted("http://ls.example.org", *turns)
    with pytest.raises(FetchRefused, match="after 5 redirects") as caught:
        fetcher.fetch("/data/upload/1/a.png")
    assert caught.value.code == "url_redirect_refused"
    assert len(script.asked) == 6


def test_for_a_url_that_a_person_typed_every_public_host_will_do() -> None:
    fetcher, script = scripted("http://ls.example.org", Answer(200, body=b"page"), allow_any_public_host=True)
    assert fetcher.fetch("https://anywhere.example.com/a.png") == b"page"
    assert script.asked == [("https://anywhere.example.com/a.png", "198.51.101.7", {})]


def test_an_empty_token_is_not_sent() -> None:
    fetcher, script = scripted("http://ls.example.org", Answer(200, body=b"page"))
    fetcher._token_source = lambda: ""
    fetcher.fetch("/data/upload/1/a.png")
    assert script.asked[0][2] == {}


def test_a_name_that_is_looked_up_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr("ml_backend.label_studio.fetch._LOOKUP_SECONDS", 0.1)

    def hangs(host: str, port: int) -> list[str]:
        gate.wait(30)
        return ["198.51.101.7"]

    fetcher = Fetcher("http://label-studio:8080", lambda: TOKEN, ["slow.example.org"], resolver=hangs)
    with pytest.raises(FetchRefused, match="no answer within") as caught:
        fetcher.fetch("http://slow.example.org/x.png")
    gate.set()
    assert caught.value.code == "fetch_unreachable"
