from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.portmap import natpmp
from meshproto.wire.portmap.natpmp import Mapped, OutsideAddress, Protocol, Refused

MAPPED = bytes.fromhex("0081000000000e1013881389000004b0")


def test_questions_are_those_of_the_rfc() -> None:
    assert natpmp.ask_address() == b"\0\0"
    asked = natpmp.ask_mapping(Protocol.UDP, 5000, 5001, 1200)
    assert asked.hex() == "0001000013881389000004b0"
    assert natpmp.ask_mapping(Protocol.TCP, 5000, 0, 0)[1] == 2


def test_the_outside_address_is_read() -> None:
    answer = natpmp.decode(bytes.fromhex("0080000000000e10cb007107"))
    assert answer == OutsideAddress("203.0.113.7", 3600)


def test_a_mapping_is_read_with_the_port_that_the_router_chose() -> None:
    assert natpmp.decode(MAPPED) == Mapped(Protocol.UDP, 5000, 5001, 1200, 3600)


def test_a_refusal_is_a_value_however_short() -> None:
    assert natpmp.decode(bytes.fromhex("00820002")) == Refused(2, 2)
    assert natpmp.decode(bytes.fromhex("0080000300000000")) == Refused(0, 3)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("008000", "portmap-short"),
        ("02810000" + "00" * 20, "portmap-version"),
        ("0001000013881389000004b0", "portmap-question"),
        ("0080000000000e10cb0071", "portmap-length"),
        ("0081000000000e1013881389", "portmap-length"),
        ("0083000000000e10138813890000004b", "portmap-operation"),
    ],
)
def test_what_is_no_answer_is_refused(octets: str, reason: str) -> None:
    with pytest.raises(DecodeError) as refused:
        natpmp.decode(bytes.fromhex(octets))
    assert refused.value.reason == reason


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        answer = natpmp.decode(data)
    except DecodeError:
        return
    assert isinstance(answer, OutsideAddress | Mapped | Refused)
