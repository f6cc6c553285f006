"""Prometheus metrics, read from the node's status at the moment of the scrape.

Nothing is counted twice: the packet path and the sessions count for themselves, and a
scrape turns those figures into metrics.  Labels come from small fixed sets (direction,
reason, state, codec), never a stream name, a session or an address: those would grow
without bound, and a metrics store would become a record of who watched what.  The
registry is the node's own, so several nodes in one process do not collide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from meshnode.observe.mesh_metrics import of_mesh, of_volunteer
from meshnode.observe.status import LatencyStatus, NodeStatus, StreamStatus

CONTENT_TYPE = CONTENT_TYPE_LATEST
LABELS = {"http_refusals": "status", "events": "event", "limits_reached": "limit"}
"""The label of a table of counters, where it is not "reason"."""
REASONS_MAX = 200
"""Values of one label; reasons are fixed words, so this is a fuse, not a limit."""


class NodeMetrics(Collector):
    """One node's registry; `read` gives its status when a scrape comes."""

    def __init__(self, read: Callable[[], NodeStatus]) -> None:
        self._read = read
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """The exposition text of this moment."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """What `prometheus_client` calls for every scrape."""
        status = self._read()
        yield InfoMetricFamily(
            "meshnode", "What runs", {"version": status.version, "plane": status.plane}
        )
        yield _gauge("uptime_seconds", "Time since the start", status.uptime_s)
        ready = float(status.state == "ready")
        yield _gauge("ready", "1 while new sessions are welcome", ready)
        yield from _of_streams(status.streams)
        if status.mesh is not None:
            yield from of_mesh(status.mesh)
        if status.volunteer is not None:
            yield from of_volunteer(status.volunteer)
        for name, value in status.gauges.items():
            yield _gauge(name, _words(name), value)
        yield from _of_counters(status.counters)
        if status.latency is not None:
            yield _of_latency(status.latency)


def _of_streams(streams: Iterable[StreamStatus]) -> Iterator[Metric]:
    states: Counter[str] = Counter()
    tracks: Counter[str] = Counter()
    viewers = 0
    for stream in streams:
        states[stream.state] += 1
        viewers += stream.viewers
        tracks.update(track.codec for track in stream.tracks)
    yield _labelled_gauge("streams", "Streams known here", "state", states)
    yield _labelled_gauge("tracks", "Tracks published here", "codec", tracks)
    yield _gauge("viewers", "Sessions that watch", viewers)


def _of_latency(latency: LatencyStatus) -> Metric:
    sums = accumulate(latency.counts)
    names = [*map(str, latency.bounds_s), "+Inf"]
    return HistogramMetricFamily(
        "meshnode_forward_latency_seconds",
        "From the kernel's receive stamp to the last copy of a packet",
        buckets=list(zip(names, sums, strict=True)),
        sum_value=latency.sum_s,
    )


def _of_counters(counters: Mapping[str, object]) -> Iterator[Metric]:
    """One counter for a number, one with a label for a table of numbers."""
    for name, value in counters.items():
        if isinstance(value, Mapping):
            yield _labelled_counter(name, value)
        elif isinstance(value, int | float):
            yield _counter(name, value)


def _counter(name: str, value: float) -> Metric:
    return CounterMetricFamily(f"meshnode_{name}", _words(name), value)


def _labelled_counter(name: str, table: Mapping[object, float]) -> Metric:
    family = CounterMetricFamily(
        f"meshnode_{name}", _words(name), labels=[LABELS.get(name, "reason")]
    )
    for reason, value in list(table.items())[:REASONS_MAX]:
        family.add_metric([str(reason)], value)
    return family


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"meshnode_{name}", words, value)


def _labelled_gauge(
    name: str, words: str, label: str, table: Mapping[str, int]
) -> Metric:
    family = GaugeMetricFamily(f"meshnode_{name}", words, labels=[label])
    for value, count in table.items():
        family.add_metric([value], count)
    return family


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
