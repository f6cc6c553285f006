from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnode.control.identity import KeyPair
from meshnode.control.libp2p.multiaddress import (
    OCTETS_MAX,
    Multiaddress,
    from_octets,
    parse_multiaddress,
)
from meshproto.errors import DecodeError
from meshproto.wire import peer_id

NODE = KeyPair(bytes(32)).node
ID = peer_id.to_text(NODE)
TEXTS = [
    "/ip4/203.0.113.7/tcp/5000",
    "/ip6/2001:db8::1/tcp/1",
    "/dns/live.example.org/tcp/65535",
    "/dns4/a/tcp/80",
    "/dns6/a.b/tcp/80",
    f"/ip4/127.0.0.1/tcp/5000/p2p/{ID}",
    f"/dns/live.example.org/tcp/5000/p2p/{ID}",
    f"/ip4/127.0.0.1/tcp/5000/p2p/{ID}/p2p-circuit/p2p/{ID}",
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_and_octets_are_those_of_the_multiaddr_library(text: str) -> None:
    import multiaddr

    ours = parse_multiaddress(text)
    assert str(ours) == text
    assert ours.to_octets() == multiaddr.Multiaddr(text).to_bytes()
    assert from_octets(ours.to_octets()) == ours


def test_the_old_name_of_p2p_and_a_slash_at_the_end_are_understood() -> None:
    assert str(parse_multiaddress(f"/ip4/1.2.3.4/tcp/5/ipfs/{ID}/")) == (
        f"/ip4/1.2.3.4/tcp/5/p2p/{ID}"
    )


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("", "multiaddr-kind"),
        ("ip4/1.2.3.4/tcp/5", "multiaddr-kind"),
        ("/ip4/1.2.3.4/udp/5", "multiaddr-kind"),
        ("/ip4/1.2.3.4/tcp/5/ws", "multiaddr-kind"),
        (f"/ip4/1.2.3.4/tcp/5/ws/{ID}", "multiaddr-kind"),
        (f"/ip4/1.2.3.4/tcp/5/p2p-circuit/p2p/{ID}", "multiaddr-kind"),
        (f"/ip4/1.2.3.4/tcp/5/p2p/{ID}/p2p-circuit", "multiaddr-kind"),
        (f"/ip4/1.2.3.4/tcp/5/p2p/{ID}/p2p-circuit/ip4/1.2.3.4", "multiaddr-kind"),
        ("/ip4/1.2.3.4/tcp/0", "multiaddr-port"),
        ("/ip4/1.2.3.4/tcp/99999", "multiaddr-port"),
        ("/ip4/1.2.3.4/tcp/x", "multiaddr-port"),
        ("/ip4/::1/tcp/5", "multiaddr-host"),
        ("/ip4/name/tcp/5", "multiaddr-host"),
        ("/unix/name/tcp/5", "multiaddr-host"),
        ("/dns/1.2.3.4/tcp/5", "multiaddr-host"),
        ("/dns/na me/tcp/5", "multiaddr-name"),
        ("/ip4/1.2.3.4/tcp/5/p2p/0OIl", "peer-id-text"),
    ],
)
def test_what_a_node_does_not_speak_is_refused_with_a_label(
    text: str, label: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        parse_multiaddress(text)
    assert caught.value.reason == label


def test_an_address_mapped_into_ipv6_is_that_of_ipv4() -> None:
    assert str(Multiaddress.of("::ffff:1.2.3.4", 5)) == "/ip4/1.2.3.4/tcp/5"


def test_only_wildcards_are_wildcards() -> None:
    assert Multiaddress.of("0.0.0.0", 5).is_wildcard
    assert Multiaddress.of("::", 5).is_wildcard
    assert not Multiaddress.of("127.0.0.1", 5).is_wildcard
    assert not Multiaddress.of("name", 5).is_wildcard


@given(st.binary(max_size=OCTETS_MAX + 8))
def test_octets_of_strangers_are_an_address_or_a_label(octets: bytes) -> None:
    try:
        found = from_octets(octets)
    except DecodeError:
        return
    assert from_octets(found.to_octets()) == found


@pytest.mark.parametrize("text", TEXTS)
def test_an_address_cut_anywhere_is_refused(text: str) -> None:
    whole = parse_multiaddress(text).to_octets()
    for size in range(len(whole)):
        cut = whole[:size]
        try:
            found = from_octets(cut)
        except DecodeError:
            continue
        assert found.target is None
        assert len(found.to_octets()) == size
