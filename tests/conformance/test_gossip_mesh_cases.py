"""The eighteen saved mesh cases: a state, one event, what must come of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshproto.config.gossip import Thresholds, TopicScore
from meshproto.gossip.seen import Verdict
from support.gossip import TOPIC, Rig, disgrace, meshed, message, node_id
from support.shared import require_shared

CASES: list[dict[str, Any]] = json.loads(
    require_shared("corpora", "gossip", "mesh_cases.json").read_text()
)["cases"]
AUTHOR = node_id(900)


def heartbeat_case(state: dict[str, Any], expect: dict[str, Any]) -> None:
    rig = Rig()
    rig.join()
    outbound = state["mesh_outbound"]
    inbound = [rig.up() for _ in range(state["mesh"] - outbound)]
    ours = rig.ups(outbound, outbound=True)
    for node in [*inbound, *ours]:
        rig.router._state.topics.joined(TOPIC).mesh[node] = (  # type: ignore[union-attr,index]
            rig.router._state.peers[node]
        )
    theirs = state.get("candidates_outbound", 0)
    rig.ups(state["candidates"] - theirs)
    rig.ups(theirs, outbound=True)
    rig.forget()
    rig.beat()
    assert len(rig.grafts()) == expect["grafts"]
    assert len(rig.prunes()) == expect["prunes"]


def graft_case(state: dict[str, Any], expect: dict[str, Any]) -> None:
    rig, nodes = meshed(6, prune_backoff_s=float(state["backoff_s"]))
    disgrace(rig, nodes[0], -1)
    rig.beat()
    disgrace(rig, nodes[0], 0)
    rig.forget()
    rig.now += state["pruned_ago_s"]
    rig.graft(nodes[0])
    assert rig.penalty(nodes[0]) == expect["penalty"]
    assert (nodes[0] in rig.mesh()) == expect["accepted"]
    assert bool(rig.prunes()) == expect["prune_answer"]


def unknown_topic_case(state: dict[str, Any], expect: dict[str, Any]) -> None:
    rig = Rig()
    node = rig.up(topics=())
    assert state["subscribed"] == []
    rig.forget()
    rig.graft(node, "nowhere")
    assert bool(rig.prunes("nowhere")) == expect["prune_answer"]
    assert rig.penalty(node) == expect["penalty"]
    assert len(rig.router._state.topics) == expect["topics_created"]


def iwant_case(state: dict[str, Any], expect: dict[str, Any]) -> None:
    rig, _ = meshed(1, gossip_retransmission=state["retransmission"])
    sent = [rig.publish() for _ in range(state["cached_messages"])]
    node = rig.up()
    for _ in range(10):
        rig.iwant(node, *sent)
    assert rig.got(sent[0]).count(node) == expect["messages_sent"]


def ihave_case(state: dict[str, Any], expect: dict[str, Any]) -> None:
    rig, nodes = meshed(1, **state)
    for index in range(50):
        rig.ihave(nodes[0], b"spam%d" % index)
    assert len(rig.asked()) <= expect["iwant_sent_at_most"]
    rig.pass_time(4.5)
    assert rig.penalty(nodes[0]) >= expect["after_3s_penalty_at_least"]


def invalid_case(state: dict[str, Any], expect: dict[str, Any]) -> None:
    weight, graylist = state["invalid_weight"], state["graylist"]
    rig, nodes = meshed(
        2,
        topic_score=TopicScore(invalid_message_deliveries_weight=float(weight)),
        thresholds=Thresholds(graylist=float(graylist)),
    )
    for number in range(100):
        rig.bring(nodes[0], message(AUTHOR, number))
        rig.judge(Verdict.REJECT)
    graylisted = rig.refusals().count("gossip-graylist")
    assert graylisted == 100 - expect["graylisted_after"]


def driver(case: dict[str, Any]) -> Any:
    special = {
        "GRAFT": graft_case,
        "GRAFT for a topic nobody has": unknown_topic_case,
        "IWANT for the same id x 10": iwant_case,
        "IHAVE x 50 of unknown ids in one heartbeat (one id each)": ihave_case,
        "100 invalid messages": invalid_case,
        "heartbeat": heartbeat_case,
    }
    return special[case["event"]]


def test_there_are_eighteen_cases() -> None:
    assert len(CASES) == 18


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_mesh_case(case: dict[str, Any]) -> None:
    driver(case)(case["state"], case["expect"])
