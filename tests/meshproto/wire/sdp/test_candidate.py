"""Candidates as text (RFC 8839 section 5.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.sdp.candidate import Candidate, host_candidate, parse_candidate


def test_an_example_of_the_rfc_is_read() -> None:
    text = (
        "candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141"
        " rport 8998"
    )
    assert parse_candidate(text) == Candidate(
        "2",
        1,
        "udp",
        1_694_498_815,
        "192.0.2.3",
        45_664,
        "srflx",
        (("raddr", "203.0.113.141"), ("rport", "8998")),
    )


@pytest.mark.parametrize("prefix", ["", "candidate:", "a=candidate:"])
def test_every_spelling_that_clients_send_is_read(prefix: str) -> None:
    found = parse_candidate(f"{prefix}1 1 udp 5 192.0.2.1 9 typ host generation 0")
    assert (found.address, found.extensions) == ("192.0.2.1", (("generation", "0"),))


def test_an_mdns_name_is_an_address() -> None:
    name = "325209aa-e5f8-4b4d-adf0-83532c893585.local"
    found = parse_candidate(f"candidate:1 1 udp 2113937151 {name} 38305 typ host")
    assert found.address == name


def test_an_unknown_transport_and_type_are_facts_not_errors() -> None:
    found = parse_candidate("candidate:1 1 QUIC 5 192.0.2.1 9 typ strange")
    assert (found.transport, found.type) == ("quic", "strange")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "candidate:",
        "candidate:1 1 udp 5 192.0.2.1 9 typ",
        "candidate: 1 udp 5 192.0.2.1 9 typ host",
        "candidate:1 1 udp 5 192.0.2.1 9 type host",
        "candidate:1 257 udp 5 192.0.2.1 9 typ host",
        "candidate:1 1 udp 4294967296 192.0.2.1 9 typ host",
        "candidate:1 1 udp -5 192.0.2.1 9 typ host",
        "candidate:1 1 udp 5 192.0.2.1 65536 typ host",
        "candidate:1 1 udp 5 192.0.2.1 ٣ typ host",
        "candidate:1 1 udp 99999999999 192.0.2.1 9 typ host",
        "candidate:1 1 udp 5 192.0.2/1 9 typ host",
        "candidate:é 1 udp 5 192.0.2.1 9 typ host",
        "candidate:1 1 u(p 5 192.0.2.1 9 typ host",
        "candidate:1 1 udp 5 192.0.2.1 9 typ h(st",
    ],
)
def test_malformed_candidates_are_refused(text: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse_candidate(text)
    assert caught.value.reason == "sdp-candidate"


def test_priorities_of_ours_fall_with_the_rank_and_tcp_comes_last() -> None:
    udp = [host_candidate("192.0.2.1", 1, rank=rank) for rank in range(20)]
    tcp = host_candidate("192.0.2.1", 1, rank=0, transport="tcp")
    priorities = [found.priority for found in [*udp, tcp]]
    assert priorities == sorted(set(priorities), reverse=True)
    # RFC 8445 section 5.1.2.1: type preference 126 in the top byte, component 1
    assert all(found >> 24 == 126 and found & 0xFF == 255 for found in priorities)


def test_a_tcp_candidate_of_ours_says_passive() -> None:
    text = str(host_candidate("192.0.2.1", 4433, transport="tcp"))
    assert text.endswith("typ host tcptype passive")


tokens = st.from_regex(r"[A-Za-z0-9]{1,12}", fullmatch=True)


@pytest.mark.untraced
@given(
    st.builds(
        Candidate,
        tokens,
        st.integers(0, 256),
        st.sampled_from(["udp", "tcp"]),
        st.integers(0, 2**32 - 1),
        st.one_of(st.ip_addresses().map(str), tokens.map(lambda t: f"{t}.local")),
        st.integers(0, 65_535),
        st.sampled_from(["host", "srflx", "prflx", "relay"]),
        st.lists(st.tuples(tokens, tokens), max_size=4).map(tuple),
    )
)
def test_what_is_written_is_read_back(candidate: Candidate) -> None:
    assert parse_candidate(str(candidate)) == candidate


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_candidate(text)
    except DecodeError:
        return
    assert parse_candidate(str(found)) == found
