"""The mesh and what is lent to it, as Prometheus metrics.

Labels are of fixed sets: the purpose and state of a link, the state of a tree, the part
of the protocol that sent a record.  Round trips are given as a spread over all links
(min, median, max), since one series per neighbour would grow with every node ever met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from statistics import median

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meshnode.observe.mesh_status import MeshStatus, PeerStatus
from meshnode.observe.volunteer_status import VolunteerStatus

PURPOSES = ("overlay", "tree")
LINK_STATES = ("greeting", "up", "suspect")
TREE_STATES = ("origin", "live", "stalled", "searching")
REFUSALS = ("refused", "descriptors-refused")
PARTS = ("link", "overlay", "directory", "routing", "distribution")


def of_mesh(mesh: MeshStatus) -> Iterator[Metric]:
    """Links, routes, trees, control octets."""
    yield _links(mesh)
    yield from _spread("rtt_seconds", "Round trips", [p.rtt_s for p in mesh.peers])
    yield from _spread("loss_ratio", "Losses", [p.loss for p in mesh.peers if p.ready])
    yield _gauge("routes", "Origins with a route", len(mesh.routes))
    yield _trees(mesh)
    edges = sum(len(tree.children) for tree in mesh.trees)
    yield _gauge("copies", "Copies that leave for other nodes", edges)
    yield _gauge("known_streams", "Streams of the directory", len(mesh.streams))
    octets = mesh.counters.get("octets", {})
    family = CounterMetricFamily(
        "meshnode_control_bytes", "Control records sent, by part", labels=["part"]
    )
    for part in PARTS:
        family.add_metric([part], octets.get(part, 0))
    yield family
    yield _refused(mesh)


def _refused(mesh: MeshStatus) -> Metric:
    """What nodes and strangers sent that had no effect: reasons are fixed words."""
    family = CounterMetricFamily(
        "meshnode_mesh_refused", "What had no effect, by reason", labels=["reason"]
    )
    tables = (mesh.counters.get(name, {}) for name in REFUSALS)
    for reason, count in sum(map(Counter, tables), Counter[str]()).items():
        family.add_metric([reason], count)
    return family


def _links(mesh: MeshStatus) -> Metric:
    counted = Counter((peer.purpose, _state(peer)) for peer in mesh.peers)
    family = GaugeMetricFamily(
        "meshnode_links", "Links to neighbours", labels=["purpose", "state"]
    )
    for purpose in PURPOSES:
        for state in LINK_STATES:
            family.add_metric([purpose, state], counted[purpose, state])
    return family


def _state(peer: PeerStatus) -> str:
    if not peer.ready:
        return "greeting"
    return "suspect" if peer.suspect else "up"


def _spread(name: str, words: str, found: list[float | None]) -> Iterator[Metric]:
    values = [value for value in found if value is not None]
    if not values:
        return
    family = GaugeMetricFamily(
        f"meshnode_link_{name}", f"{words} of all links", labels=["of"]
    )
    for of, value in (
        ("min", min(values)),
        ("median", median(values)),
        ("max", max(values)),
    ):
        family.add_metric([of], value)
    yield family


def _trees(mesh: MeshStatus) -> Metric:
    counted = Counter(tree.state for tree in mesh.trees)
    family = GaugeMetricFamily("meshnode_trees", "Streams carried", labels=["state"])
    for state in TREE_STATES:
        family.add_metric([state], counted[state])
    return family


def of_volunteer(lent: VolunteerStatus) -> Iterator[Metric]:
    """What leaves, and how much of the capacity is offered."""
    yield _gauge("upload_bps", "Bits a second that leave, headers too", lent.upload_bps)
    yield _gauge("relayed_bps", "Media of it for other nodes", lent.relayed_bps)
    yield _gauge("upload_month_bytes", "What left this month", lent.month_octets)
    yield _gauge("grant_ratio", "Share of the capacity that is offered", lent.grant)
    yield _gauge("loop_lag_seconds", "How late the loop wakes", lent.lag_s)
    yield _gauge("cpu_ratio", "Share of a core in use", lent.cpu)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"meshnode_{name}", words, value)
