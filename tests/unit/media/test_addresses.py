from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from halfgig.errors import BadRequest, Forbidden, SourceError, Unreachable
from halfgig.media.addresses import EVERYTHING, AllowList, allow_list, check_url, literal, resolve, why_not_public
from halfgig.settings import Settings

NOTHING = AllowList()
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "192.0.1.1"),
    *("198.17.0.1", "198.20.0.1", "223.255.255.255", "169.253.1.1", "2606:4700::1111", "2a00:1450:4001::200e"),
    *("::ffff:8.8.8.8", "2002:0808:0808::1", "64:ff9b::8.8.8.8"),
]
NOT_PUBLIC = {
    "loopback": ("127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::"),
    "unspecified": ("0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"),
    "private": ("10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00:ec2::254", "fc00::1", "fec0::1"),
    "link-local": ("169.254.169.254", "fe80::1", "febf::1", "::ffff:169.254.169.254", "2002:a9fe:a9fe::"),
    "carrier": ("100.64.0.1", "100.100.100.200", "100.127.255.255"),
    "metadata": ("168.63.129.16", "::ffff:168.63.129.16"),
    "multicast": ("224.0.0.1", "239.255.255.255", "ff02::1"),
    "reserved": (
        *("192.0.0.192", "192.0.2.1", "198.18.0.1", "198.19.0.1", "203.0.113.9", "240.0.0.1", "255.255.255.255"),
        *("192.88.99.1", "2001:db8::1", "2001:10::1", "3fff::1", "64:ff9b:1::1", "4000::1", "::7f00:1", "100::1"),
    ),
}


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses(text: str) -> None:
    assert why_not_public(ip_address(text)) == ""


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in NOT_PUBLIC.items() for text in texts])
def test_addresses_that_are_not_public(kind: str, text: str) -> None:
    assert kind in why_not_public(ip_address(text))


def test_an_address_that_carries_two_is_what_the_worse_of_them_is() -> None:
    # Teredo: the server 65.54.227.120, the client 192.168.0.1 with all bits turned
    assert "private" in why_not_public(ip_address("2001:0:4136:e378:8000:63bf:3f57:fffe"))
    assert why_not_public(ip_address("2001:0:4136:e378:8000:63bf:f7f7:f7f7")) == ""


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("::1", "::1"),
        ("example.org", None),
        ("1.2.3.4.5", None),
        ("256.1.1.1", None),
    ],
)
def test_the_ways_to_spell_an_address(host: str, address: str | None) -> None:
    assert literal(host) == (address and ip_address(address))


# --- URLs ----------------------------------------------------------------------------------------------


def test_the_parts_of_an_address() -> None:
    target = check_url("HTTPS://user:p%40ss@Example.org:8443/a%20b/ünï.mp4?x=1&y=ä#t=5", NOTHING)
    assert target.server == ("https", "example.org", 8443)
    assert target.path == "/a%20b/%C3%BCn%C3%AF.mp4?x=1&y=%C3%A4"
    assert (target.user, target.password) == ("user", "p@ss")
    assert check_url("http://example.org", NOTHING).path == "/"
    assert check_url("http://example.org.", NOTHING).server == ("http", "example.org", 80)
    assert check_url("https://bücher.example/", NOTHING).host == "xn--bcher-kva.example"
    assert check_url("http://[2606:4700::1111]:81/", NOTHING).server == ("http", "2606:4700::1111", 81)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc/passwd",
            "gopher://example.org/_x",
            "ftp://example.org/a",
            "dict://example.org:11211/",
            "data:,x",
        ),
        *("//example.org/a", "example.org/a", "", "http:example.org", "http://", "http:///a", "https://user@/a"),
        *("http://example.org:0/", "http://example.org:99999/", "http://example.org:x/", "http://[::1", "http://[x]/"),
        *(
            "http://a b/",
            "http://example.org/a b",
            "http://example.org/\r\nHost: x",
            "http://exa\tmple.org/",
            "http://\x00",
        ),
        *("http://example.org\\@127.0.0.1/", "http://[fe80::1%25eth0]/", "http://exa%6dple.org/", "http://-x-/"),
        "http://example.org/" + "a" * 9000,
    ],
)
def test_what_is_no_http_address(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        check_url(url, EVERYTHING)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "[fd00:ec2::254]", "[::]", "0"),
        *(
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "127.0.0.1.",
            "①②⑦.⓪.⓪.①",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
        ),
    ],
)
def test_an_address_inside_is_refused_before_anything_is_resolved(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("resolved"))
    for scheme in ("http", "https"):
        with pytest.raises(Forbidden, match="is not visited") as caught:
            check_url(f"{scheme}://{host}/a.mp4", NOTHING)
        assert "ALLOWED_HOSTS" in caught.value.remedy
        assert check_url(f"{scheme}://{host}/a.mp4", EVERYTHING).path == "/a.mp4"


# --- the list of what is allowed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "url", "allowed"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/", True),
        ("127.0.0.1", "http://127.1/", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8001/", False),
        ("127.0.0.0/8", "http://[::ffff:127.9.9.9]/", True),
        ("10.0.0.0/8, 192.168.1.7", "http://192.168.1.7/", True),
        ("10.0.0.0/8, 192.168.1.7", "http://192.168.1.8/", False),
        ("::1", "http://[::1]:99/", True),
        ("[::1]:99", "http://[::1]:99/", True),
        ("[::1]:99", "http://[::1]:98/", False),
        ("LocalHost", "http://localhost/", True),
        ("localhost:80", "http://localhost/", True),
        ("localhost:80", "https://localhost/", False),
        ("0.0.0.0/0", "http://[::1]/", False),
    ],
)
def test_what_is_allowed_all_the_same(entries: str, url: str, allowed: bool) -> None:
    try:
        check_url(url, AllowList.parse(entries))
    except Forbidden:
        assert not allowed
    else:
        assert allowed


@pytest.mark.parametrize("entry", ["http://example.org", "a b", "10.0.0.0/40", "example.org:http", "-"])
def test_a_list_that_does_not_parse_is_refused(entry: str) -> None:
    with pytest.raises(BadRequest, match="ALLOWED_HOSTS"):
        AllowList.parse(f"good.example, {entry}")


def test_the_settings_decide_whether_there_is_a_guard() -> None:
    assert allow_list(Settings(allowed_hosts="10.0.0.1")).everything
    assert not allow_list(Settings(guard_addresses=True)).everything
    assert allow_list(Settings(guard_addresses=True, allowed_hosts="nas")).has_name("nas", 80)


# --- resolving -----------------------------------------------------------------------------------------


def answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name lead to these addresses."""
    found = [(socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, 80)) for one in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_one_address_that_is_not_public_refuses_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "93.184.215.14", "10.0.0.1")
    with pytest.raises(Forbidden, match=r"example\.org leads to 10\.0\.0\.1, which is a private address"):
        resolve("example.org", 80, NOTHING)
    assert resolve("example.org", 80, AllowList.parse("example.org")) == [("93.184.215.14", 80), ("10.0.0.1", 80)]
    assert len(resolve("example.org", 80, AllowList.parse("10.0.0.0/8"))) == 2


def test_a_public_host(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "93.184.215.14", "93.184.215.14")
    assert resolve("example.org", 80, NOTHING) == [("93.184.215.14", 80)]


def test_a_name_that_leads_nowhere() -> None:
    with pytest.raises(Unreachable, match="could not be found"):
        resolve("no.such.host.invalid", 80, NOTHING)
