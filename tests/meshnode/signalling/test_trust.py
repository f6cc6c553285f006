"""Host allow-list, callers, proxies and pages of other sites."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from meshnode.signalling.problems import Refused
from meshnode.signalling.trust import Trust, host_name
from support.offers import publish_offer


class Transport:
    """Where a request came from, and by which address of ours."""

    def __init__(self, peer: str, own: str = "127.0.0.1") -> None:
        self.names = {"peername": (peer, 4000), "sockname": (own, 8080)}

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self.names.get(name, default)


def request(peer="127.0.0.1", own="127.0.0.1", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request(
        "GET", "/", headers=named, transport=Transport(peer, own)
    )


def knows(trust: Trust, host: str, own: str = "127.0.0.1") -> bool:
    try:
        trust.caller(request(own=own, Host=host))
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    ("authority", "name"),
    [
        ("Example.org:8080", "example.org"),
        ("[::1]:8080", "::1"),
        ("[::1]", "::1"),
        ("example.org.", "example.org"),
        ("", ""),
    ],
)
def test_a_host_has_neither_port_nor_case(authority, name) -> None:
    assert host_name(authority) == name


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:8080", "127.9.9.9", "[::1]:1", "x.localhost"]
)
def test_loopback_names_are_always_ours(host) -> None:
    assert knows(Trust("192.0.2.1"), host)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "192.0.2.1", "", "localhost@x"]
)
def test_a_name_nobody_gave_us_is_refused(host) -> None:
    assert not knows(Trust("127.0.0.1"), host)


def test_the_refusal_names_the_flag() -> None:
    with pytest.raises(Refused, match="--public-url"):
        Trust("127.0.0.1").caller(request(Host="live.example"))


def test_configured_names_are_ours() -> None:
    trust = Trust(
        "192.0.2.1", names=("203.0.113.4",), public_url="https://live.example:8443"
    )
    for host in ("192.0.2.1:80", "203.0.113.4", "live.example", "LIVE.example:8443"):
        assert knows(trust, host)


def test_on_a_wildcard_the_address_that_was_reached_is_ours() -> None:
    trust = Trust("0.0.0.0")
    assert knows(trust, "192.0.2.7:8080", own="192.0.2.7")
    assert not knows(trust, "192.0.2.8:8080", own="192.0.2.7")
    assert not knows(trust, "evil.example", own="192.0.2.7")


def test_who_asks_from_here_is_local() -> None:
    caller = Trust("127.0.0.1").caller(request(Host="localhost"))
    assert caller.local
    assert caller.here


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"X_Forwarded_For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"Via": "1.1 proxy"},
    ],
)
def test_who_speaks_for_somebody_else_is_not_local(headers) -> None:
    assert not Trust("127.0.0.1").caller(request(Host="localhost", **headers)).local


def test_our_own_page_is_local() -> None:
    trust = Trust("127.0.0.1")
    assert trust.caller(request(Host="localhost", Origin="http://localhost:8080")).local


def test_who_comes_from_outside_is_not_local_whatever_it_calls_us() -> None:
    caller = Trust("0.0.0.0").caller(request("203.0.113.9", Host="localhost"))
    assert not caller.local
    assert not caller.here


PROXIES = ("10.0.0.0/8", "::1/128")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("203.0.113.50", "203.0.113.9", "203.0.113.50"),
        ("10.0.0.1", "rubbish", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::1", "2001:db8::9", "2001:db8::9"),
    ],
)
def test_only_a_trusted_proxy_tells_the_address(peer, forwarded, address) -> None:
    trust = Trust("127.0.0.1", proxies=PROXIES)
    asked = request(peer, Host="localhost", X_Forwarded_For=forwarded)
    assert trust.caller(asked).address == address


# -- over HTTP -------------------------------------------------------------------------

REBOUND = {"Host": "rebound.example"}


@pytest.mark.parametrize(
    "path", ["/", "/whip/demo", "/whep/demo", "/api/streams", "/healthz", "/nowhere"]
)
async def test_a_rebound_name_gets_nothing(client, path) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = await client.ask(method, path, headers=REBOUND)
        assert answer.status == 403


@pytest.mark.parametrize("path", ["/status", "/metrics", "/healthz", "/drain"])
async def test_a_rebound_name_gets_nothing_from_the_operator_either(
    client, path
) -> None:
    for method in ("GET", "POST"):
        answer = await client.ask(method, f"{client.admin}{path}", headers=REBOUND)
        assert answer.status == 403


async def test_a_foreign_page_cannot_publish_without_a_key(client) -> None:
    answer = await client.publish(publish_offer(), Origin="https://evil.example")
    assert answer.status == 403
    assert client.node.streams() == ()


async def test_a_foreign_page_may_publish_with_the_key(start) -> None:
    client = await start(publish_key="s3cret")
    answer = await client.publish(
        publish_offer(), Origin="https://studio.example", Authorization="Bearer s3cret"
    )
    assert answer.status == 201


async def test_status_metrics_and_lists_are_not_for_other_sites(client) -> None:
    page = {"Origin": "https://evil.example"}
    urls = [f"{client.admin}/status", f"{client.admin}/metrics", "/api/streams"]
    for url in urls:
        answer = await client.ask("GET", url, headers=page)
        assert "Access-Control-Allow-Origin" not in answer.headers
        asked = {**page, "Access-Control-Request-Method": "GET"}
        preflight = await client.ask("OPTIONS", url, headers=asked)
        assert "Access-Control-Allow-Origin" not in preflight.headers


async def test_the_public_name_is_served(start) -> None:
    client = await start(public_url="https://live.example")
    answer = await client.ask("GET", "/api/streams", headers={"Host": "live.example"})
    assert answer.status == 200
    assert client.node.urls["whip"] == "https://live.example/whip/"


async def test_under_its_public_name_a_node_without_a_key_takes_no_publisher(
    start,
) -> None:
    client = await start(public_url="https://live.example")
    answer = await client.publish(publish_offer(), Host="live.example")
    assert answer.status == 403
    assert "publish key" in (await answer.json(content_type=None))["detail"]
    assert (await client.publish(publish_offer())).status == 201
