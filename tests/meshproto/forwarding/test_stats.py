"""Counters and gauges: a fixed shape that can cross any border."""

from __future__ import annotations

import msgpack

from support.forwarding import OPUS, VIEWER_VP8, VP8, Camera, Rig


def rig_in_use() -> Rig:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, VP8, mid="0", rids=("a", "b"))
    rig.publish(2, 1, OPUS)
    rig.watch(1, 1, 2, VIEWER_VP8)
    rig.roll(1, Camera(mid="0", rid="a"), 0.5)
    rig.send(1, b"nonsense")
    return rig


def test_the_snapshot_is_plain_data() -> None:
    rig = rig_in_use()
    stats = rig.forwarder.stats(rig.now)
    again = msgpack.unpackb(msgpack.packb(stats), strict_map_key=False)
    assert again == stats
    tables = {"drops", "transports", "producers", "consumers", "streams"}
    assert set(stats) == tables


def test_figures_are_those_of_what_happened() -> None:
    rig = rig_in_use()
    stats = rig.forwarder.stats(rig.now)
    assert stats["drops"] == {"rtp-short": 1}
    layer = stats["producers"][1]["layers"]["a"]
    viewer = stats["consumers"][1]
    assert layer["packets"] == viewer["packets"] == len(rig.got[2])
    assert layer["key_frames"] == 1
    assert layer["cached"]
    assert layer["consumers"] == 1
    assert stats["producers"][1]["layers"]["b"]["packets"] == 0
    assert (viewer["phase"], viewer["rid"]) == ("live", "a")
    assert stats["transports"][2]["sending"]
