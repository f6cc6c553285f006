"""One transport on which tracks come and go both ways, with real clients at its end."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from meshnode.signalling.tracks import OutletState
from meshproto.errors import DecodeError
from meshproto.wire.parameters import MediaKind
from support.calls import Hub, Rtc
from support.offers import play_offer, publish_offer
from support.rtc import until


@pytest.fixture
def hub(client) -> Hub:
    return Hub(client.node._parts)


async def member(stack: AsyncExitStack, hub: Hub, name: str, *kinds: str) -> Rtc:
    """An aiortc client that sends and is ready to get one of each."""
    rtc = await stack.enter_async_context(Rtc(hub.desk(name)))
    for kind in kinds:
        rtc.add(kind, "sendrecv")
    if kinds:
        await rtc.offer()
        await until(lambda: rtc.desk.state == "connected", f"{name} connected")
    return rtc


async def test_two_see_each_other_and_a_third_who_comes_later(hub: Hub) -> None:
    async with AsyncExitStack() as stack:
        one = await member(stack, hub, "one", "video", "audio")
        two = await member(stack, hub, "two", "video", "audio")
        await until(lambda: one.frames["video"] > 10, "one sees two")
        await until(lambda: two.frames["video"] > 10, "two sees one")
        three = await member(stack, hub, "three", "video", "audio")
        for rtc in (one, two, three):
            await until(lambda rtc=rtc: len(rtc.frames) == 2 + 4, "two of each")
        assert hub.consumers() == 12
        one.desk.connection.close("left")
        await until(lambda: hub.consumers() == 4, "legs gone")
        before = three.frames["video"]
        await until(lambda: three.frames["video"] > before + 10, "the rest goes on")
    assert hub.producers() == 0


async def test_a_server_may_offer_first(hub: Hub) -> None:
    async with AsyncExitStack() as stack:
        one = await member(stack, hub, "one", "video", "audio")
        two = await member(stack, hub, "two")
        await until(lambda: two.frames["video"] > 10, "seen by our offer alone")
        assert one.desk.connection.ignored.total() == 0
        two.add("video")
        await two.offer()
        await until(lambda: one.frames["video"] > 10, "and back")


async def test_a_track_more_leaves_the_others_alone(hub: Hub) -> None:
    async with AsyncExitStack() as stack:
        one = await member(stack, hub, "one", "audio")
        two = await member(stack, hub, "two", "audio")
        await until(lambda: two.frames["audio"] > 10, "sound")
        screen = one.add("video")
        await one.offer()
        await until(lambda: two.frames["video"] > 10, "the new track")
        before = [leg.consumer for leg in _legs(two)]
        screen.direction = "inactive"
        await one.offer()
        await until(lambda: hub.producers() == 2, "gone again")
        await until(lambda: len(two.desk.connection.carriage) == 1, "one outlet left")
        heard = two.frames["audio"]
        await until(lambda: two.frames["audio"] > heard + 20, "sound goes on")
        assert [leg.consumer for leg in _legs(two)] == before[:1]


def _legs(rtc: Rtc) -> list:
    return [o.leg for o in rtc.desk.connection.carriage.outlets if o.leg is not None]


async def test_100_tracks_come_and_go_in_the_same_sections(hub: Hub) -> None:
    shown = {"yes": True}
    hub.only = lambda to, _from, inlet: (
        shown["yes"] or inlet.track.kind is MediaKind.AUDIO
    )
    async with AsyncExitStack() as stack:
        await member(stack, hub, "one", "video", "audio")
        two = await member(stack, hub, "two")
        connection = two.desk.connection
        settled = lambda: not connection.due and not connection.busy  # noqa: E731
        await until(lambda: two.frames["audio"] > 10, "sound")
        for _ in range(100):
            shown["yes"] = not shown["yes"]
            hub.spread()
            await until(settled, "an exchange")
        assert shown["yes"]
        await until(lambda: hub.consumers() == 2, "two legs and no more")
        assert len(connection.sections) <= 3
        assert len(two.pc.getTransceivers()) <= 3
        seen = two.frames["video"]
        await until(lambda: two.frames["video"] > seen + 10, "and it plays")
    assert hub.consumers() == hub.producers() == 0


async def test_crossing_offers_end_in_agreement(hub: Hub) -> None:
    async with AsyncExitStack() as stack:
        one = await member(stack, hub, "one", "audio")
        two = await member(stack, hub, "two", "audio")
        for _ in range(20):
            hub.only = lambda *_: False
            hub.spread()
            await two.offer()  # ours is under way while the client gathers
            hub.only = lambda *_: True
            hub.spread()
            await two.offer()
        assert two.desk.connection.ignored["rolled-back"] + two.ignored > 0
        heard = two.frames["audio"]
        await until(lambda: two.frames["audio"] > heard + 10, "sound")
        assert one.desk.connection.ignored.total() == 0


async def test_text_that_cannot_be_read_changes_nothing(hub: Hub) -> None:
    async with AsyncExitStack() as stack:
        one = await member(stack, hub, "one", "audio")
        connection = one.desk.connection
        for text in ("", "v=1", "v=0\r\n" * 40_000):
            with pytest.raises(DecodeError):
                connection.offered(text)
        with pytest.raises(DecodeError):
            connection.trickled("candidate:1 1 udp nonsense")
        connection.trickled("")
        two = await member(stack, hub, "two", "audio")
        await until(lambda: one.frames["audio"] > 10, "sound all the same")
        await until(lambda: two.frames["audio"] > 10, "both ways")


async def test_an_answer_that_cannot_be_read_ends_the_exchange(hub: Hub) -> None:
    async with AsyncExitStack() as stack:
        await member(stack, hub, "one", "audio")
        desk = hub.desk("silent")
        await until(lambda: not desk.wire.empty(), "our offer")
        assert desk.connection.busy
        with pytest.raises(DecodeError):
            desk.connection.answered("v=0")
        assert not desk.connection.busy
        assert not desk.connection.due, "it is not made again before something changes"
        desk.connection.answered("v=0")
        assert desk.connection.ignored["answer"] == 1


async def test_who_has_no_section_for_a_track_is_offered_one(hub: Hub) -> None:
    desk = hub.desk("one")
    desk.take("offer", publish_offer())
    assert [i.track.kind for i in desk.connection.carriage.inlets] == [
        MediaKind.VIDEO,
        MediaKind.AUDIO,
    ]
    other = hub.desk("two")
    other.take("offer", play_offer("audio"))
    states = {o.source.kind: o.state for o in other.connection.carriage.outlets}
    assert states == {
        MediaKind.VIDEO: OutletState.WAITING,
        MediaKind.AUDIO: OutletState.SENDING,
    }
    kinds = []
    await until(lambda: other.wire.qsize() == 2, "our own offer after the answer")
    while not other.wire.empty():
        kinds.append(other.wire.get_nowait()[0])
    assert kinds == ["answer", "offer"]
    assert repr(desk.connection) == "<Connection stable, 2 in, 0 out>"


async def test_a_section_that_the_client_stops_is_left_alone(hub: Hub) -> None:
    async with AsyncExitStack() as stack:
        await member(stack, hub, "one", "audio")
        two = await member(stack, hub, "two", "audio")
        await until(lambda: two.frames["audio"] > 10, "sound")
        transceiver = two.pc.getTransceivers()[0]
        transceiver.direction = "sendonly"
        await two.offer()
        (outlet,) = two.desk.connection.carriage.outlets
        assert outlet.state is OutletState.REFUSED
        assert not two.desk.connection.due
        transceiver.direction = "sendrecv"
        await two.offer()
        assert outlet.state is OutletState.SENDING
        heard = two.frames["audio"]
        await until(lambda: two.frames["audio"] > heard + 10, "sound again")


async def test_who_hangs_up_may_come_back(hub: Hub) -> None:
    async with AsyncExitStack() as stack:
        one = await member(stack, hub, "one", "audio")
        desk = hub.desk("two")
        first = await stack.enter_async_context(Rtc(desk))
        first.add("audio", "sendrecv")
        await first.offer()
        await until(lambda: one.frames["audio"] > 10, "heard")
        await first.pc.close()
        await until(lambda: desk.state == "closed", "gone")
        assert hub.consumers() == 0
        await first.stop_reading()
        second = await stack.enter_async_context(Rtc(desk))
        second.add("audio", "sendrecv")
        await second.offer()
        heard = one.frames["audio"]
        await until(lambda: one.frames["audio"] > heard + 10, "heard again")
        await until(lambda: second.frames["audio"] > 10, "and hears")
