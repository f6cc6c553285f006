from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.portmap import pcp
from meshproto.wire.portmap.natpmp import Protocol
from meshproto.wire.portmap.pcp import MapAnswer, MapQuestion, OtherVersion, Refused

NONCE = b"abcdefghijkl"
QUESTION = MapQuestion(NONCE, Protocol.UDP, "192.0.2.2", 5000, 1200, 5000)
MAPPED_FORM = "0" * 20 + "ffff"
BODY = NONCE + bytes.fromhex(f"1100000013881389{MAPPED_FORM}cb007107")


def answer(result: int = 0, body: bytes = BODY, operation: int = 0x81) -> bytes:
    head = bytes([2, operation, 0, result]) + bytes.fromhex("000004b000000e10")
    return head + bytes(12) + body


def test_a_question_is_60_octets_with_addresses_in_the_mapped_form() -> None:
    octets = pcp.encode(QUESTION)
    assert len(octets) == 60
    assert octets[:8].hex() == "02010000000004b0"
    assert octets[8:24].hex() == f"{MAPPED_FORM}c0000202"
    assert octets[24:36] == NONCE
    assert octets[36:44].hex() == "1100000013881388"
    assert octets[44:].hex() == f"{MAPPED_FORM}00000000"


def test_an_ipv6_address_is_written_as_it_is() -> None:
    octets = pcp.encode(replace(QUESTION, client="2001:db8::1"))
    assert octets[8:24].hex() == "20010db8" + "0" * 23 + "1"


def test_a_mapping_is_read_with_the_port_and_address_that_the_router_chose() -> None:
    assert pcp.decode(answer()) == MapAnswer(
        NONCE, 17, 5000, 5001, "203.0.113.7", 1200, 3600
    )


def test_options_behind_an_answer_change_nothing() -> None:
    assert pcp.decode(answer() + bytes(8)) == pcp.decode(answer())


def test_an_outside_address_of_ipv6_is_read() -> None:
    body = BODY[:20] + bytes.fromhex("20010db8" + "0" * 23 + "1")
    read = pcp.decode(answer(body=body))
    assert isinstance(read, MapAnswer)
    assert read.external_address == "2001:db8::1"


def test_a_refusal_names_its_question_where_it_can() -> None:
    assert pcp.decode(answer(2)) == Refused(2, 1200, NONCE)
    assert pcp.decode(answer(4, body=b"")) == Refused(4, 1200, b"")


def test_a_router_that_knows_only_nat_pmp_says_so() -> None:
    assert pcp.decode(bytes.fromhex("0081000100000000")) == OtherVersion(0)
    assert pcp.decode(answer(1, body=b"")) == OtherVersion(2)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"\x02\x81\0", "portmap-short"),
        (pcp.encode(QUESTION), "portmap-question"),
        (answer()[:-1], "portmap-length"),
        (answer(body=BODY[:-4]), "portmap-length"),
        (answer() + bytes(1_100), "portmap-length"),
        (answer(operation=0x82), "portmap-operation"),
    ],
)
def test_what_is_no_answer_is_refused(octets: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as refused:
        pcp.decode(octets)
    assert refused.value.reason == reason


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, likely: bool) -> None:
    try:
        read = pcp.decode(b"\x02\x81\0\0" + data if likely else data)
    except DecodeError:
        return
    assert isinstance(read, MapAnswer | Refused | OtherVersion)
