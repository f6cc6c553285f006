"""A drawn trace of a mesh: brains, links and neighbours do all they can for seconds.

`LegTrace` joins five nodes by a `LegNet`; with `both.Both` in every node it is the part
of the comparison of the planes that is about legs.  A seed draws layers, viewers and
the weather of each link, and then deed after deed: parents taken and left, standbys,
second legs, pauses, links that fall, nodes that freeze, streams closed and bound anew,
neighbours that talk nonsense.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from itertools import combinations
from typing import Any

from meshproto.errors import LimitError, StateError
from meshproto.forwarding import relay_table as t
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.relay import wire
from meshproto.forwarding.table import RemoveProducer
from meshproto.ids import TransportId
from meshproto.wire import rtcp
from support.forwarding import OPUS, VP8, Camera
from support.legs import (
    MESH,
    PICTURE,
    PUBLISHER,
    SOUND,
    STREAM,
    VIEWER,
    Hop,
    LegNet,
    producer,
    slots,
)

ORIGIN, BELOW = "a", "bcde"
STEP_S = 0.06


def _config(chance: random.Random) -> ForwardingConfig:
    """The usual one, or one whose limits are met."""
    if chance.random() < 0.6:
        return ForwardingConfig()
    return ForwardingConfig(
        history_packets=chance.choice((40, 200)),
        leg_burst_packets=chance.choice((4, 16)),
        leg_backlog_packets=chance.choice((60, 8192)),
        legs_per_stream=3,
        nacked_packets=8,
        rtx_burst_bytes=4_000,
        cache_bytes=chance.choice((20_000, 2 << 20)),
    )


class LegTrace:
    """One run; `play` tells all of it."""

    def __init__(self, seed: int, make: Callable[..., Any]) -> None:
        self.chance = chance = random.Random(seed)
        self.net = LegNet(ORIGIN, *BELOW, config=_config(chance), make=make)
        self.net.now = chance.choice((0.0, 100.0, 81_234.567))
        self.rids: tuple[str, ...] = chance.choice(((), (), ("l", "m", "h")))
        self.aliases = iter(range(0xFFFF_F000, 0x1_4000_0000, 16))
        self.loss = chance.choice((0.0, 0.01, 0.1))
        self.late_s = chance.choice((0.0, 0.004, 0.05))
        self.serial = 0
        self.cameras: tuple[Camera, ...] = ()

    @property
    def packets(self) -> int:
        """How many were compared."""
        return sum(hop.forwarder.packets for hop in self.net.hops.values())

    def play(self, seconds: float) -> None:
        """A tree to begin with, and then let everything happen."""
        net, chance = self.net, self.chance
        net.lose = lambda *_: chance.random() < self.loss
        net.twice = lambda *_: chance.random() < self.loss / 2
        net.late = lambda *_: chance.random() * self.late_s
        net.origin(ORIGIN, rids=self.rids)
        for name in BELOW:
            net.relay(name, rids=self.rids)
        for one, other in combinations((ORIGIN, *BELOW), 2):
            net.link(one, other, chance.choice((0.002, 0.01, 0.04)))
        self.begins_to_publish()
        net.edge(ORIGIN, "b", self.alias())
        net.edge("b", "c", self.alias())
        net.view("c")
        for _ in range(round(seconds / STEP_S)):
            for _ in range(chance.choice((0, 1, 1, 2))):
                self.deed()
            filmed = () if chance.random() < 0.03 else self.cameras
            net.film(ORIGIN, STEP_S * chance.choice((1, 1, 2)), *filmed)
        for hop in net.hops.values():
            hop.forwarder.stats(net.now)

    def alias(self) -> int:
        """One that no leg had before; the first ones lie where SSRCs wrap."""
        return next(self.aliases) & 0xFFFF_FFFF

    def any(self) -> Hop:
        return self.net[self.chance.choice((ORIGIN, *BELOW))]

    def pair(self) -> tuple[Hop, Hop]:
        """A parent and a child."""
        child = self.chance.choice(BELOW)
        parent = self.chance.choice([n for n in (ORIGIN, *BELOW) if n != child])
        return self.net[parent], self.net[child]

    def layers(self) -> int:
        return self.chance.choice((0xFF, 0xFF, 0xFF, 1, 2, 5, 0))

    def deed(self) -> None:
        deeds: list[Callable[[], None]] = [
            *[self.takes_a_parent] * 4,
            *[self.takes_a_second] * 6,
            *[self.tunes_a_leg] * 4,
            self.moves_to_its_second,
            self.leaves_a_parent,
            self.closes_a_leg,
            self.views,
            self.link_falls,
            self.link_is_new,
            self.freezes,
            self.wakes,
            self.wakes,
            self.wakes,
            self.publishes_anew,
            self.closes_a_stream,
            self.binds_anew,
            self.reports,
            self.reports,
            self.talks_nonsense,
            self.is_measured,
        ]
        with contextlib.suppress(StateError, LimitError):
            self.chance.choice(deeds)()

    # -- what brains decide

    def takes_a_parent(self) -> None:
        parent, child = self.pair()
        alias, history = self.alias(), child.forwarder.stream_history(STREAM)
        start = self.chance.choice((None, None if history is None else history[1] + 1))
        orders = [
            lambda: child.do(t.SetActive(STREAM, parent.id, alias, 0)),
            lambda: parent.do(t.OpenLeg(STREAM, child.id, alias, self.layers(), start)),
        ]
        self.chance.shuffle(orders)  # the Accept may be overtaken
        orders[0]()
        self.net.run(self.chance.choice((0.0, 0.03)))
        orders[1]()

    def takes_a_second(self) -> None:
        parent, child = self.pair()
        use, alias = self.chance.choice(list(t.Second)), self.alias()
        child.do(t.SetSecond(STREAM, parent.id, use, alias, 0))
        standby = use is t.Second.STANDBY
        leg = t.OpenLeg(STREAM, child.id, alias, self.layers(), None, standby)
        parent.do(leg)

    def moves_to_its_second(self) -> None:
        child = self.net[self.chance.choice(BELOW)]
        second = child.forwarder._state.streams[STREAM].second
        if second is not None:
            node_id, alias = second.neighbour.node, second.alias
            alias = self.chance.choice((alias, alias, self.alias()))
            child.do(t.SetActive(STREAM, node_id, alias, 0))

    def leaves_a_parent(self) -> None:
        child = self.net[self.chance.choice(BELOW)]
        child.do(
            self.chance.choice((t.SetActive(STREAM, None), t.SetSecond(STREAM, None)))
        )

    def tunes_a_leg(self) -> None:
        parent, child = self.pair()
        history = parent.forwarder.stream_history(STREAM)
        pause = None
        if history is not None and self.chance.random() < 0.4:
            pause = max(0, history[1] + self.chance.randint(-30, 10))
        parent.do(t.SetLeg(STREAM, child.id, self.layers(), pause))

    def closes_a_leg(self) -> None:
        parent, child = self.pair()
        parent.do(t.CloseLeg(STREAM, child.id))

    def closes_a_stream(self) -> None:
        hop = self.any()
        hop.do(t.CloseStream(STREAM))
        self.net.run(self.chance.choice((0.0, 0.05)))
        hop.do(t.OpenStream(STREAM, origin=hop.name == ORIGIN))
        self.net.run(self.chance.choice((0.0, 0.1)))
        hop.do(t.BindStream(STREAM, slots(True, self.rids)))

    def binds_anew(self) -> None:
        bound = list(slots(True, self.rids))
        what = self.chance.choice(("fewer", "other", "same", "same"))
        if what == "fewer":
            bound = bound[: self.chance.randint(0, len(bound))]
        elif what == "other":
            bound[-1], bound[1] = bound[1], bound[-1]
        self.any().do(t.BindStream(STREAM, tuple(bound)))

    # -- what else happens

    def begins_to_publish(self) -> None:
        self.serial += 1000
        ssrc, first = 0x1000_0000 + self.serial, self.chance.randint(0, 0xFFFF)
        every = self.chance.choice((15, 60))
        names = self.rids or (None,)
        films = [
            Camera(ssrc=ssrc + n, mid="v", rid=rid, sequence=first, key_every=every)
            for n, rid in enumerate(names)
        ]
        for film in films:
            film.serial, film.size = self.serial, self.chance.choice((900, 2500))
        sound = Camera(ssrc=ssrc + 9, codec=OPUS, mid="a", size=80, fps=50)
        sound.serial = self.serial
        self.cameras = (*films, sound)

    def publishes_anew(self) -> None:
        hop = self.net[ORIGIN]
        if self.chance.random() < 0.5:
            hop.do(RemoveProducer(PICTURE), RemoveProducer(SOUND))
            self.net.run(self.chance.choice((0.0, 0.2)))
            hop.do(
                producer(PICTURE, PUBLISHER, VP8, self.rids),
                producer(SOUND, PUBLISHER, OPUS),
                t.BindStream(STREAM, slots(True, self.rids)),
            )
        self.begins_to_publish()

    def views(self) -> None:
        hop = self.net[self.chance.choice(BELOW)]
        hop.forwarder.remove_transport(VIEWER)
        if self.chance.random() < 0.7:
            self.net.view(hop.name)

    def link_falls(self) -> None:
        hop = self.any()
        transport = self.chance.choice(list(hop.links))
        sending = self.chance.random() < 0.7
        hop.forwarder.set_sending(transport, sending, self.net.now)
        hop.drain()

    def link_is_new(self) -> None:
        parent, child = self.pair()
        for one, other in ((parent, child), (child, parent)):
            before = one.ways.pop(other.name)
            del one.links[before]
            if self.chance.random() < 0.8:
                one.forwarder.remove_transport(before)
        self.net.link(parent.name, child.name)

    def freezes(self) -> None:
        self.net[self.chance.choice(BELOW)].alive = False

    def wakes(self) -> None:
        for hop in self.net.hops.values():
            if not hop.alive:
                hop.alive = True
                hop.armed = None
                hop.drain()

    def reports(self) -> None:
        camera = self.chance.choice(self.cameras)
        ntp = round((self.net.now + 1000) * 2**32)
        report = rtcp.SenderReport(camera.ssrc, ntp, camera.timestamp, 1, 1)
        hop = self.net[ORIGIN]
        hop.receive(PUBLISHER, rtcp.build([report]), rtcp=True)

    def talks_nonsense(self) -> None:
        hop, chance = self.any(), self.chance
        transport = chance.choice([*hop.links, MESH, PUBLISHER, TransportId(999)])
        alias = self.alias() - 16 * chance.randint(0, 9) & 0xFFFF_FFFF
        order = chance.choice((0, 100, wire.NUMBER_MASK))
        entries = ((alias, order),)
        said = chance.choice(
            (
                wire.encode(wire.Heartbeat(entries), 7),
                wire.encode(wire.Activate(entries), 7),
                rtcp.build([rtcp.Nack(7, alias + 1, ((5, 0xFFFF),))]),
                rtcp.build([rtcp.PictureLossIndication(7, alias + 1)]),
                chance.randbytes(24),
                b"\x80\xcc\0\2" + bytes(4) + b"MESH",
            )
        )
        hop.receive(transport, said, rtcp=True)
        hop.receive(transport, b"\x90\x61" + chance.randbytes(40), rtcp=False)

    def is_measured(self) -> None:
        hop = self.any()
        transport = self.chance.choice(list(hop.links))
        hop.forwarder.measured(transport, self.chance.choice((None, 0.001, 0.3)))
