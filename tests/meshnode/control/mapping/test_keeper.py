"""What is kept, renewed, told and given back, with a router that does as it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from meshnode.control.mapping import exchange
from meshnode.control.mapping import keeper as keeping
from meshnode.control.mapping.gateway import Gateway
from meshnode.control.mapping.keeper import Keeper, Outside
from meshnode.control.mapping.natpmp import NatPmp
from meshnode.control.mapping.pcp import Pcp
from meshnode.control.mapping.values import Grant, Refusal, Way, Wish
from meshproto.wire.portmap.natpmp import Protocol
from support.small_router import OUTSIDE, SmallRouter, small_router

LOOPBACK = Gateway("127.0.0.1", "127.0.0.1")
UDP, TCP = Protocol.UDP, Protocol.TCP


class Case:
    """A keeper, what it told, and the gateway it finds."""

    def __init__(self, router: SmallRouter, control_port: int | None) -> None:
        self.router = router
        self.gateway: Gateway | None = LOOPBACK
        self.told: list[Outside | Refusal] = []
        self.ways: Sequence[Way] = (
            Pcp(LOOPBACK, b"secret", router.port),
            NatPmp(LOOPBACK, router.port),
        )
        self.keeper = Keeper(
            5000,
            control_port,
            b"secret",
            self.told.append,
            find=lambda: self.gateway,
            ways=lambda gateway, secret: self.ways,
        )


@contextlib.asynccontextmanager
async def case(control_port: int | None = 5000) -> AsyncIterator[Case]:
    async with small_router() as router:
        made = Case(router, control_port)
        try:
            yield made
        finally:
            await made.keeper.close()


async def until(check: Callable[[], object], within_s: float = 15.0) -> None:
    async with asyncio.timeout(within_s):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits of the RFCs, shortened: the order of things is the same."""
    monkeypatch.setattr(exchange, "REPEATS_S", (0.2, 0.4))
    monkeypatch.setattr(keeping, "RENEW_MIN_S", 0.05)
    monkeypatch.setattr(keeping, "RETRY_S", 0.05)


async def test_both_ports_are_mapped_told_once_and_given_back() -> None:
    async with case() as c:
        c.keeper.start()
        await until(lambda: c.told)
        assert c.told == [Outside((OUTSIDE, 5000), (OUTSIDE, 5000), "PCP")]
        assert c.router.mapped == {UDP: (5000, 5000), TCP: (5000, 5000)}
        await c.keeper.close()
        assert c.router.mapped == {}


async def test_the_port_that_the_router_chose_is_told_and_asked_for_again(
    hurried: None,
) -> None:
    async with case(None) as c:
        c.router.shift, c.router.lifetime_s = 7, 1
        c.keeper.start()
        await until(lambda: len(c.router.asked) > 3)
        assert c.told == [Outside((OUTSIDE, 5007), None, "PCP")]
        assert c.router.mapped == {UDP: (5000, 5007)}


async def test_a_router_without_pcp_is_asked_by_nat_pmp_at_once() -> None:
    async with case() as c:
        c.router.speaks = {0}
        c.keeper.start()
        await until(lambda: c.told)
        assert c.told == [Outside((OUTSIDE, 5000), (OUTSIDE, 5000), "NAT-PMP")]
        assert c.router.asked.count((2, 1)) == 1
        await c.keeper.close()
        assert c.router.mapped == {}


async def test_another_address_of_the_router_is_told_at_the_next_renewal(
    hurried: None,
) -> None:
    async with case(None) as c:
        c.router.lifetime_s = 1
        c.keeper.start()
        await until(lambda: c.told)
        c.router.outside = "11.77.0.2"
        await until(lambda: len(c.told) > 1)
        assert c.told[-1] == Outside(("11.77.0.2", 5000), None, "PCP")


