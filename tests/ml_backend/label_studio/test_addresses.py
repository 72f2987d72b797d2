"""Which hosts may be named and which addresses may stand behind them: the table of the rule, row by row."""

from __future__ import annotations

import ipaddress

import pytest

from ml_backend.errors import FetchRefused, SetupError
from ml_backend.label_studio.addresses import AllowList, kind_of
from ml_backend.label_studio.web_address import WebAddress, parse_web_address


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("8.8.8.8", "public"),
        ("2606:4700::1111", "public"),
        ("::ffff:8.8.8.8", "public"),
        ("64:ff9b::8.8.8.8", "public"),
        ("2002:808:808::1", "public"),
        ("127.0.0.1", "loopback"),
        ("127.255.0.1", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("2002:7f00:1::", "loopback"),
        ("10.0.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.0.1", "private"),
        ("fd12::1", "private"),
        ("::ffff:10.0.0.1", "private"),
        ("0.0.0.0", "special"),
        ("169.254.169.254", "special"),
        ("100.64.0.1", "special"),
        ("172.32.0.1", "public"),
        ("192.0.0.8", "special"),
        ("192.88.99.1", "special"),
        ("198.18.0.1", "special"),
        ("203.0.113.1", "special"),
        ("224.0.0.1", "special"),
        ("255.255.255.255", "special"),
        ("::", "special"),
        ("::127.0.0.1", "special"),
        ("fe80::1", "special"),
        ("fec0::1", "special"),
        ("ff02::1", "special"),
        ("2001:0:7f00:1::", "special"),
        ("2001:db8::1", "special"),
        ("3fff::1", "special"),
        ("5f00::1", "special"),
        ("64:ff9b:1::1", "special"),
    ],
)
def test_every_address_is_of_one_kind_also_when_it_is_wrapped(address: str, kind: str) -> None:
    assert kind_of(ipaddress.ip_address(address)) == kind


