"""How viewers of a simulated mesh find streams."""

from __future__ import annotations

from meshproto.wire.control.directory import build_media as build
from meshproto.wire.control.directory import parse_media
from meshsim.finding import Finding, media_of, stream_of
from meshsim.metrics import figures
from meshsim.observation import Lookup
from meshsim.run import simulate
from meshsim.scenario import parse
from support.gossip import node_id, seal, verify

STREAM = stream_of("s")

SCENARIO = """
title = "Twelve nodes find streams"
nodes = 12
duration_s = 40
directory = true

[population]
mix = "middle"

[[rooms]]
count = 4
size = 3
at_s = 10
over_s = 5
stay_s = 60
"""


def finding(*cut: tuple[int, int]) -> Finding:
    return Finding(seal, lambda a, b: (a, b) in cut)


def test_a_claim_is_signed_and_names_the_stream_of_the_scenario() -> None:
    claim = finding().claim("s", node_id(1), 1_000)
    assert claim.stream == STREAM
    assert verify(claim.signer, claim.signed_part(), claim.signature)
    assert claim.counter == 1_000
    assert claim.expires_ms > 1_000


def test_media_have_a_layer_for_each_of_the_clock() -> None:
    media = media_of(3, 3_000_000)
    assert parse_media(build(media)) == media
    assert [len(track.layers) for track in media.tracks] == [0, 3]


def test_a_lookup_lasts_until_the_stream_is_found() -> None:
    look = finding()
    look.sought(1, STREAM, 0, 5.0)
    look.found(2, STREAM, 6.0)
    look.found(1, STREAM, 7.0)
    look.found(1, STREAM, 8.0)
    assert look.lookups == [Lookup(1, 5.0, 7.0)]


def test_across_a_partition_it_begins_when_that_heals() -> None:
    look = finding((0, 1))
    look.divided(60.0)
    look.sought(1, STREAM, 0, 5.0)
    look.sought(2, STREAM, 0, 5.0)
    look.found(1, STREAM, 63.0)
    look.found(2, STREAM, 6.0)
    assert look.lookups == [
        Lookup(1, 60.0, 63.0, across=True),
        Lookup(2, 5.0, 6.0),
    ]


def test_one_that_ended_first_was_missed_if_it_could_be_found() -> None:
    look = finding((0, 1))
    look.divided(60.0)
    look.sought(1, STREAM, 0, 5.0)
    look.sought(2, STREAM, 0, 5.0)
    look.given_up(3, STREAM, 6.0)
    look.ended(STREAM, 30.0)
    look.ended(STREAM, 31.0)
    assert look.lookups == [Lookup(2, 5.0, None)]


def test_a_scenario_with_a_directory_serves_its_viewers_by_it() -> None:
    seen = simulate(parse(SCENARIO, "finding"), 1)
    table = figures(seen)
    assert table["lookups"] == 8
    assert table["lookups_missed"] == 0
    assert table["served_share"] == 1.0
    resolved = table["resolve_p99_ms"]
    assert resolved is not None
    assert 0 < resolved < 3_000
    assert seen.traffic[-1].octets["gossip"] > 0


def test_without_one_nothing_is_gossiped() -> None:
    seen = simulate(parse(SCENARIO, "finding", {"directory": False}), 1)
    assert seen.traffic[-1].octets["gossip"] == 0
    assert "lookups" not in figures(seen)
