"""A hub of connections, and clients that talk to it without any door.

Everybody in a `Hub` gets what the others send.  The messages between a client and its
connection pass queues, so they arrive in order and offers cross as they do on a wire.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack
from playwright.async_api import Error as PageError
from playwright.async_api import Page

from meshnode.node.parts import Parts
from meshnode.signalling.connection import Connection, Rules
from meshnode.signalling.members import Track
from meshnode.signalling.tracks import Inlet, Outlet, Source
from meshproto.ids import ProducerId

HERE = Rules(here=True)
SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


class Desk:
    """One client's end at the node: what `Party` asks for, and the wire to the client.

    `tell(type, sdp)` takes what goes to the client.
    """

    def __init__(self, hub: Hub, name: str, rules: Rules) -> None:
        self.hub = hub
        self.name = name
        self.state = "new"
        self.heard: list[tuple[str, bytes | str]] = []
        self.wire: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.playing: dict[ProducerId, Outlet] = {}
        parts = hub.parts
        self.connection = Connection(
            parts.port, parts.streams.directory, parts.advertiser, self, rules
        )

    def take(self, kind: str, sdp: str) -> None:
        """The client says something."""
        if kind == "offer":
            answer = self.connection.offered(sdp)
            if answer is not None:
                self.wire.put_nowait(("answer", answer))
        elif kind == "answer":
            self.connection.answered(sdp)
        else:
            self.connection.trickled(sdp)

    # -- what the connection says ------------------------------------------------------

    def negotiate(self) -> None:
        text = self.connection.offer()
        if text is not None:
            self.wire.put_nowait(("offer", text))

    def received(self, _inlets: Sequence[Inlet]) -> None:
        self.hub.spread()

    def placed(self, outlet: Outlet) -> None:
        track = next(
            t for t in self.hub.tracks() if self.playing.get(t.producer) is outlet
        )
        assert outlet.leg is not None
        self.hub.parts.port.plane.program([outlet.leg.follow(track)])

    def lost(self, _outlet: Outlet) -> None:
        """The hub asks the connection itself."""

    def changed(self, state: str) -> None:
        self.state = state
        if self.connection.closed:
            self.hub.desks.pop(self.name, None)

    def said(self, label: str, data: bytes | str) -> None:
        self.heard.append((label, data))


class Hub:
    """Plays everything to everybody else; `only` narrows what is played to whom."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.desks: dict[str, Desk] = {}
        self.only: Callable[[str, str, Inlet], bool] = lambda _to, _from, _inlet: True

    def desk(self, name: str, rules: Rules = HERE) -> Desk:
        """A place for one more client."""
        desk = self.desks[name] = Desk(self, name, rules)
        self.spread()
        return desk

    def tracks(self) -> list[Track]:
        """All tracks that come in."""
        desks = self.desks.values()
        return [i.track for desk in desks for i in desk.connection.carriage.inlets]

    def spread(self) -> None:
        """Start and stop outlets until everybody has what is there for him."""
        for desk in self.desks.values():
            wanted = {
                inlet.track.producer: (other.name, inlet)
                for other in self.desks.values()
                for inlet in other.connection.carriage.inlets
                if other is not desk and self.only(desk.name, other.name, inlet)
            }
            for producer in [p for p in desk.playing if p not in wanted]:
                desk.connection.stop(desk.playing.pop(producer))
            for producer, (name, inlet) in wanted.items():
                if producer not in desk.playing:
                    desk.playing[producer] = desk.connection.send(_source(name, inlet))

    def consumers(self) -> int:
        """Legs in the forwarding table."""
        stats: Any = self.parts.port.plane.stats()
        return len(stats["forwarder"]["consumers"])

    def flowing(self) -> bool:
        """Whether every track in the forwarding table has packets."""
        stats: Any = self.parts.port.plane.stats()
        layers = [p["layers"][""] for p in stats["forwarder"]["producers"].values()]
        return all(layer["packets"] for layer in layers)

    def producers(self) -> int:
        """Tracks in the forwarding table."""
        stats: Any = self.parts.port.plane.stats()
        return len(stats["forwarder"]["producers"])


def _source(name: str, inlet: Inlet) -> Source:
    track = inlet.track
    return Source(track.kind, track.codecs, name, f"{track.kind.value}{track.producer}")


class Rtc:
    """An aiortc client at a desk.  It cannot roll back: its own offer counts."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.frames: Counter[str] = Counter()
        self.ignored = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._settled = asyncio.Event()
        self.pc.on("track", self._begin)

    async def __aenter__(self) -> Self:
        self._tasks.append(asyncio.create_task(self._read()))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.desk.connection.close("left")
        await self.stop_reading()
        await self.pc.close()

    async def stop_reading(self) -> None:
        """Take nothing off the wire any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def add(self, kind: str, direction: str = "sendonly") -> Any:
        """One more track of ours."""
        track = VideoStreamTrack() if kind == "video" else AudioStreamTrack()
        return self.pc.addTransceiver(track, direction)

    async def offer(self) -> None:
        """Offer what there is, and wait for the answer."""
        self._settled.clear()
        await self.pc.setLocalDescription(await self.pc.createOffer())
        self.desk.take("offer", self.pc.localDescription.sdp)
        await asyncio.wait_for(self._settled.wait(), 30)

    async def _read(self) -> None:
        while True:
            kind, sdp = await self.desk.wire.get()
            if kind == "offer" and self.pc.signalingState != "stable":
                self.ignored += 1
                continue
            await self.pc.setRemoteDescription(RTCSessionDescription(sdp, kind))
            if kind == "answer":
                self._settled.set()
                continue
            await self.pc.setLocalDescription(await self.pc.createAnswer())
            self.desk.take("answer", self.pc.localDescription.sdp)

    def _begin(self, track: Any) -> None:
        self._tasks.append(asyncio.create_task(self._pump(track)))

    async def _pump(self, track: Any) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                await track.recv()
                self.frames[track.kind] += 1
                self.frames[track.id] += 1


class PageRtc:
    """A client in a browser page (`calls.js`), polite or not, at a desk."""

    def __init__(self, page: Page, desk: Desk) -> None:
        self.page = page
        self.desk = desk
        self._reader: asyncio.Task[None] | None = None

    async def start(self, *, polite: bool = False) -> None:
        """Connect the page and its desk."""
        name = f"node_{self.desk.name}"
        await self.page.expose_function(name, self.desk.take)
        await self.page.evaluate("o => call(o)", {"name": name, "polite": polite})
        self._reader = asyncio.create_task(self._read())

    async def run(self, script: str) -> Any:
        """Evaluate on the page; the call is `c`."""
        name = f"node_{self.desk.name}"
        return await self.page.evaluate(
            f"async () => {{ const c = calls.{name}; {script} }}"
        )

    async def close(self) -> None:
        """Leave."""
        if self._reader is not None:
            self._reader.cancel()
        self.desk.connection.close("left")

    async def _read(self) -> None:
        name = f"node_{self.desk.name}"
        with contextlib.suppress(PageError):  # the browser was closed
            while True:
                kind, sdp = await self.desk.wire.get()
                await self.page.evaluate(
                    "m => calls[m.name].hear(m)",
                    {"name": name, "kind": kind, "sdp": sdp},
                )