@pytest.mark.parametrize(
    ("entry", "url", "address", "reached", "why"),
    [
        ("files.example.org", "https://files.example.org/a", "8.8.8.8", True, "a public name at a public address"),
        ("files.example.org", "http://files.example.org/a", "8.8.8.8", True, "the usual port of either scheme"),
        ("files.example.org", "https://files.example.org/a", "10.0.0.1", False, "a public name has moved inside"),
        ("files.example.org", "https://files.example.org:8443/a", "8.8.8.8", False, "another port was not listed"),
        ("files.example.org:8443", "https://files.example.org:8443/a", "8.8.8.8", True, "the port was listed"),
        ("files.example.org:8443", "https://files.example.org/a", "8.8.8.8", False, "only that port"),
        (
            "files.corp.example:9000",
            "http://files.corp.example:9000/a",
            "10.0.0.1",
            True,
            "named with its port: may be inside",
        ),
        ("files.corp.example:80", "http://files.corp.example/a", "10.0.0.1", True, "the usual port, named"),
        ("files.corp.example:9000", "http://files.corp.example:9000/a", "127.0.0.1", False, "but never loopback"),
        ("files.corp.example:9000", "http://files.corp.example:9000/a", "169.254.169.254", False, "nor cloud metadata"),
        ("minio", "http://minio/a", "172.18.0.4", True, "a name without a dot is an inside name"),
        ("minio:9000", "http://minio:9000/a", "172.18.0.4", True, "the same with its port"),
        ("minio:9000", "http://minio:9000/a", "127.0.0.1", False, "still never loopback"),
        ("localhost:9000", "http://localhost:9000/a", "127.0.0.1", True, "localhost is loopback"),
        ("localhost:9000", "http://localhost:9000/a", "::1", True, "of either family"),
        ("localhost:9000", "http://localhost:9000/a", "10.0.0.1", False, "and nothing else"),
        ("localhost", "http://localhost:9000/a", "127.0.0.1", False, "without a port only 80 and 443"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000/a", "127.0.0.1", True, "an address that was listed as such"),
        ("127.0.0.1:9000", "http://127.0.0.1:9001/a", "127.0.0.1", False, "not its other ports"),
        ("169.254.169.254", "http://169.254.169.254/a", "169.254.169.254", True, "listed means meant"),
        ("[::1]:9000", "http://[0:0::1]:9000/a", "::1", True, "IPv6 addresses are compared, not their spelling"),
        ("FILES.example.org", "https://files.EXAMPLE.org/a", "8.8.8.8", True, "names have no case"),
        (
            "example.org",
            "https://files.example.org/a",
            "8.8.8.8",
            False,
            "a listed name does not stand for names below it",
        ),
    ],
)
def test_an_entry_reaches_what_the_table_says(entry: str, url: str, address: str, reached: bool, why: str) -> None:
    assert reaches(AllowList([entry]), url, address) is reached, why


def reaches(allowed: AllowList, url: str, address: str) -> bool:
    try:
        allowed.check_host(parse_web_address(url))
        allowed.check_address(parse_web_address(url), ipaddress.ip_address(address))
    except FetchRefused:
        return False
    return True


def test_the_fix_of_a_refused_address_is_an_entry_that_works() -> None:
    url = parse_web_address("http://files.corp.example:9000/a")
    with pytest.raises(FetchRefused) as caught:
        AllowList(["files.corp.example:9000"]).check_address(url, ipaddress.ip_address("127.0.0.1"))
    assert str(caught.value) == (
        "http://files.corp.example:9000/a leads to 127.0.0.1, a loopback address. "
        "If that is meant, add 127.0.0.1:9000 to DOCLOOP_ALLOWED_HOSTS."
    )
    assert reaches(AllowList(["files.corp.example:9000", "127.0.0.1:9000"]), str(url), "127.0.0.1")


def test_any_public_host_is_public_addresses_only() -> None:
    allowed = AllowList([], any_public=True)
    assert reaches(allowed, "https://anywhere.example:8443/a", "8.8.8.8")
    assert not any(
        reaches(allowed, "http://anywhere/a", inside) for inside in ("10.0.0.1", "127.0.0.1", "169.254.169.254")
    )


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "http://files.example.org",
        "files.example.org/a",
        "a b",
        "*.example.org",
        "host:",
        "host:99999",
        "10.0.0.0/8",
        "127.1",
    ],
)
def test_an_entry_that_is_no_host_is_a_setup_error_that_quotes_it(entry: str) -> None:
    with pytest.raises(SetupError, match="DOCLOOP_ALLOWED_HOSTS") as caught:
        AllowList([entry])
    assert repr(entry) in caught.value.message


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://Files.Example.ORG", WebAddress("http", "files.example.org", 80)),
        (
            "HTTPS://files.example.org:8443/a/b.png?x=1#y",
            WebAddress("https", "files.example.org", 8443, "/a/b.png", "x=1"),
        ),
        ("http://[2001:DB8:0::7]:80/", WebAddress("http", "2001:db8::7", 80)),
        ("http://my_minio:9000/a b/ü?q=ä", WebAddress("http", "my_minio", 9000, "/a%20b/%C3%BC", "q=%C3%A4")),
        (
            "http://h/a%2Fb~c?X-Sig=a%2Fb%3D%3D&c=d+e",
            WebAddress("http", "h", 80, "/a%2Fb~c", "X-Sig=a%2Fb%3D%3D&c=d+e"),
        ),
    ],
)
def test_a_url_is_taken_apart_once_and_sent_as_it_was_signed(text: str, address: WebAddress) -> None:
    assert parse_web_address(text) == address


def test_a_url_is_shown_without_its_query_and_on_one_line() -> None:
    assert str(parse_web_address("https://h.example:444/a.png?sig=hush#x")) == "https://h.example:444/a.png"
    assert len(str(parse_web_address("http://h/" + "a" * 5000))) < 200


def test_a_url_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(FetchRefused, match="carries a user name or password") as caught:
        parse_web_address("http://anna:hush@files.example.org/a.png")
    assert "http://***@files.example.org/a.png" in caught.value.message
    assert "hush" not in str(caught.value)
