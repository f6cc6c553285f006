"""Every fact of every attack against the public configurations they were taken from."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

import pytest

from meshproto.config.gossip import TopicScore
from meshsim.attacks.setups import BASELINE, SETUPS, TOPIC_SCORE, Aim, Setup
from support.shared import require_shared

RUNS = json.loads(
    require_shared("corpora", "gossip", "hardening.json").read_text(encoding="utf-8")
)["runs"]
PUBLIC_NAMES = {
    BASELINE: "1k",
    "eclipse-single": "1k-attack-eclipse-single",
    "eclipse-publishers": "1k-attack-eclipse-publishers",
    "eclipse-net": "1k-attack-eclipse-net",
    "censor-single": "1k-attack-censor-single",
    "degrade": "1k-attack-degrade-0.5",
    "cold-boot": "1k-attack-cold-boot",
    "cold-boot-graft": "1k-attack-cold-boot-oppgraft",
    "covert-flash": "1k-attack-cold-boot-covert-flash",
    "covert-flash-graft": "1k-attack-cold-boot-covert-flash-oppgraft",
    "dawn": "1k-attack-dawn",
    "dawn-graft": "1k-attack-dawn-oppgraft",
    "colocation": "1k-attack-colocation",
}


def seconds(text: str) -> float:
    """`2m30s`, `100ms`, and `2000@1m`: the delay of all 2,000."""
    parts = re.findall(r"([\d.]+)(ms|m|s)", text.rpartition("@")[2])
    return sum(float(n) * {"ms": 0.001, "s": 1.0, "m": 60.0}[unit] for n, unit in parts)


def aim(attack: dict[str, Any]) -> Aim:
    if attack["single_node"]:
        return Aim.ONE
    return Aim.PUBLISHERS if attack["publishers_only"] else Aim.EVERYBODY


def expected(run: dict[str, Any]) -> dict[str, Any]:
    """The fields of `Setup` as the public file has them."""
    main, topic = run["main"], run["topic"]["topic"]
    counts, attack = main["node_counts"], main["attack_behavior"]
    honest, mesh, score = main["honest_behavior"], main["pubsub"], main["peer_score"]
    assert attack["attack_node_type"] == "sybil"
    assert attack["connect_jitter_pct"] == honest["connect_jitter_pct"]
    return {
        "publishers": counts["publisher"],
        "lurkers": counts["lurker"],
        "containers": counts["attacker"],
        "per_container": counts["attackers_per_container"],
        "degree": main["network"]["degree"],
        "attack_degree": main["network"]["attack_degree"],
        "aim": aim(attack),
        "warm_s": seconds(main["time"]["warm"]),
        "run_s": seconds(main["time"]["run"]),
        "cool_s": seconds(main["time"]["cool"]),
        "honest_connect_s": seconds(honest["connect_delay"]),
        "attack_connect_s": seconds(attack["connect_delay"]),
        "connect_jitter": attack["connect_jitter_pct"] / 100,
        "censors": attack["censor_single_node"],
        "drop_share": attack["sybil_degrade"],
        "covert_s": seconds(attack["sybil_attack_delay"]),
        "regraft_backoff_s": seconds(attack["sybil_regraft_backoff"]),
        "regraft_delay_s": seconds(attack["sybil_regraft_delay"]),
        "seen_s": seconds(attack["sybil_seen_cache_duration"]),
        "topic": topic["name"],
        "messages_per_s": float(topic["message_rate"].removesuffix("/s")),
        "message_octets": 1024 * int(topic["message_size"].removesuffix(" KiB")),
        "latency_s": seconds(main["network"]["latency"]),
        "latency_jitter": main["network"]["jitter_pct"] / 100,
        "heartbeat_s": seconds(mesh["heartbeat"]),
        "mesh_degree": mesh["degree"],
        "mesh_low": mesh["degree_lo"],
        "mesh_high": mesh["degree_hi"],
        "mesh_score": mesh["degree_score"],
        "mesh_lazy": mesh["degree_lazy"],
        "flood_publish": honest["flood_publishing"],
        "opportunistic_ticks": mesh["opportunistic_graft_ticks"],
        "queue_max": mesh["outbound_queue_size"],
        "gossip_threshold": score["gossip_threshold"],
        "publish_threshold": score["publish_threshold"],
        "graylist_threshold": score["graylist_threshold"],
        "exchange_threshold": score["acceptpx_threshold"],
        "opportunistic_threshold": score["opportunistic_graft_threshold"],
        "colocation_weight": score["ip_colocation_weight"],
        "colocation_threshold": score["ip_colocation_threshold"],
        "decay_interval_s": seconds(score["decay_interval"]),
        "decay_to_zero": score["decay_to_zero"],
        "retain_score_s": seconds(score["retain_score"]),
    }


def expected_topic(topic: dict[str, Any]) -> TopicScore:
    p1, p2 = topic["score"]["time_in_mesh"], topic["score"]["first_message_deliveries"]
    p3, p3b = topic["score"]["mesh_message_deliveries"], topic["score"]
    failure, invalid = p3b["mesh_failure_penalty"], p3b["invalid_message_deliveries"]
    return TopicScore(
        topic["topic_weight"],
        p1["weight"],
        seconds(p1["quantum"]),
        p1["cap"],
        p2["weight"],
        p2["decay"],
        p2["cap"],
        p3["weight"],
        p3["decay"],
        p3["cap"],
        p3["threshold"],
        seconds(p3["window"]),
        seconds(p3["activation"]),
        failure["weight"],
        failure["decay"],
        invalid["weight"],
        invalid["decay"],
    )


def test_every_public_run_is_there_and_no_other() -> None:
    assert set(SETUPS) == set(PUBLIC_NAMES)
    assert sorted(PUBLIC_NAMES.values()) == sorted(RUNS)


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_every_fact_is_the_public_one(name: str) -> None:
    run, ours = RUNS[PUBLIC_NAMES[name]], SETUPS[name]
    wanted = expected(run)
    known = {field.name for field in fields(Setup)} - {"name", "title"}
    assert set(wanted) == known
    if name == BASELINE:  # nobody attacks: what sybils would do is of no account
        del wanted["per_container"]
    assert {key: getattr(ours, key) for key in wanted} == pytest.approx(wanted)
    assert expected_topic(run["topic"]) == TOPIC_SCORE
