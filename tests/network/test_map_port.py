"""`--map-port` against a real router: miniupnpd, nftables, and a stranger outside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from meshnode.control.mapping import gateway
from meshnode.control.mapping.keeper import Keeper, Outside
from meshnode.control.mapping.natpmp import NatPmp
from meshnode.control.mapping.pcp import Pcp
from meshnode.control.mapping.upnp import Upnp
from meshnode.control.mapping.values import Grant, Refusal, Way, Wish
from meshproto.wire import stun_binding
from meshproto.wire.portmap.natpmp import Protocol
from support.lab.namespaces import require_root, sh
from support.node import RunningNode, running_node
from support.router import HOST, INSIDE, OUTSIDE, STRANGER, Router

PORT = 5000
WISHES = [Wish(protocol, PORT, PORT) for protocol in Protocol]
WAYS: dict[str, Callable[[gateway.Gateway], Way]] = {
    "PCP": lambda found: Pcp(found, b"secret"),
    "NAT-PMP": NatPmp,
    "UPnP": Upnp,
}


@pytest.fixture
def router() -> Iterator[Router]:
    require_root()
    with Router() as made:
        yield made


async def within(router: Router, act: Callable[[gateway.Gateway], Any]) -> Any:
    """`act` on the host behind the router, with the gateway that it finds there."""
    with router.within("host"):
        found = gateway.find()
        assert found == gateway.Gateway(INSIDE, HOST)
        return await act(found)


@pytest.mark.parametrize("name", list(WAYS))
async def test_each_way_opens_both_ports_and_closes_them(
    router: Router, name: str
) -> None:
    router.daemon()

    async def act(found: gateway.Gateway) -> None:
        way = WAYS[name](found)
        granted = [await way.grant(wish) for wish in WISHES]
        assert [g.outside for g in granted] == [(OUTSIDE, PORT)] * 2  # type: ignore[union-attr]
        assert all(60 < g.lifetime_s <= 1200 for g in granted)  # type: ignore[union-attr]
        assert len(await asyncio.to_thread(router.mapped)) == 2
        again = await way.grant(WISHES[0])
        assert isinstance(again, Grant)
        for grant in granted:
            await way.release(grant)  # type: ignore[arg-type]
        assert await asyncio.to_thread(router.mapped) == []

    await within(router, act)


async def test_what_the_router_does_not_allow_is_a_sentence(router: Router) -> None:
    router.daemon()
    low = Wish(Protocol.UDP, 80, 80)

    async def act(found: gateway.Gateway) -> None:
        # by UPnP alone: asked by PCP, miniupnpd tries all ports, which takes seconds
        refusal = await Upnp(found).grant(low)
        assert refusal == Refusal("the router refuses by UPnP: error 606")

    await within(router, act)


async def test_a_router_that_speaks_only_upnp_is_asked_by_upnp(router: Router) -> None:
    router.daemon(datagrams=False)
    told: list[Outside | Refusal] = []

    async def act(found: gateway.Gateway) -> None:
        keeper = Keeper(PORT, PORT, b"secret", told.append, find=lambda: found)
        keeper.start()
        try:
            await _until(lambda: bool(told), 20)
        finally:
            await keeper.close()

    await within(router, act)
    assert told == [Outside((OUTSIDE, PORT), (OUTSIDE, PORT), "UPnP")]
    assert router.mapped() == []


async def test_a_router_that_speaks_nothing_is_one_clause(router: Router) -> None:
    told: list[Outside | Refusal] = []

    async def act(found: gateway.Gateway) -> None:
        keeper = Keeper(PORT, None, b"secret", told.append, find=lambda: found)
        keeper.start()
        try:
            await _until(lambda: bool(told), 20)
        finally:
            await keeper.close()

    await within(router, act)
    assert told == [Refusal("the router speaks neither PCP nor NAT-PMP nor UPnP")]


async def test_a_neighbour_that_answers_the_search_is_not_believed(
    router: Router,
) -> None:
    """It is in the same network, answers first, and points to itself or the router."""
    sh(f"ip -n {router.namespace('router')} addr add 192.0.2.66/24 dev lan")
    heard = threading.Event()
    stop = threading.Event()

    def impostor(ready: threading.Event) -> None:
        with router.within("router"), contextlib.ExitStack() as stack:
            ear = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            ear.bind(("", 1900))
            group = socket.inet_aton("239.255.255.250") + socket.inet_aton(INSIDE)
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
            ear.settimeout(0.1)
            mouth = stack.enter_context(
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            )
            mouth.bind(("192.0.2.66", 0))
            ready.set()
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    _, asker = ear.recvfrom(2000)
                    heard.set()
                    for host in ("192.0.2.66", INSIDE):
                        mouth.sendto(_reply(f"http://{host}:80/d.xml"), asker)

    ready = threading.Event()
    thread = threading.Thread(target=impostor, args=(ready,))
    thread.start()
    try:
        assert ready.wait(10)

        async def act(found: gateway.Gateway) -> None:
            refusal = await Upnp(found).grant(WISHES[0])
            assert refusal == Refusal("the router does not speak UPnP", silent=True)

        await within(router, act)
        assert heard.is_set()
    finally:
        stop.set()
        thread.join()


def _reply(location: str) -> bytes:
    lines = [
        "HTTP/1.1 200 OK",
        "CACHE-CONTROL: max-age=120",
        "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1",
        "USN: uuid:1::urn:schemas-upnp-org:device:InternetGatewayDevice:1",
        f"LOCATION: {location}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.timeout(300)
def test_a_node_behind_a_router_is_reached_from_outside(router: Router) -> None:
    router.daemon()
    beside = router.run("host")
    with running_node(
        "--map-port", "--log-format", "json", port=PORT, beside=beside
    ) as node:
        _wait(lambda: node.status()["mesh"]["reach"] == "mapped", "the mapping")
        status = node.status()
        assert status["addresses"][0] == f"{OUTSIDE}:{PORT}"
        first = status["mesh"]["bootstrap"][0]
        assert first.startswith(f"/ip4/{OUTSIDE}/tcp/{PORT}/p2p/")
        assert _answers_stun(router)
        assert _accepts(router)
        (event,) = _events(node, "Mapped")
        assert event["by"] == "PCP"
        assert event["udp"].endswith(f":{PORT}")
        assert len(router.mapped()) == 2
    assert router.mapped() == []


@pytest.mark.timeout(300)
def test_a_router_that_does_not_help_stops_nothing(router: Router) -> None:
    beside = router.run("host")
    with running_node(
        "--map-port", "--log-format", "json", port=PORT, beside=beside
    ) as node:
        _wait(lambda: bool(_events(node, "NotMapped")), "a sentence")
        (event,) = _events(node, "NotMapped")
        assert "neither PCP nor NAT-PMP nor UPnP" in event["why"]
        assert "--public-ip" in event["instead"]
        assert node.status()["state"] == "ready"
        assert not _accepts(router)


def _events(node: RunningNode, name: str) -> list[dict[str, Any]]:
    lines = node.log.read_text().splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in found if line.get("event") == name]


def _answers_stun(router: Router) -> bool:
    """Whether a stranger's question to the router's address is answered by the node."""
    with router.within("outside"), socket.socket(type=socket.SOCK_DGRAM) as asker:
        asker.settimeout(5)
        asker.sendto(stun_binding.request(b"123456789012"), (OUTSIDE, PORT))
        answer, source = asker.recvfrom(2000)
        return source == (OUTSIDE, PORT) and answer[8:20] == b"123456789012"


def _accepts(router: Router) -> bool:
    with router.within("outside"):
        try:
            with socket.create_connection((OUTSIDE, PORT), 3) as made:
                return bool(made.getsockname()[0] == STRANGER)
        except OSError:
            return False


def _wait(check: Callable[[], bool], what: str, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.1)


async def _until(check: Callable[[], bool], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
