from __future__ import annotations

from meshnode.node.arrival import Arrival
from meshproto.ids import StreamId, StreamName


def made() -> Arrival:
    return Arrival(StreamId(bytes(8)), StreamName("cam"), 10.0, lambda *_: True)


def test_a_stream_that_nobody_watches_has_been_idle_since_the_last_viewer_left() -> (
    None
):
    arrival = made()
    assert arrival.idle_for(12.0) == 2.0
    arrival.audience(1, 12.0)
    assert arrival.idle_for(13.0) == 0.0
    arrival.audience(0, 14.0)
    arrival.audience(0, 15.0)
    assert arrival.idle_for(16.0) == 2.0


def test_silence_lasts_until_packets_have_a_way_again() -> None:
    arrival, streams = made(), None
    arrival.feed(streams)  # type: ignore[arg-type]
    assert arrival.silent_for(11.0) == 0.0
    arrival.silence(12.0)
    arrival.silence(13.0)
    assert not arrival.fed.is_set()
    assert arrival.silent_for(15.0) == 3.0
    arrival.feed(streams)  # type: ignore[arg-type]
    assert arrival.fed.is_set()
    assert arrival.silent_for(16.0) == 0.0