async def test_what_stands_is_kept_while_the_router_is_silent_and_not_longer(
    hurried: None,
) -> None:
    async with case(None) as c:
        c.ways = (NatPmp(LOOPBACK, c.router.port),)
        c.router.lifetime_s = 1
        c.keeper.start()
        await until(lambda: c.told)
        c.router.silent = True
        asked = len(c.router.asked)
        await until(lambda: len(c.router.asked) > asked)
        assert len(c.told) == 1
        await until(lambda: len(c.told) > 1)
        assert isinstance(c.told[-1], Refusal)
        c.router.silent = False
        await until(lambda: len(c.told) > 2)
        assert isinstance(c.told[-1], Outside)


async def test_a_refusal_is_one_clause_and_said_once(hurried: None) -> None:
    async with case() as c:
        c.router.result = 2
        c.keeper.start()
        await until(lambda: len(c.router.asked) > 4)
        assert c.told == [Refusal("the router refuses by PCP: it is not allowed")]


async def test_an_outside_address_that_is_inside_helps_nobody() -> None:
    async with case() as c:
        c.router.outside = "100.64.3.4"
        c.keeper.start()
        await until(lambda: c.told)
        assert isinstance(c.told[0], Refusal)
        assert "itself is behind a translator (it has 100.64.3.4)" in c.told[0].why
        assert c.router.mapped == {}


async def test_a_grant_for_no_time_is_none() -> None:
    async with case(None) as c:
        c.router.lifetime_s = 0
        c.keeper.start()
        await until(lambda: c.told)
        assert c.told == [Refusal("the router granted nothing")]


async def test_the_port_of_libp2p_may_be_refused_alone() -> None:
    class OnlyUdp:
        name = "half"

        async def grant(self, wish: Wish) -> Grant | Refusal:
            if wish.transport == TCP:
                return Refusal("no TCP")
            return Grant(wish, (OUTSIDE, 5000), 1200)

        async def release(self, grant: Grant) -> None:
            return

    async with case() as c:
        c.ways = (OnlyUdp(),)
        c.keeper.start()
        await until(lambda: c.told)
        assert c.told == [Outside((OUTSIDE, 5000), None, "half", "no TCP")]


async def test_a_way_that_breaks_is_a_refusal_like_another() -> None:
    class Broken:
        name = "UPnP"

        async def grant(self, wish: Wish) -> Grant | Refusal:
            raise AttributeError("of a library")

        async def release(self, grant: Grant) -> None:
            return

    async with case() as c:
        c.ways = (Broken(),)
        c.keeper.start()
        await until(lambda: c.told)
        assert c.told == [Refusal("asking by UPnP failed (AttributeError)")]


async def test_another_network_means_another_router(hurried: None) -> None:
    async with case(None) as c:
        c.router.lifetime_s = 1
        c.keeper.start()
        await until(lambda: c.told)
        c.gateway = None
        await until(lambda: len(c.told) > 1)
        assert c.told[-1] == Refusal("no default gateway was found to ask")


async def test_answers_to_other_questions_and_nonsense_are_passed_over() -> None:
    async with case(None) as c:
        late = bytes([2, 0x81, 0, 0]) + bytes(8 + 12) + b"other-nonce!" + bytes(24)
        c.router.noise = [b"\0", b"GET / HTTP/1.1", late]
        c.keeper.start()
        await until(lambda: c.told)
        assert c.told == [Outside((OUTSIDE, 5000), None, "PCP")]


async def test_after_a_restart_the_router_knows_the_node_by_its_secret() -> None:
    wish = Wish(Protocol.UDP, 5000, 5000)
    async with small_router() as router:
        killed = Pcp(LOOPBACK, b"secret", router.port)
        granted = await killed.grant(wish)
        assert isinstance(granted, Grant)
        assert await Pcp(LOOPBACK, b"secret", router.port).grant(wish) == granted
        stranger = await Pcp(LOOPBACK, b"another", router.port).grant(wish)
        assert stranger == Refusal("the router refuses by PCP: it is not allowed")


async def test_every_port_and_secret_has_a_nonce_of_its_own() -> None:
    nonces = {
        Pcp(LOOPBACK, secret)._question(Wish(protocol, port, port)).nonce
        for secret in (b"one", b"two")
        for protocol in Protocol
        for port in (5000, 5001)
    }
    assert len(nonces) == 8
    assert all(len(nonce) == 12 for nonce in nonces)
