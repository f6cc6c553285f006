"""The vectors of RFC 0002 against the reference plane's parts."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from meshnode.media.dtls_context import split_key_material
from meshnode.media.gso import runs
from meshnode.media.plane import SrtpKeys
from meshnode.media.srtp import make_inbound, make_outbound
from meshproto.errors import DecodeError
from meshproto.ice.bucket import PrefixBucket
from meshproto.ice.lite import IceLite
from meshproto.ice.path import PathSelected
from meshproto.ice.server import StunServer
from meshproto.ids import TransportId
from meshproto.wire.demux import classify
from meshproto.wire.portmap import natpmp, pcp
from meshproto.wire.portmap.natpmp import Protocol

FOLDER = Path(__file__).resolve().parents[2] / "rfcs/vectors/media"


def vectors(name: str, key: str) -> list[Any]:
    return json.loads((FOLDER / name).read_text())[key]


@pytest.mark.parametrize("case", vectors("demux.json", "cases"))
def test_kind_of_a_datagram(case: dict[str, str]) -> None:
    assert classify(bytes.fromhex(case["octets"])).value == case["kind"]


@pytest.mark.parametrize("case", vectors("bursts.json", "cases"))
def test_runs_of_a_burst(case: dict[str, Any]) -> None:
    found = runs(case["sizes"], case["segment_limit"])
    assert [list(run) for run in found] == case["runs"]


@pytest.mark.parametrize("case", vectors("keys.json", "cases"))
def test_keys_of_both_ends(case: dict[str, str]) -> None:
    material = bytes.fromhex(case["material"])
    client = split_key_material(case["profile"], material, "client")
    server = split_key_material(case["profile"], material, "server")
    assert client.send_key.hex() == server.receive_key.hex() == case["send_key"]
    assert client.send_salt.hex() == server.receive_salt.hex() == case["send_salt"]
    assert client.receive_key.hex() == server.send_key.hex() == case["receive_key"]
    assert client.receive_salt.hex() == server.send_salt.hex() == case["receive_salt"]


DECODERS: dict[str, Any] = {"pcp": pcp.decode, "natpmp": natpmp.decode}


def question(case: dict[str, Any]) -> bytes:
    if case["transport"] is None:
        return natpmp.ask_address()
    transport = Protocol(case["transport"])
    ports = case["internal_port"], case["external_port"]
    if case["protocol"] == "natpmp":
        return natpmp.ask_mapping(transport, *ports, case["lifetime_s"])
    nonce, client = bytes.fromhex(case["nonce"]), case["client"]
    return pcp.encode(
        pcp.MapQuestion(
            nonce, transport, client, ports[0], case["lifetime_s"], ports[1]
        )
    )


@pytest.mark.parametrize("case", vectors("portmap.json", "questions"))
def test_questions_to_a_router(case: dict[str, Any]) -> None:
    assert question(case).hex() == case["octets"]


@pytest.mark.parametrize("case", vectors("portmap.json", "answers"))
def test_answers_of_a_router(case: dict[str, Any]) -> None:
    answer = DECODERS[case["protocol"]](bytes.fromhex(case["octets"]))
    values = (getattr(answer, field.name) for field in fields(answer))
    plain = [v.hex() if isinstance(v, bytes) else v for v in values]
    assert [type(answer).__name__, *plain] == case["means"]


@pytest.mark.parametrize("case", vectors("portmap.json", "refused"))
def test_what_is_no_answer_of_a_router(case: dict[str, Any]) -> None:
    with pytest.raises(DecodeError) as refused:
        DECODERS[case["protocol"]](bytes.fromhex(case["octets"]))
    assert refused.value.reason == case["reason"]


@pytest.mark.parametrize("session", vectors("srtp.json", "sessions"))
def test_protection(session: dict[str, Any]) -> None:
    key = bytes.fromhex(session["master_key"])
    salt = bytes.fromhex(session["master_salt"])
    keys = SrtpKeys(session["profile"], key, salt, key, salt)
    out, back = make_outbound(keys), make_inbound(keys)
    burst = [
        (bytes.fromhex(p["header"]), bytes.fromhex(p["payload"]), p["ssrc"], p["index"])
        for p in session["rtp"]
    ]
    pieces = out.protect_burst(burst)
    protected = [pieces[n] + pieces[n + 1] for n in range(0, len(pieces), 2)]
    assert [p.hex() for p in protected] == [p["protected"] for p in session["rtp"]]
    for packet, (header, payload, _, _) in zip(protected, burst, strict=True):
        assert back.unprotect(packet) == header + payload
    for refused in session["refused"]:
        header = burst[0][0]
        again = [(header, b"other", refused["ssrc"], refused["index"])]
        assert out.protect_burst(again) == []
    repeat = session["repeat"]
    assert b"".join(out.repeat(burst[repeat["of"]])).hex() == repeat["protected"]
    for report in session["rtcp"]:
        plain = bytes.fromhex(report["plain"])
        assert out.protect_rtcp(plain).hex() == report["protected"]
        assert back.unprotect_rtcp(bytes.fromhex(report["protected"])) == plain


def event_of(found: object) -> list[Any] | None:
    return ["selected", *found.address] if isinstance(found, PathSelected) else None


@pytest.mark.parametrize(
    "scenario", vectors("stun.json", "scenarios"), ids=lambda s: s["name"]
)
def test_stun_and_ice(scenario: dict[str, Any]) -> None:
    lite = IceLite(StunServer(PrefixBucket(bytes(16))))
    path = lite.add(
        TransportId(1),
        scenario["local_ufrag"],
        scenario["local_pwd"],
        scenario["remote_ufrag"],
    )
    for step in scenario["steps"]:
        host, port = step["from"]
        datagram = bytes.fromhex(step["datagram"])
        reply, event = lite.receive(datagram, (host, port), step["at_s"])
        assert (reply.hex() if reply else None) == step["reply"]
        assert event_of(event) == step["event"]
        assert (list(path.address) if path.address else None) == step["sends_to"]
