"""Figures under the names that dashboards of sfu-go ask for (RFC 0014 section 6.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted; `lost` is the mean share that members lose."""

    rooms: int = 0
    members: int = 0
    connections: int = 0
    sent: int = 0
    received: int = 0
    resumed: int = 0
    not_resumed: int = 0
    octets: int = 0
    lost: float = 0.0


def exposed(figures: Figures) -> bytes:
    """The figures in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(_Once(_metrics(figures)))
    return generate_latest(registry)


class _Once(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _metrics(found: Figures) -> Iterator[Metric]:
    gauges = {
        "sfu_active_rooms_total": ("Number of active rooms", found.rooms),
        "sfu_active_peers_total": ("Number of active peers", found.members),
        "sfu_active_sessions_total": ("Members that may resume", found.members),
        "sfu_packet_loss_ratio": ("Mean share that members lose", found.lost),
    }
    counters = {
        "sfu_connections_total": ("Sockets opened", found.connections),
        "sfu_messages_sent_total": ("Messages sent", found.sent),
        "sfu_messages_received_total": ("Messages received", found.received),
        "sfu_session_recoveries_total": ("Sessions resumed", found.resumed),
        "sfu_session_recovery_failures_total": ("Tokens refused", found.not_resumed),
        "sfu_bytes_transferred_total": ("Octets received and sent", found.octets),
    }
    for name, (text, value) in gauges.items():
        yield GaugeMetricFamily(name, text, value)
    for name, (text, value) in counters.items():
        yield CounterMetricFamily(name, text, value)
