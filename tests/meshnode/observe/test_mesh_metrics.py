"""The mesh in metrics: labels of fixed sets, and nobody's name among them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from meshnode.observe.metrics import NodeMetrics
from meshnode.observe.status import NodeStatus
from meshnode.observe.volunteer_status import VolunteerStatus
from support.mesh_view import mesh, peer, text

LENT = VolunteerStatus(
    *(None, None, None, None, None, None),
    *(2_000_000, 1_500_000, 10**9, 3, 2, 0.5, 0.06, 0.7),
)


def exposed(**more: object) -> str:
    status = NodeStatus("1", "ready", 2.0, "reference", (), {}, {}, **more)  # type: ignore[arg-type]
    return NodeMetrics(lambda: status).text().decode()


def samples(text_: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text_)
        for sample in family.samples
    }


def test_links_routes_and_trees_are_counted() -> None:
    found = samples(exposed(mesh=mesh()))
    assert found["meshnode_links", "overlay", "up"] == 5
    assert found["meshnode_links", "overlay", "suspect"] == 1
    assert found["meshnode_links", "tree", "up"] == 0
    assert found["meshnode_routes",] == 1
    assert found["meshnode_trees", "live"] == 1
    assert found["meshnode_copies",] == 2
    assert found["meshnode_control_bytes_total", "routing"] == 20


def test_round_trips_are_a_spread_over_all_links() -> None:
    found = samples(exposed(mesh=mesh()))
    assert found["meshnode_link_rtt_seconds", "min"] == 0.01
    assert found["meshnode_link_rtt_seconds", "max"] == 0.06
    assert found["meshnode_link_loss_ratio", "max"] == 0.2


def test_links_that_were_not_measured_are_in_no_spread() -> None:
    found = samples(exposed(mesh=mesh(peers=(peer(1, rtt_s=None, ready=False),))))
    assert not [name for name, *_ in found if name == "meshnode_link_rtt_seconds"]
    assert found["meshnode_links", "overlay", "greeting"] == 1


def test_no_node_and_no_stream_is_named() -> None:
    said = exposed(mesh=mesh(), volunteer=LENT)
    assert "demo" not in said
    assert not [number for number in range(8) if text(number) in said]


def test_what_is_lent() -> None:
    found = samples(exposed(volunteer=LENT))
    assert found["meshnode_upload_bps",] == 2_000_000
    assert found["meshnode_relayed_bps",] == 1_500_000
    assert found["meshnode_grant_ratio",] == 0.5


def test_a_node_that_serves_alone_has_none_of_it() -> None:
    assert not [name for name, *_ in samples(exposed()) if "mesh_" in name]


def test_what_had_no_effect_is_counted_by_reason() -> None:
    counters = {
        "refused": {"route-signature": 2, "session-stale": 1},
        "descriptors-refused": {"descriptor-node": 3, "session-stale": 1},
    }
    found = samples(exposed(mesh=mesh(counters=counters)))
    assert found["meshnode_mesh_refused_total", "route-signature"] == 2
    assert found["meshnode_mesh_refused_total", "session-stale"] == 2
    assert found["meshnode_mesh_refused_total", "descriptor-node"] == 3
