"""A node asks the mesh for the layers that its viewers have use for."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.events import LayersWanted, LayerSwitched
from meshproto.forwarding.pulling import BARREN_S, GAP_S, HOLD_S
from meshproto.forwarding.table import (
    RemoveConsumer,
    Selection,
    SetSelection,
    TransportKind,
)
from meshproto.ids import ConsumerId, TransportId
from meshproto.wire import rtcp
from support.forwarding import VIEWER_VP8, VP8, Camera, Path, Received, Rig
from support.legs import (
    AB,
    PICTURE,
    STREAM,
    VIEWER,
    Hop,
    LegNet,
    consumer,
    node,
    sound,
)

RIDS = ("l", "m", "h")
SIZES = {"l": 500, "m": 1_500, "h": 6_000}
"""Octets per picture: 120 kb/s, 360 kb/s and 1.4 Mb/s."""

STEP_S = 0.05
"""How late the parent hears of a wish."""


class Tree:
    """Publisher at a, viewers at b, and a brain that does what b's plane wants."""

    def __init__(self) -> None:
        self.net = net = LegNet("a", "b")
        net.origin("a", rids=RIDS)
        net.link("a", "b")
        self.viewer = net.relay("b", rids=RIDS)
        net.edge("a", "b", AB, layers=1)
        self.cameras = {
            rid: Camera(ssrc=0x100 + n, mid="v", rid=rid, size=SIZES[rid])
            for n, rid in enumerate(RIDS)
        }
        self.sound = sound()
        self.words: list[tuple[float, tuple[str, ...]]] = []
        self._answered = 0
        self.path: Path | None = None

    def watch(
        self,
        number: int,
        bitrate_bps: int,
        rid: str | None = None,
        kind: TransportKind = TransportKind.CLIENT,
    ) -> None:
        """A viewer comes; all of them share the transport of the first."""
        hop = self.viewer
        if number == 1:
            hop.forwarder.add_transport(VIEWER, kind, start_bitrate_bps=bitrate_bps)
            hop.forwarder.set_sending(VIEWER, True, self.net.now)
        entry = consumer(number, PICTURE, VIEWER_VP8)
        hop.do(replace(entry, rtx_ssrc=0x6000 + number))
        if rid is not None:
            self.select(number, rid)

    def select(self, number: int, rid: str | None) -> None:
        self.viewer.do(SetSelection(ConsumerId(number), Selection(rid)))

    @property
    def now(self) -> float:
        return self.net.now

    @property
    def got(self) -> dict[int, list[Received]]:
        return {VIEWER: self.viewer.viewed}

    def tell(self, transport: int, packet: bytes | rtcp.RtcpPacket) -> None:
        data = packet if isinstance(packet, bytes) else packet.encode()
        self.viewer.receive(TransportId(transport), data, rtcp=True)

    def roll(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            self._answer()
            self.net.film("a", STEP_S, self.sound, *self.cameras.values())
            self._obey()
            if self.path is not None:
                self.path.carry()

    def _answer(self) -> None:
        hop = self.net["a"]
        for _, _, data in hop.asked[self._answered :]:
            for packet in rtcp.parse(data):
                if isinstance(packet, rtcp.PictureLossIndication):
                    for camera in self.cameras.values():
                        camera.asked |= camera.ssrc == packet.media_ssrc
        self._answered = len(hop.asked)

    def _obey(self) -> None:
        found = [(at, e) for at, e in self.viewer.events if type(e) is LayersWanted]
        for at, event in found[len(self.words) :]:
            assert event.producer == PICTURE
            self.words.append((at, event.rids))
            mask = sum(1 << RIDS.index(rid) for rid in event.rids)
            self.net["a"].do(t.SetLeg(STREAM, node("b"), mask))

    @property
    def wanted(self) -> list[tuple[str, ...]]:
        return [rids for _, rids in self.words]

    def shown(self) -> list[str | None]:
        return [e.rid for e in self.viewer.notices(LayerSwitched)]


def crossed(hop: Hop) -> dict[str, int]:
    layers = hop.forwarder._state.producers[PICTURE].layers
    return {rid: layer.reception.received for rid, layer in layers.items()}


def test_a_viewer_of_the_low_layer_costs_the_link_the_low_layer() -> None:
    tree = Tree()
    tree.watch(1, 5_000_000, "l")
    tree.roll(4.0)
    assert tree.wanted == []
    got = crossed(tree.viewer)
    assert got["l"] > 100
    assert (got["m"], got["h"]) == (0, 0)


def test_a_layer_that_is_chosen_comes_and_the_present_one_stays_until_then() -> None:
    tree = Tree()
    tree.watch(1, 5_000_000, "l")
    tree.roll(1.0)
    began = tree.net.now
    tree.select(1, "h")
    tree.roll(1.0)
    assert tree.wanted == [("l", "h")]
    assert tree.words[0][0] - began <= GAP_S
    assert tree.shown() == ["l", "h"]
    tree.roll(HOLD_S)
    assert tree.wanted == [("l", "h"), ("h",)]
    stamps = [p.view.timestamp for p in tree.viewer.viewed]
    assert all((b - a) % 2**32 < 2**31 for a, b in pairwise(stamps))


@pytest.mark.parametrize("kind", [TransportKind.CLIENT, TransportKind.LOCAL])
def test_a_new_layer_begins_with_a_new_picture_not_with_the_parents_old_ones(
    kind: TransportKind,
) -> None:
    tree = Tree()
    tree.watch(1, 5_000_000, "l", kind)
    tree.roll(2.0)
    chosen_at = tree.now
    tree.select(1, "h")
    tree.roll(1.0)
    seen = [p for p in tree.viewer.viewed if p.payload[-8:-4] == b"\0\0\1\x02"]
    first = int.from_bytes(seen[0].payload[-4:], "big")
    # a group of pictures of two seconds was in the parent's cache
    assert first > tree.cameras["h"].serial * 0.6
    assert seen[0].at - chosen_at < 5 * STEP_S


@pytest.mark.untraced
def test_automatic_choice_asks_for_no_more_than_the_path_takes() -> None:
    tree = Tree()
    tree.watch(1, 300_000)
    tree.path = Path(tree, VIEWER, rate_bps=250_000)
    tree.roll(8.0)
    assert tree.shown() == ["l"]
    assert crossed(tree.viewer)["m"] == crossed(tree.viewer)["h"] == 0
    tree.path.rate_bps = 900_000
    tree.roll(20.0)
    assert tree.shown()[-1] == "m"
    assert crossed(tree.viewer)["h"] == 0
    tree.path.rate_bps = 50e6
    tree.roll(20.0)
    assert tree.shown()[-1] == "h"
    assert tree.wanted[-1] == ("h",)
    tree.path.rate_bps = 300_000
    tree.roll(10.0)
    assert tree.shown()[-1] == "l"
    assert tree.wanted[-1] == ("l",)


def test_what_two_viewers_want_is_asked_for_together() -> None:
    tree = Tree()
    tree.watch(1, 5_000_000, "l")
    tree.watch(2, 5_000_000, "h")
    tree.roll(4.0)
    assert tree.wanted == [("l", "h")]
    tree.viewer.do(RemoveConsumer(ConsumerId(2)))
    tree.roll(HOLD_S / 2)
    assert tree.wanted == [("l", "h")]
    tree.roll(HOLD_S)
    assert tree.wanted == [("l", "h"), ("l",)]


def test_many_changes_are_few_words() -> None:
    tree = Tree()
    tree.watch(1, 5_000_000, "l")
    tree.roll(1.0)
    for _ in range(10):
        tree.select(1, "h")
        tree.select(1, "m")
        tree.roll(STEP_S)
    assert len(tree.words) <= 1 + 10 * STEP_S / GAP_S


def test_a_layer_that_nobody_sends_is_given_up() -> None:
    tree = Tree()
    del tree.cameras["h"]
    tree.watch(1, 9_000_000)
    tree.roll(2.0)
    assert "h" in tree.wanted[-1]
    tree.roll(BARREN_S + HOLD_S + 4.0)
    assert tree.wanted[-1] == ("m",)
    assert tree.shown()[-1] == "m"


def test_a_publisher_without_its_lowest_layer_is_watched_by_the_next_one() -> None:
    tree = Tree()
    del tree.cameras["l"]
    tree.watch(1, 9_000_000)
    tree.roll(BARREN_S + 2.0)
    assert tree.shown()[0] == "m"


@pytest.mark.parametrize("start", [0.1 + 0.0137 * step for step in range(12)])
def test_what_is_held_is_not_looked_at_for_ever_in_one_instant(start: float) -> None:
    """`used + 2 s` may be rounded down to a time that is not yet 2 s later."""
    rig = Rig(now=start)
    forwarder = rig.forwarder
    forwarder.add_transport(TransportId(9), TransportKind.MESH)
    rig.publish(1, 9, VP8, rids=RIDS)
    rig.client(2)
    rig.watch(1, 1, 2, VIEWER_VP8, selection=Selection("h"))
    rig.pass_time(0.3)
    forwarder.program(SetSelection(ConsumerId(1), Selection("l")), rig.now)
    for _ in range(200):
        due = forwarder.next_timeout()
        assert due is not None
        forwarder.handle_timeout(due)
        if due > start + 4.0:
            break
    else:
        pytest.fail(f"200 timers before {due}")
    events = iter(forwarder.poll_event, None)
    wanted = [event.rids for event in events if isinstance(event, LayersWanted)]
    assert wanted[-1] == ("l",)
