"""Keeping the way in open: ask, renew, delete, and tell what came of it.

    keeper = Keeper(media_port, control_port, secret, told)
    keeper.start(); ...; await keeper.close()

The three ways are tried in the order in which they are worth most: PCP names its
mappings, NAT-PMP is a question and an answer, UPnP is a conversation.  The first that
grants the media port stays until it fails; the port of libp2p is asked for the same
way.  A grant is renewed when half of what is left of it is over (RFC 6887 section
11.2.1), so a router that is away for a moment costs nothing.

Whatever goes wrong here is told as one clause and tried again later.  It never ends the
node: a mapping is a favour.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from meshnode.control.mapping.gateway import Gateway
from meshnode.control.mapping.gateway import find as find_gateway
from meshnode.control.mapping.natpmp import NatPmp
from meshnode.control.mapping.pcp import Pcp
from meshnode.control.mapping.values import (
    LIFETIME_S,
    Address,
    Grant,
    Refusal,
    Way,
    Wish,
    leads_nowhere,
)
from meshproto.wire.portmap.natpmp import Protocol

RETRY_S = 300.0
"""Between two searches for a router that helps."""
RENEW_MIN_S = 4.0
"""Between two renewals (RFC 6887 section 11.2.1)."""
LIFETIME_MAX_S = 2.0 * LIFETIME_S
"""Renewed as if granted for no longer, because routers forget when they restart."""
RELEASE_S = 2.0
"""For deletions at the end; what is not deleted runs out."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What the router leads to this node; `control` None: `why_not`."""

    media: Address
    control: Address | None
    way: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class _Held:
    grant: Grant
    until_s: float


Told = Callable[[Outside | Refusal], None]


def ways_to(gateway: Gateway, secret: bytes) -> Sequence[Way]:
    """All ways of asking `gateway`, best first."""
    # why here: XML and HTTP of UPnP are for those who asked for a mapping
    from meshnode.control.mapping.upnp import Upnp  # noqa: PLC0415

    return (Pcp(gateway, secret), NatPmp(gateway), Upnp(gateway))


class Keeper:
    """Keeps one media port, and a port of libp2p if there is one, mapped.

    `secret` should be the same after a restart: by it a router knows us again.
    """

    def __init__(
        self,
        media_port: int,
        control_port: int | None,
        secret: bytes,
        told: Told,
        *,
        find: Callable[[], Gateway | None] = find_gateway,
        ways: Callable[[Gateway, bytes], Sequence[Way]] = ways_to,
    ) -> None:
        self._media = Wish(Protocol.UDP, media_port, media_port)
        self._control = (
            None
            if control_port is None
            else Wish(Protocol.TCP, control_port, control_port)
        )
        self._secret = secret
        self._told = told
        self._find = find
        self._ways = ways
        self._clock = asyncio.get_running_loop().time
        self._gateway: Gateway | None = None
        self._way: Way | None = None
        self._held: dict[Protocol, _Held] = {}
        self._last: Outside | Refusal | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ask."""
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """Stop, and give back what was granted."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        way, held = self._way, list(self._held.values())
        self._held.clear()
        if way is not None and held:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RELEASE_S):
                    await asyncio.gather(
                        *(way.release(each.grant) for each in held),
                        return_exceptions=True,
                    )

    async def _keep(self) -> None:
        while True:
            outcome = await self._round()
            if outcome != self._last:
                self._last = outcome
                self._told(outcome)
            await asyncio.sleep(self._pause_s())

    def _pause_s(self) -> float:
        """Until the next thing to do: half of what is left, of whatever ends first."""
        if not self._held:
            return RETRY_S
        ends_s = min(held.until_s for held in self._held.values())
        return max(RENEW_MIN_S, (ends_s - self._clock()) / 2)

    async def _round(self) -> Outside | Refusal:
        gateway = self._find()
        if gateway != self._gateway:  # another network: what the old one gave is gone
            self._gateway, self._way = gateway, None
            self._held.clear()
        if gateway is None:
            return Refusal("no default gateway was found to ask")
        if self._way is not None:
            return await self._ask(self._way)
        return await self._search(gateway)

    async def _search(self, gateway: Gateway) -> Outside | Refusal:
        """Try all ways; the first that says something worth telling is told."""
        refusals = []
        for way in self._ways(gateway, self._secret):
            outcome = await self._ask(way)
            if isinstance(outcome, Outside):
                self._way = way
                return outcome
            refusals.append(outcome)
        said = [refusal for refusal in refusals if not refusal.silent]
        silence = Refusal("the router speaks neither PCP nor NAT-PMP nor UPnP")
        return said[0] if said else silence

    async def _ask(self, way: Way) -> Outside | Refusal:
        """Ask for everything that is wished for, again or for the first time."""
        media = await self._obtain(way, self._media)
        if isinstance(media, Refusal):
            self._way = None
            return media
        if self._control is None:
            return Outside(media.outside, None, way.name)
        control = await self._obtain(way, self._control)
        if isinstance(control, Refusal):
            return Outside(media.outside, None, way.name, control.why)
        return Outside(media.outside, control.outside, way.name)

    async def _obtain(self, way: Way, wish: Wish) -> Grant | Refusal:
        """A grant, the one that is held where the router just does not answer."""
        held, now = self._held.get(wish.transport), self._clock()
        if held is not None:
            wish = replace(wish, outside_port=held.grant.outside[1])
        answer = await _granted(way, wish)
        if isinstance(answer, Grant):
            lifetime_s = min(answer.lifetime_s, LIFETIME_MAX_S)
            self._held[wish.transport] = _Held(answer, now + lifetime_s)
            return answer
        if held is not None and now + RENEW_MIN_S < held.until_s:
            return held.grant
        self._held.pop(wish.transport, None)
        return answer


async def _granted(way: Way, wish: Wish) -> Grant | Refusal:
    """What comes of asking, whatever it is; a grant of no use is given back."""
    try:
        answer = await way.grant(wish)
        if isinstance(answer, Refusal):
            return answer
        host, port = answer.outside
        if answer.lifetime_s > 0 and port > 0 and not leads_nowhere(host):
            return answer
        await way.release(answer)
    except Exception as error:  # why all: libraries, and a router's answers in them
        return Refusal(f"asking by {way.name} failed ({type(error).__name__})")
    if leads_nowhere(host):
        return Refusal(f"the router itself is behind a translator (it has {host})")
    return Refusal("the router granted nothing")
