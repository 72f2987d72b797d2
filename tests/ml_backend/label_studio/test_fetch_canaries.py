"""Promise P8: a task URL never reaches where it must not, and never carries our token there.

Canaries listen on 127.0.0.2 to 127.0.0.5 and ::1; every connection that this process opens is noted besides, so that a URL that
would have gone to another address or port is caught too. Each URL comes in through three doors: as the task's URL, as a
redirect from Label Studio's storage, as a redirect from a listed host.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hostile.forbidden_places import IDS, REDIRECTS, ROWS, TOKEN, World, opened_world
from hostile.loopback_servers import Canary

from ml_backend.errors import FetchRefused
from ml_backend.label_studio.fetch import Fetcher


@pytest.fixture(scope="module")
def servers() -> Iterator[World]:
    with opened_world() as world:
        yield world


@pytest.fixture
def world(servers: World) -> World:
    servers.reset()
    return servers


def test_there_are_enough_rows_to_mean_something() -> None:
    assert len(ROWS) == len({url for url, _ in ROWS})
    assert len(ROWS) >= 200


@pytest.mark.parametrize(("url", "code"), ROWS, ids=IDS)
def test_as_a_task_url_it_is_refused_before_any_connection(world: World, url: str, code: str) -> None:
    refusal = world.refusal(world.fill(url))
    assert refusal.code == code
    assert refusal.fix
    assert "pw@" not in refusal.message
    assert (world.connected, world.tokens_asked) == ([], 0)


@pytest.mark.parametrize("url", [url for url, _ in REDIRECTS], ids=[name for _, name in REDIRECTS])
def test_as_a_redirect_from_label_studios_storage_it_is_not_followed(world: World, url: str) -> None:
    world.location = world.fill(url)
    with pytest.raises(FetchRefused) as caught:
        world.fetcher().fetch("s3://bucket/a.png", 7)
    assert caught.value.code in {"url_redirect_refused", "fetch_unauthorized"}
    assert world.connected == [("127.0.0.1", world.label_studio.port)] * len(world.label_studio.asked)
    assert {asked.path.split("?")[0] for asked in world.label_studio.asked} == {"/tasks/7/resolve/"}


@pytest.mark.parametrize("url", [url for url, _ in REDIRECTS], ids=[name for _, name in REDIRECTS])
def test_as_a_redirect_from_a_listed_host_it_leads_nowhere_and_carries_no_token(world: World, url: str) -> None:
    world.location = world.fill(url)
    refusal = world.refusal(f"http://{world.listed.authority}/go")
    assert refusal.code in {
        "url_redirect_refused",
        "fetch_not_found",
    }  # a relative one is asked of the listed host itself
    assert world.connected == [("127.0.0.1", world.listed.port)] * len(world.listed.asked)
    assert {asked.authorization for asked in world.listed.asked} == {None}
    assert (world.tokens_asked, world.label_studio.asked) == (0, [])


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.2"],
        ["127.0.0.1"],
        ["::1"],
        ["0.0.0.0"],
        ["::"],
        ["10.1.2.3"],
        ["172.16.0.1"],
        ["192.168.1.1"],
        ["169.254.169.254"],
        ["fe80::1"],
        ["fe80::1%lo"],
        ["fd00:ec2::254"],
        ["fec0::1"],
        ["100.64.0.1"],
        ["192.0.0.8"],
        ["198.18.0.1"],
        ["224.0.0.1"],
        ["ff02::1"],
        ["240.0.0.1"],
        ["255.255.255.255"],
        ["::ffff:127.0.0.2"],
        ["::ffff:10.0.0.1"],
        ["::127.0.0.2"],
        ["64:ff9b::127.0.0.2"],
        ["64:ff9b:1::7f00:2"],
        ["2002:7f00:2::"],
        ["2001:0:7f00:2::1"],
        ["198.51.101.7", "127.0.0.2"],
        ["127.0.0.2", "198.51.101.7"],
    ],
    ids=" and ".join,
)
def test_a_listed_public_name_that_resolves_inside_is_refused_before_any_connection(
    world: World, answers: list[str]
) -> None:
    for options in ({}, {"allow_any_public_host": True}):
        fetcher = Fetcher(
            "http://ls.example", world.token, ["files.example.org"], resolver=lambda *_: answers, **options
        )
        with pytest.raises(FetchRefused) as caught:
            fetcher.fetch("http://files.example.org/a.png")
        assert caught.value.code == "url_address_refused"
    assert (world.connected, world.tokens_asked) == ([], 0)


def test_the_address_that_was_checked_is_the_one_connected_to_whatever_the_name_says_next(world: World) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.3"]])
    port = world.listed.port
    fetcher = world.fetcher(f"rebind.example.org:{port}", resolver=lambda host, port: next(answers))
    with pytest.raises(FetchRefused) as caught:
        fetcher.fetch(f"http://rebind.example.org:{port}/other")
    assert caught.value.code == "fetch_not_found"
    assert world.connected == [("127.0.0.1", port)]
    assert next(answers) == ["127.0.0.2"]


def test_a_redirect_to_the_same_name_is_resolved_and_checked_again(world: World) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    port = world.listed.port
    world.location = f"http://rebind.example.org:{port}/again"
    fetcher = world.fetcher(f"rebind.example.org:{port}", resolver=lambda host, port: next(answers))
    with pytest.raises(FetchRefused, match=r"leads to 127\.0\.0\.2, a loopback address") as caught:
        fetcher.fetch(f"http://rebind.example.org:{port}/go")
    assert caught.value.code == "url_redirect_refused"
    assert world.connected == [("127.0.0.1", port)]


def test_the_canaries_would_sing_if_they_were_touched() -> None:
    canary = Canary(("127.0.0.2",))
    with socket.create_connection(("127.0.0.2", canary.port)) as connection:
        connection.sendall(TOKEN.encode())
        connection.recv(1)
    canary.close()
    assert canary.touched == [("127.0.0.2", TOKEN.encode())]
