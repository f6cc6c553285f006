"""One light member: its socket, its transport, what it sends and what comes.

    async with LightMember(url, "ann") as ann:
        await ann.join("green")
        ann.begin(Numbered())
        await ann.gets("PEER-v0")

A member renegotiates as sfu-go's page does: where it is asked, it brings the sections
that are wanted and offers again.  Packets are counted by track without being opened,
one in `decrypt_every` is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import aiohttp

from support.light_client import LightClient
from support.rooms.describing import Describing, read
from support.rtc import until

_SSRC = struct.Struct("!8xI")


class Show(Protocol):
    """What a member sends."""

    async def run(self, client: LightClient) -> None:
        """Send until cancelled."""


@dataclass(slots=True)
class Got:
    """What came of one track."""

    packets: int = 0
    last_s: float = 0.0
    longest_s: float = 0.0
    """The longest silence between two packets."""

    def note(self, now: float) -> None:
        """One more packet."""
        if self.packets:
            self.longest_s = max(self.longest_s, now - self.last_s)
        self.packets += 1
        self.last_s = now


@dataclass(frozen=True, slots=True)
class Kinds:
    """What a member brings: tracks to send, layers of its picture, sections to begin
    with.
    """

    sends: tuple[str, ...] = ("video", "audio")
    layers: tuple[str, ...] = ()
    pool: int = 2


class _Ears(LightClient):
    """Counts by SSRC before it opens anything."""

    heard: dict[int, Got]

    def _rtp(self, datagram: bytes) -> None:
        ssrc: int = _SSRC.unpack_from(datagram)[0]
        found = self.heard.get(ssrc)
        if found is None:
            found = self.heard[ssrc] = Got()
        found.note(time.monotonic())
        super()._rtp(datagram)


class LightMember:
    """See above."""

    def __init__(
        self,
        base: str,
        user: str,
        *,
        kinds: Kinds = Kinds(),
        decrypt_every: int = 1,
        http: aiohttp.ClientSession | None = None,
    ) -> None:
        self.base = base.rstrip("/")
        self.user = user
        self.joined: dict[str, Any] = {}
        self.messages: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self.client: _Ears | None = None
        self.tracks: dict[int, str] = {}
        self._sdp = Describing(layers=kinds.layers)
        self._sdp.send(*kinds.sends)
        self._sdp.receive(kinds.pool)
        self._decrypt_every = decrypt_every
        self.slots: dict[str, str] = {}
        """Whose tracks are in which slots by now."""
        self._heard: dict[int, Got] = {}
        self._own_http = http is None
        self._http = http or aiohttp.ClientSession()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._offered = self._again = False
        self._each = kinds.pool
        self.connected = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # -- the socket --------------------------------------------------------------------

    async def connect(self) -> None:
        """Open the socket."""
        self._socket = await self._http.ws_connect(
            f"{self.base}/ws", params={"userId": self.user}, max_msg_size=1 << 22
        )
        self._spawn(self._read(self._socket))

    async def close(self) -> None:
        """Be gone, politely."""
        await self.drop_socket()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.client is not None:
            self.client.close()
        if self._own_http:
            await self._http.close()

    async def drop_socket(self) -> None:
        """Lose the socket."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                await self._socket.close()

    async def say(self, type_: str, **data: Any) -> None:
        """One message."""
        assert self._socket is not None
        await self._socket.send_json({"type": type_, "data": data})

    def of(self, type_: str) -> list[dict[str, Any]]:
        """The data of the messages of a type."""
        return [m.get("data") or {} for m in self.messages if m["type"] == type_]

    # -- coming and what comes ---------------------------------------------------------

    @property
    def peer(self) -> str:
        """How others know it."""
        return str(self.joined["peerId"])

    @property
    def token(self) -> str:
        """What it shows when it comes back."""
        return str(self.joined["sessionToken"])

    async def join(self, room: str, *, token: str = "", **slots: Any) -> None:
        """Join, and have a connection; `slots` as the message has it.  Raises
        `AssertionError` when refused.
        """
        shown = {"sessionToken": token} if token else {}
        await self.say("join", roomId=room, userId=self.user, **shown)
        await until(lambda: self.of("join") or self.of("error"), f"{self.user} joins")
        assert not self.of("error"), self.of("error")
        self.joined = self.of("join")[-1]
        if slots:
            await self.say("slots", **slots)
        await self._offer()
        await asyncio.wait_for(self.connected.wait(), 30)

    def begin(self, show: Show) -> None:
        """Send that from now on."""
        assert self.client is not None
        self._spawn(show.run(self.client))

    def got(self, track: str) -> Got:
        """What came of a track by now, under whatever SSRCs."""
        return _sum(g for s, g in self._heard.items() if self.tracks.get(s) == track)

    async def gets(self, track: str, packets: int = 10, deadline_s: float = 30) -> None:
        """Wait for so many more packets of a track."""
        goal = self.got(track).packets + packets
        what = f"{self.user} gets {track}"
        await until(lambda: self.got(track).packets >= goal, what, deadline_s)

    def silences(self) -> dict[str, float]:
        """The longest silence of each track since this was asked last, in seconds."""
        now, found = time.monotonic(), {}
        for ssrc, got in self._heard.items():
            name = self.tracks.get(ssrc, "?")
            found[name] = max(got.longest_s, now - got.last_s)
            got.longest_s = 0.0
        return found

    # -- inside ------------------------------------------------------------------------

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _offer(self) -> None:
        if self._offered:
            self._again = True
            return
        self._offered = True
        self.counts["offers"] += 1
        await self.say("offer", sdp=self._sdp.offer(), peerId=self.peer)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            if frame.type is aiohttp.WSMsgType.TEXT:
                self.counts["octets"] += len(frame.data)
                message = json.loads(frame.data)
                await self._hear(message["type"], message.get("data") or {})
                if message["type"] not in _LONG:
                    self.messages.append(message)

    async def _hear(self, type_: str, data: dict[str, Any]) -> None:
        self.counts[type_] += 1
        if type_ == "ping":
            await self.say("pong")
        elif type_ == "answer":
            await self._answered(data["sdp"])
        elif type_ == "offer":
            await self._asked(data["sdp"])
        elif type_ == "slots":
            self.slots.update(data["showing"])
        elif type_ == "renegotiate":
            self._each = (data["trackCount"] + 1) // 2
            self._sdp.receive(self._each)
            await self._offer()

    async def _asked(self, sdp: str) -> None:
        """The node offers; an offer of ours that crosses it counts for nothing."""
        self.tracks.update(read(sdp).tracks)
        self._again = self._again or self._offered
        self._offered = False
        await self.say("answer", sdp=self._sdp.answer(sdp), peerId=self.peer)
        if self._again:
            self._again = False
            self._sdp.receive(self._each)
            await self._offer()

    async def _answered(self, sdp: str) -> None:
        answer = read(sdp)
        self.tracks.update(answer.tracks)
        self._sdp.agreed()
        self._offered = False
        if self.client is None:
            self.client = _Ears(
                answer.address,
                answer.remote,
                ufrag=self._sdp.ufrag,
                decrypt_every=self._decrypt_every,
            )
            self.client.heard = self._heard
            self._spawn(self._connect(self.client))
        if self._again:
            self._again = False
            await self._offer()

    async def _connect(self, client: LightClient) -> None:
        await client.connect()
        self.connected.set()


def _sum(found: Iterable[Got]) -> Got:
    whole = Got()
    for one in found:
        whole.packets += one.packets
        whole.last_s = max(whole.last_s, one.last_s)
        whole.longest_s = max(whole.longest_s, one.longest_s)
    return whole


_LONG = frozenset({"answer", "offer"})
"""Not worth keeping by the hundred."""
