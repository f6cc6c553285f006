"""Status values as Prometheus metrics."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from meshnode.observe.metrics import REASONS_MAX, NodeMetrics
from meshnode.observe.status import (
    LatencyStatus,
    NodeStatus,
    StreamStatus,
    TrackStatus,
)


def status(**more) -> NodeStatus:
    values = {
        "version": "1",
        "state": "ready",
        "uptime_s": 2.0,
        "plane": "reference",
        "addresses": (),
        "urls": {},
        "limits": {},
    }
    return NodeStatus(**{**values, **more})


def samples(read) -> dict[tuple[str, ...], float]:
    text = NodeMetrics(read).text().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_numbers_are_counters_and_tables_have_a_label() -> None:
    counters = {"sent_bytes": 7, "drops": {"bad": 2, "late": 3}, "name": "text"}
    found = samples(lambda: status(counters=counters))
    assert found["meshnode_sent_bytes_total",] == 7
    assert found["meshnode_drops_total", "bad"] == 2
    assert found["meshnode_drops_total", "late"] == 3
    assert not [key for key in found if "text" in key]


def test_latency_is_a_histogram_of_sums() -> None:
    found = samples(lambda: status(latency=LatencyStatus((0.001, 0.1), (3, 2, 1), 0.5)))
    name = "meshnode_forward_latency_seconds"
    buckets = [found[f"{name}_bucket", bound] for bound in ("0.001", "0.1", "+Inf")]
    assert buckets == [3, 5, 6]
    assert (found[f"{name}_count",], found[f"{name}_sum",]) == (6, 0.5)
    assert not [key for key in samples(status) if key[0].startswith(name)]


def test_what_is_open_is_a_gauge() -> None:
    found = samples(lambda: status(gauges={"transports": 3}))
    assert found["meshnode_transports",] == 3


def test_streams_are_counted_by_state_and_tracks_by_codec() -> None:
    track = TrackStatus("video", "0", "vp8")
    streams = (
        StreamStatus("one", "live", 1.0, 2, (track,)),
        StreamStatus("two", "live", 1.0, 3, (track, track)),
        StreamStatus("three", "lingering", 1.0, 0),
    )
    found = samples(lambda: status(streams=streams))
    assert found["meshnode_streams", "live"] == 2
    assert found["meshnode_streams", "lingering"] == 1
    assert found["meshnode_tracks", "vp8"] == 3
    assert found["meshnode_viewers",] == 5


def test_a_scrape_reads_the_moment() -> None:
    moments = iter([status(uptime_s=1.0), status(uptime_s=2.0, state="draining")])
    metrics = NodeMetrics(lambda: next(moments))
    assert b"meshnode_ready 1.0" in metrics.text()
    assert b"meshnode_ready 0.0" in metrics.text()


def test_two_nodes_do_not_collide() -> None:
    one, two = NodeMetrics(status), NodeMetrics(lambda: status(plane="native"))
    assert b'plane="reference"' in one.text()
    assert b'plane="native"' in two.text()


def test_a_table_without_end_is_cut() -> None:
    table = {f"reason {number}": 1 for number in range(10 * REASONS_MAX)}
    found = samples(lambda: status(counters={"drops": table}))
    assert len([key for key in found if "drops" in key[0]]) == REASONS_MAX
