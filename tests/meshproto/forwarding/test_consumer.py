"""How one consumer writes packets."""

from __future__ import annotations

from meshproto.forwarding.consumer import Phase
from meshproto.forwarding.table import Selection, SetSelection
from meshproto.ids import ConsumerId
from meshproto.wire import rtp
from meshproto.wire.descriptor import vp8
from support.forwarding import H264, VIEWER_VP8, VP8, Camera, Rig


def consumer_of(rig: Rig, number: int = 1):  # type: ignore[no-untyped-def]
    return rig.forwarder._state.consumers[ConsumerId(number)]


def stage() -> tuple[Rig, Camera, int]:
    rig = Rig()
    rig.client(1)
    rig.client(2, bitrate_bps=20_000_000)
    rig.publish(1, 1, VP8)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    return rig, Camera(), ssrc


def test_the_two_ways_of_writing_agree() -> None:
    """A filter that lets everything pass goes packet by packet."""
    wires = []
    for selection in (Selection(), Selection(max_temporal=5)):
        rig = Rig()
        rig.client(1)
        rig.client(2, bitrate_bps=20_000_000)
        rig.publish(1, 1, VP8)
        rig.watch(1, 1, 2, VIEWER_VP8, selection=selection)
        rig.roll(1, Camera(temporal=2), 0.5)
        wires.append([packet.wire for packet in rig.got[2]])
    assert wires[0] == wires[1]


def test_phases_follow_what_there_is() -> None:
    rig, camera, _ = stage()
    one = consumer_of(rig)
    assert one.phase is Phase.SILENT
    camera.asked = False
    rig.send(1, *camera.frame())
    assert one.phase in {Phase.SILENT, Phase.WAITING}
    rig.send(1, *camera.frame(key=True))
    assert one.phase is Phase.LIVE
    rig.forwarder.program(SetSelection(ConsumerId(1), Selection(paused=True)), rig.now)
    assert one.phase is Phase.SILENT


def test_padding_only_packets_of_the_publisher_close_their_numbers() -> None:
    rig, camera, ssrc = stage()
    rig.send(1, *camera.frame())
    padding = rtp.build(96, camera.sequence, camera.timestamp, camera.ssrc, padding=99)
    camera.sequence += 1
    rig.send(1, padding)
    rig.send(1, *camera.frame())
    got = rig.media(2, ssrc)
    assert [p.index for p in got] == list(range(len(got)))
    assert all(p.payload for p in got)
    assert consumer_of(rig).dropped == 1


def test_a_late_padding_packet_fills_the_hole_it_left() -> None:
    rig, camera, ssrc = stage()
    rig.send(1, *camera.frame())
    padding = rtp.build(96, camera.sequence, camera.timestamp, camera.ssrc, padding=99)
    camera.sequence += 1
    rig.send(1, *camera.frame())
    rig.send(1, padding)
    got = rig.media(2, ssrc)
    assert sorted(p.index for p in got) == list(range(len(got)))
    filler = got[-1]
    assert (filler.view.payload_length, filler.view.padding_length) == (0, 1)
    assert consumer_of(rig).is_filler(filler.index)
    assert not consumer_of(rig).is_filler(0)


def test_repairs_of_renumbered_pictures_are_renumbered_alike() -> None:
    rig, camera, ssrc = stage()
    camera.temporal = 2
    rig.forwarder.program(
        SetSelection(ConsumerId(1), Selection(max_temporal=0)), rig.now
    )
    rig.roll(1, camera, 0.5)
    got = rig.media(2, ssrc)
    ids = [vp8.locate(p.payload).picture_id for p in got]
    assert sorted(set(ids)) == list(range(ids[0], ids[0] + len(set(ids))))
    from meshproto.wire import rtcp

    wanted = got[-3]
    rig.tell(2, rtcp.Nack.of(9, ssrc, [wanted.index]))
    [repair] = rig.media(2, ssrc + 0x1000000)
    assert repair.payload[2:] == wanted.payload


def test_an_unwanted_picture_from_before_the_start_moves_no_picture_id() -> None:
    rig, camera = Rig(), Camera(temporal=2)
    rig.client(1)
    rig.client(2, bitrate_bps=20_000_000)
    rig.publish(1, 1, VP8)
    rig.send(1, *camera.frame())
    late = camera.frame()  # of the higher layer
    rig.send(1, *camera.frame(key=True))
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8, selection=Selection(max_temporal=0))
    rig.roll(1, camera, 0.2)
    rig.send(1, *late)
    rig.roll(1, camera, 0.2)
    assert consumer_of(rig).dropped > len(late)
    ids: dict[int, int] = {}
    for packet in sorted(rig.media(2, ssrc), key=lambda p: p.index):
        ids[packet.view.timestamp] = vp8.locate(packet.payload).picture_id
    first, *_ = shown = list(ids.values())
    assert shown == list(range(first, first + len(shown)))


def test_only_long_losses_make_a_viewer_lossy() -> None:
    rig, _, _ = stage()
    one = consumer_of(rig)
    one.reported(200, 10.0)
    assert not one.lossy
    one.reported(4, 10.1)
    one.reported(6, 10.2)
    assert one.lossy
    one.reported(0, 12.2)  # a report of a few packets says nothing
    assert one.lossy
    assert one.fraction_lost == 0
    one.reported(4, 12.3)
    assert not one.lossy
    one.reported(9, 12.4)
    assert not one.lossy
    one.reported(9, 12.5)
    assert one.lossy
    one.rtx_ssrc = None
    assert not one.lossy


def test_a_payload_that_is_no_vp8_is_left_as_it_is() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2, bitrate_bps=20_000_000)
    rig.publish(1, 1, H264)
    ssrc = rig.watch(1, 1, 2, H264, selection=Selection(max_temporal=0))
    camera = Camera(codec=H264)
    frame = camera.frame()
    rig.send(1, *frame)
    payloads = [rtp.payload(packet, rtp.parse(packet)) for packet in frame]
    assert [p.payload for p in rig.media(2, ssrc)] == payloads
