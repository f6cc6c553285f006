"""NACKs of viewers: answered from history, within bounds, never under a used nonce."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import pytest

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.outputs import Resend
from meshproto.forwarding.table import MoveConsumer
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire import rtcp, twcc
from support.forwarding import OPUS, VIEWER_VP8, VP8, Camera, Received, Rig


def stage(
    *, rtx: bool = True, config: ForwardingConfig | None = None, sequence: int = 100
) -> tuple[Rig, Camera, int]:
    rig = Rig(config or ForwardingConfig())
    rig.client(1)
    rig.client(2, bitrate_bps=5_000_000)
    rig.publish(1, 1, VP8)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8, rtx=rtx, sequence=sequence)
    camera = Camera(size=3_000)
    rig.roll(1, camera, 0.5)
    return rig, camera, ssrc


def nack(rig: Rig, ssrc: int, lost: Iterable[int]) -> None:
    numbers = [number & 0xFFFF for number in lost]
    rig.tell(2, rtcp.Nack.of(9, ssrc, numbers))


def counters(rig: Rig) -> dict[str, object]:
    found = rig.forwarder.stats(rig.now)["consumers"]
    assert isinstance(found, dict)
    return found[1]


def test_rtx_carries_the_original_under_its_own_numbers() -> None:
    rig, _, ssrc = stage()
    sent = {packet.index: packet for packet in rig.media(2, ssrc)}
    nack(rig, ssrc, [105, 106])
    repairs = rig.media(2, ssrc + 0x1000000)
    assert len(repairs) == 2
    first = repairs[0].index
    assert first < 1 << 15
    for step, (number, repair) in enumerate(zip((105, 106), repairs, strict=True)):
        assert repair.view.payload_type == 124
        assert repair.index == first + step
        assert repair.payload == number.to_bytes(2, "big") + sent[number].payload
        assert repair.view.timestamp == sent[number].view.timestamp
        assert repair.view.marker == sent[number].view.marker
        assert repair.view.padding_length == 0
    numbers = [int.from_bytes(p.elements[5], "big") for p in rig.got[2]]
    assert numbers == list(range(len(numbers)))


def test_without_rtx_the_plane_is_told_to_repeat_the_protected_packet() -> None:
    rig, _, ssrc = stage(rtx=False)
    count = len(rig.got[2])
    nack(rig, ssrc, [105])
    assert rig.resends == [Resend(2, ssrc, 105)]
    assert len(rig.got[2]) == count


def test_numbers_are_found_over_a_wrap() -> None:
    rig, _, ssrc = stage(sequence=65530)
    sent = {packet.index: packet for packet in rig.media(2, ssrc)}
    nack(rig, ssrc, [65540])
    [repair] = rig.media(2, ssrc + 0x1000000)
    assert repair.payload[2:] == sent[65540].payload
    assert repair.payload[:2] == (4).to_bytes(2, "big")


def test_the_same_packet_is_not_repeated_within_half_a_round_trip() -> None:
    rig, _, ssrc = stage()
    for _ in range(5):
        nack(rig, ssrc, [105])
    assert len(rig.media(2, ssrc + 0x1000000)) == 1
    assert counters(rig)["repairs_refused"] == 4
    rig.pass_time(0.2)
    nack(rig, ssrc, [105])
    assert len(rig.media(2, ssrc + 0x1000000)) == 2


def test_what_was_never_sent_is_not_answered() -> None:
    rig, _, ssrc = stage()
    nack(rig, ssrc, [99, 30_000, 60_000])
    assert rig.media(2, ssrc + 0x1000000) == []
    rig.tell(2, rtcp.Nack.of(9, 12345, [1, 2, 3]))
    assert rig.media(2, ssrc + 0x1000000) == []


def test_a_viewer_cannot_ask_for_more_than_its_share() -> None:
    config = ForwardingConfig(rtx_burst_bytes=5_000, rtx_share=0.1)
    rig, _camera, ssrc = stage(config=config)
    sent = rig.media(2, ssrc)
    for _ in range(40):
        nack(rig, ssrc, [packet.index for packet in sent[-30:]])
        rig.pass_time(0.05)
    repairs = rig.media(2, ssrc + 0x1000000)
    media = sum(len(packet.payload) for packet in sent)
    assert sum(len(packet.payload) for packet in repairs) <= 5_000 + 0.11 * media
    assert counters(rig)["repairs_refused"] > 100


def test_retransmissions_wait_for_a_path_that_is_full() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2, bitrate_bps=300_000)
    rig.publish(1, 1, VP8)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    camera = Camera(size=1_000)
    rig.roll(1, camera, 2.0)
    began = rig.now
    nack(rig, ssrc, [packet.index for packet in rig.media(2, ssrc)[-30:]])
    at_once = len(rig.media(2, ssrc + 0x1000000))
    rig.pass_time(1.0)
    repairs = rig.media(2, ssrc + 0x1000000)
    assert 0 < at_once < 30
    assert len(repairs) == 30
    assert repairs[-1].at > began + 0.1


def test_a_packet_that_never_came_is_asked_for_upstream_and_forwarded_late() -> None:
    rig, camera, ssrc = stage()
    frame = camera.frame()
    rig.send(1, frame[0], *frame[2:])
    rig.pass_time(0.6)  # we gave up asking on our own
    rig.rtcp[1].clear()
    missing = sorted(
        set(range(100, max(p.index for p in rig.media(2, ssrc))))
        - {p.index for p in rig.media(2, ssrc)}
    )
    assert len(missing) == 1
    nack(rig, ssrc, missing)
    asked = [p for _, p in rig.rtcp[1] if isinstance(p, rtcp.Nack)]
    assert len(asked) == 1
    rig.send(1, frame[1])
    late = rig.media(2, ssrc)[-1]
    assert late.index == missing[0]
    assert counters(rig)["repairs_missed"] == 1


def test_repairs_of_an_earlier_producer_are_not_mixed_up() -> None:
    rig, _, ssrc = stage()
    rig.client(3)
    rig.publish(2, 3, VP8)
    other = Camera(ssrc=0x2222, sequence=9)
    rig.forwarder.program(MoveConsumer(ConsumerId(1), ProducerId(2)), rig.now)
    rig.roll(3, other, 0.2)
    nack(rig, ssrc, [105])
    assert rig.media(2, ssrc + 0x1000000) == []


def test_sound_without_nack_is_not_asked_for() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, OPUS)
    ssrc = rig.watch(1, 1, 2, OPUS, rtx=False)
    sound = Camera(codec=OPUS, fps=50, size=80)
    packets = [sound.frame()[0] for _ in range(10)]
    rig.send(1, *packets[:3], *packets[5:])
    rig.pass_time(0.2)
    assert rig.asked(1, rtcp.Nack) == []
    assert [p.index for p in rig.media(2, ssrc)] == [0, 1, 2, 5, 6, 7, 8, 9]


def test_on_a_lossy_path_a_repetition_goes_out_twice() -> None:
    rig, _, ssrc = stage()
    lose(rig, ssrc)
    nack(rig, ssrc, [105])
    assert len(rig.media(2, ssrc + 0x1000000)) == 1
    rig.pass_time(0.05)
    first, second = rig.media(2, ssrc + 0x1000000)
    assert first.payload == second.payload
    assert second.index == first.index + 1


def test_on_a_clean_path_once_is_enough() -> None:
    rig, _, ssrc = stage()
    nack(rig, ssrc, [105])
    rig.pass_time(0.05)
    assert len(rig.media(2, ssrc + 0x1000000)) == 1


def feedback(rig: Rig, lost: set[int], first: int, count: int) -> None:
    arrivals: list[twcc.Arrival] = [
        (number & 0xFFFF, None if number in lost else int(rig.now * 1e6))
        for number in range(first, first + count)
    ]
    rig.tell(2, twcc.build(9, 0, 0, arrivals)[0])


def numbers(rig: Rig) -> dict[int, int]:
    """Packet index by transport-wide number, of what the viewer was sent."""
    return {
        int.from_bytes(packet.elements[5], "big"): packet.index for packet in rig.got[2]
    }


def repeated(rig: Rig, ssrc: int, index: int) -> list[Received]:
    """The repetitions of a packet; probes repeat others meanwhile."""
    original = (index & 0xFFFF).to_bytes(2, "big")
    repairs = rig.media(2, ssrc + 0x1000000)
    return [repair for repair in repairs if repair.payload[:2] == original]


def test_what_feedback_reports_as_lost_is_repeated_unasked() -> None:
    rig, _, ssrc = stage()
    sent = numbers(rig)
    lost = max(sent) - 30
    feedback(rig, {lost}, lost - 9, 12)
    [repair] = repeated(rig, ssrc, sent[lost])
    rig.pass_time(0.1)
    lost_again = int.from_bytes(repair.elements[5], "big")
    feedback(rig, {lost_again}, lost_again - 1, 3)
    again = repeated(rig, ssrc, sent[lost])
    assert [r.payload for r in again] == [repair.payload] * 2


def test_what_was_asked_for_is_not_repeated_for_its_first_loss() -> None:
    rig, _, ssrc = stage()
    sent = numbers(rig)
    lost = max(sent) - 30
    nack(rig, ssrc, [sent[lost]])
    rig.pass_time(0.1)
    feedback(rig, {lost}, lost - 9, 12)
    assert len(repeated(rig, ssrc, sent[lost])) == 1


def test_what_a_key_frame_made_useless_is_not_repeated() -> None:
    rig, camera, ssrc = stage()
    sent = numbers(rig)
    lost = max(sent) - 30
    rig.send(1, *camera.frame(key=True))
    rig.pass_time(0.1)
    feedback(rig, {lost}, lost - 9, 12)
    assert repeated(rig, ssrc, sent[lost]) == []


def test_repeating_on_our_own_account_ends() -> None:
    rig, _, ssrc = stage()
    sent = numbers(rig)
    number = lost = max(sent) - 30
    for _ in range(10):
        feedback(rig, {number}, number - 1, 3)
        rig.pass_time(0.06)
        number = int.from_bytes(repeated(rig, ssrc, sent[lost])[-1].elements[5], "big")
    assert len(repeated(rig, ssrc, sent[lost])) == 4


@pytest.mark.parametrize("lost", [True, False], ids=["lossy", "clean"])
def test_what_a_lost_feedback_would_have_told_of_is_repeated(lost: bool) -> None:
    rig, _, ssrc = stage()
    if lost:
        lose(rig, ssrc)
    sent = numbers(rig)
    first = max(sent) - 60
    feedback(rig, set(), first, 10)
    feedback(rig, set(), first + 30, 10)  # and one between the two was lost
    rig.pass_time(0.1)
    again = [number for number in sent if repeated(rig, ssrc, sent[number])]
    assert again == (list(range(first + 10, first + 30)) if lost else [])


def test_a_long_silence_of_feedback_is_no_loss() -> None:
    rig, camera, ssrc = stage()
    rig.roll(1, camera, 0.5)
    lose(rig, ssrc)
    sent = numbers(rig)
    assert max(sent) > 90
    feedback(rig, set(), max(sent) - 90, 10)
    feedback(rig, set(), max(sent) - 10, 10)
    rig.pass_time(0.1)
    consumer = rig.forwarder._state.consumers[ConsumerId(1)]
    assert consumer.repairs.answered == 0  # what was sent again are probes


def test_a_feedback_about_nothing_is_heard_without_harm() -> None:
    rig, _, ssrc = stage()
    about_nothing = struct.pack("!BBHIIHHI", 0x8F, 205, 4, 9, ssrc, 5, 0, 0)
    rig.forwarder.receive_rtcp(TransportId(2), about_nothing, rig.now)
    feedback(rig, {10}, 5, 12)
    assert repeated(rig, ssrc, numbers(rig)[10])


def lose(rig: Rig, ssrc: int) -> None:
    """Two reports of 5 % loss."""
    lossy = rtcp.ReceiverReport(9, (rtcp.ReportBlock(ssrc, fraction_lost=13),))
    rig.tell(2, lossy)  # once may be congestion
    rig.tell(2, lossy)


def test_a_packet_that_was_late_for_us_is_sent_twice_on_a_lossy_path() -> None:
    rig, camera, ssrc = stage()
    lose(rig, ssrc)
    frame = camera.frame()
    rig.send(1, frame[0], *frame[2:])
    rig.send(1, frame[1])
    late = rig.media(2, ssrc)[-1]
    rig.pass_time(0.02)
    [repair] = rig.media(2, ssrc + 0x1000000)
    assert repair.payload[2:] == late.payload
