"""`trace` against real brains: the hops of a line, and why the others lost."""

from __future__ import annotations

import pytest

from meshnode.control.mesh import Control
from meshnode.observe.trace import Trace, Why
from meshproto.ids import StreamName, short_id
from meshproto.node import Wish
from meshproto.node.view import View
from meshproto.wire import peer_id
from meshproto.wire.control.directory import Layer, Media, Track, TrackKind
from support.control_world import World, until

CAM = StreamName("cam")
RATE_BPS = 1_000_000


def media() -> Media:
    layer = Layer("", RATE_BPS, 640, 360, 30.0)
    return Media(False, (Track("0", TrackKind.VIDEO, "vp8", 90_000, "", (layer,)),))


def links(control: Control) -> int:
    return sum(peer.ready for peer in control.status().peers)


def text(control: Control) -> str:
    return peer_id.to_text(control.node)


async def watched(control: Control) -> None:
    seen = await until(lambda: control.find("cam"), "the stream is known")
    control.watch(seen.stream, Wish(1, 1))
    await until(lambda: control.fed(seen.stream), "a parent")


async def line(world: World) -> tuple[Control, Control, Control]:
    """Origin, relay and leaf; the two ends cannot reach each other."""
    first = await world.node()
    middle = await world.node(first)
    await until(lambda: links(middle) == 1, "a link")
    last = await world.node()
    world.cut(first, last)
    first.publish(CAM, media(), (RATE_BPS,))
    last.meet([middle.own_record()])
    await until(lambda: links(middle) == 2, "a line")
    await watched(last)
    return first, middle, last


def traced(control: Control) -> Trace:
    found = control.report.trace("cam")
    assert found is not None
    return found


async def test_a_trace_leads_hop_by_hop_to_the_origin(world: World) -> None:
    first, middle, last = await line(world)
    found = traced(last)
    assert (found.state, found.origin) == ("live", text(first))
    assert [hop.node for hop in found.hops] == [text(middle), text(first)]
    assert found.hops[-1].short == short_id(first.node).hex()


async def test_far_hops_are_asked_for_their_names(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, middle, last = await line(world)
    end = await world.node()
    for far in (first, middle):
        world.cut(far, end)
    end.meet([last.own_record()])
    await until(lambda: links(last) == 2, "a longer line")
    await watched(end)
    # what the overlay heard of it may be forgotten: a path is named all the same
    monkeypatch.setattr(View, "find", lambda _view, _short: None)
    assert [hop.node for hop in traced(end).hops][1] is None
    found = await end.trace("cam")
    assert found is not None
    assert [hop.node for hop in found.hops] == [text(last), text(middle), text(first)]
    assert [hop.measured for hop in found.hops] == [True, False, False]


async def test_only_the_own_hop_is_measured_and_the_trace_says_so(world: World) -> None:
    _, _, last = await line(world)
    own, told = traced(last).hops
    assert own.measured
    assert own.loss == 0.0
    assert (told.rtt_s, told.loss, told.measured) == (None, None, False)
    assert any("partial view" in sentence for sentence in traced(last).missing)


async def test_costs_of_the_hops_add_up_to_the_delay(world: World) -> None:
    found = traced((await line(world))[2])
    assert found.delay_s is not None
    total_s = sum(hop.cost_s or 0.0 for hop in found.hops)
    assert abs(total_s - found.delay_s) < 1e-6
    assert found.hops[-1].delay_s == 0.0


async def test_the_origin_has_no_hops(world: World) -> None:
    first, _, _ = await line(world)
    found = traced(first)
    assert (found.state, found.hops, found.alternatives) == ("origin", (), ())


async def test_a_child_is_no_alternative_for_it_would_be_a_loop(world: World) -> None:
    _, middle, last = await line(world)
    why = {each.node: each.why for each in traced(middle).alternatives}
    assert why == {text(last): Why.BELOW}


async def test_a_neighbour_in_the_tree_loses_by_its_price(world: World) -> None:
    origin = await world.node()
    stream = origin.publish(CAM, media(), (RATE_BPS,))
    one = await world.node(origin)
    other = await world.node(origin)
    other.meet([one.own_record()])
    await until(lambda: links(one) == links(other) == 2, "a triangle")
    await watched(one)
    await watched(other)

    def others() -> list[Why]:
        return [each.why for each in traced(one).alternatives]

    lost = {Why.DEARER, Why.STANDBY, Why.BELOW, Why.FULL}
    await until(lambda: set(others()) <= lost and others(), "a judged alternative")
    assert one.find("cam").stream == stream  # type: ignore[union-attr]


async def test_a_stream_that_is_not_carried_shows_the_next_hop(world: World) -> None:
    origin = await world.node()
    one = await world.node(origin)
    origin.publish(CAM, media(), (RATE_BPS,))
    await until(lambda: one.find("cam"), "the stream is known")
    found = traced(one)
    assert found.state == "known"
    assert any("partial view" in sentence for sentence in found.missing)


async def test_an_unknown_stream_has_no_trace(world: World) -> None:
    assert await (await world.node()).trace("nobody") is None
