from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL

from meshnode.media import dtls_records as records
from meshnode.media.certificate import Certificate
from meshnode.media.dtls import DtlsEndpoint, DtlsState
from meshnode.media.dtls_context import make_context
from meshnode.media.dtls_rest import AlertReader, expand
from meshproto.errors import DecodeError

OURS, THEIRS = Certificate.generate(), Certificate.generate()
SUITES = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": True,
    "ECDHE-ECDSA-AES256-GCM-SHA384": True,
    "ECDHE-ECDSA-CHACHA20-POLY1305": True,
    "ECDHE-ECDSA-AES128-SHA": False,
}
readable = pytest.mark.parametrize("suite", [s for s, can in SUITES.items() if can])
roles = pytest.mark.parametrize("role", ["client", "server"])


def carry(one: DtlsEndpoint, other: DtlsEndpoint) -> None:
    for _ in range(8):
        for source, sink in ((one, other), (other, one)):
            for datagram in source.transmit():
                sink.receive(datagram, 1.0)


def connected(
    role: str, suite: str = "ECDHE-ECDSA-AES128-GCM-SHA256"
) -> tuple[DtlsEndpoint, DtlsEndpoint]:
    """(ours in `role`, the peer), with the handshake done."""
    narrow: SSL.Context = make_context(THEIRS)
    narrow.set_cipher_list(suite.encode())
    other = "server" if role == "client" else "client"
    ours = DtlsEndpoint(role, make_context(OURS), (("sha-256", THEIRS.fingerprint),))
    peer = DtlsEndpoint(other, narrow, (("sha-256", OURS.fingerprint),))
    for end in (ours, peer):
        end.start(1.0)
    carry(ours, peer)
    assert ours.state is peer.state is DtlsState.CONNECTED
    return ours, peer


@readable
@roles
def test_a_resting_end_hears_the_goodbye(role: str, suite: str) -> None:
    ours, peer = connected(role, suite)
    assert ours.rest()
    assert not ours.rest()
    peer.send(b"nobody listens to data any more")
    carry(ours, peer)
    assert ours.state is DtlsState.CONNECTED
    assert ours.received() == []
    assert ours.drops == {"dtls-resting": 1}
    peer.close()
    carry(ours, peer)
    assert ours.state is DtlsState.CLOSED
    assert ours.reason == "peer closed"


@readable
@roles
def test_a_resting_end_can_say_goodbye(role: str, suite: str) -> None:
    ours, peer = connected(role, suite)
    ours.rest()
    assert ours.transmit() == []
    assert not ours.send(b"late")
    ours.close()
    carry(ours, peer)
    assert peer.state is DtlsState.CLOSED
    assert peer.reason == "peer closed"
    ours.close()
    assert ours.transmit() == []


def test_a_suite_we_cannot_read_stays_awake() -> None:
    ours, peer = connected("server", "ECDHE-ECDSA-AES128-SHA")
    assert not ours.rest()
    peer.send(b"still heard")
    carry(ours, peer)
    assert ours.received() == [b"still heard"]


def test_rest_needs_a_connection() -> None:
    context = make_context(OURS)
    end = DtlsEndpoint("client", context, (("sha-256", THEIRS.fingerprint),))
    assert not end.rest()
    end.start(1.0)
    assert not end.rest()


@readable
def test_a_forged_goodbye_is_not_believed(suite: str) -> None:
    ours, peer = connected("server", suite)
    ours.rest()
    peer.close()
    (goodbye,) = peer.transmit()
    for at in range(3, len(goodbye)):
        if at in (11, 12):
            continue  # the length: no whole record any more
        forged = goodbye[:at] + bytes([goodbye[at] ^ 1]) + goodbye[at + 1 :]
        ours.receive(forged, 2.0)
        assert ours.state is DtlsState.CONNECTED
    assert ours.drops["dtls-auth"] > 15
    plain = bytes.fromhex("15fefd000000000000000000020100")
    ours.receive(plain, 2.0)
    assert ours.drops["dtls-plain-alert"] == 2  # one of the above looks plain
    ours.receive(goodbye, 2.0)
    assert ours.state is DtlsState.CLOSED


def test_a_peer_that_missed_our_last_flight_gets_it_even_now() -> None:
    ours, peer = connected("server")
    flight = list(ours._flight._datagrams)
    ours.rest()
    finished = records.split_records(peer._flight._datagrams[-1])[-1]
    assert records.epoch(finished) == 1
    ours.receive(finished, 20.0)
    assert ours.transmit() == flight
    ours.receive(finished, 20.001)
    assert ours.transmit() == []


@given(st.binary(max_size=80))
def test_noise_is_refused(body: bytes) -> None:
    reader = AlertReader(bytes(16), bytes(4))
    for kind in (21, 22, 23):
        head = bytes([kind, 0xFE, 0xFD, 0, 1]) + bytes(6)
        record = head + len(body).to_bytes(2, "big") + body
        if kind != 21:
            assert reader.alert(record) is None
            continue
        with pytest.raises(DecodeError, match="dtls-a"):
            reader.alert(record)


def test_the_pseudorandom_function_of_tls_1_2() -> None:
    """A vector published on the IETF's TLS mailing list in 2008 (P_SHA256)."""
    secret = bytes.fromhex("9bbe436ba940f017b17652849a71db35")
    seed = b"test label" + bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c")
    made = expand(secret, seed, 100, "sha256")
    assert made.hex().startswith("e3f229ba727be17b8d122620557cd453c2aab21d07c3d49532")
    assert len(made) == 100
