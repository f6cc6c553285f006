from __future__ import annotations

import zipfile
from random import Random
from time import monotonic, sleep
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from meshnode.media import dtls, dtls_flight
from meshnode.media import dtls_records as records
from meshnode.media.certificate import Certificate
from meshnode.media.dtls import DtlsEndpoint, DtlsState
from meshnode.media.dtls_context import make_context
from meshnode.media.srtp_keys import PROFILES
from meshproto.errors import StateError
from support.shared import require_shared

OURS, THEIRS = Certificate.generate(), Certificate.generate()
CONTEXT, PEER_CONTEXT = make_context(OURS), make_context(THEIRS)
ALERT = bytes.fromhex("15fefd 0000 0000000000ff 0002 0228".replace(" ", ""))


class Pair:
    """A client and a server with a wire between them on which nothing is lost."""

    def __init__(self, client=CONTEXT, server=PEER_CONTEXT, prints=None) -> None:
        expected = prints or (
            (("sha-256", THEIRS.fingerprint),),
            (("sha-256", OURS.fingerprint),),
        )
        self.now = 100.0
        self.client = DtlsEndpoint("client", client, expected[0])
        self.server = DtlsEndpoint("server", server, expected[1])
        self.server.start(self.now)
        self.client.start(self.now)

    def carry(self) -> int:
        """Deliver what both want to send; the number of datagrams."""
        to_server, to_client = self.client.transmit(), self.server.transmit()
        for datagram in to_server:
            self.server.receive(datagram, self.now)
        for datagram in to_client:
            self.client.receive(datagram, self.now)
        return len(to_server) + len(to_client)

    def settle(self) -> None:
        for _ in range(20):
            if not self.carry():
                return
        raise AssertionError("the pair never comes to rest")

    def connected(self) -> bool:
        states = {self.client.state, self.server.state}
        return states == {DtlsState.CONNECTED}

    def pass_time(self, until_s: float) -> None:
        """Let timers fire and deliver until connected or `until_s` from now."""
        end = self.now + until_s
        while self.now < end and not self.connected():
            due = [e.next_timeout for e in (self.client, self.server)]
            self.now = max(self.now, min([end, *(d for d in due if d is not None)]))
            self.client.handle_timeout(self.now)
            self.server.handle_timeout(self.now)
            self.settle()


def test_both_ends_get_the_same_keys_crosswise() -> None:
    pair = Pair()
    pair.settle()
    assert pair.connected()
    client, server = pair.client.keys, pair.server.keys
    assert client.profile == server.profile == "AEAD_AES_128_GCM"
    assert client.send_key == server.receive_key != server.send_key
    assert client.send_salt == server.receive_salt
    assert server.send_key == client.receive_key
    assert pair.client.next_timeout is None
    assert pair.server.next_timeout is None


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_peer_that_knows_one_profile_only_gets_it(profile: str) -> None:
    narrow = make_context(OURS, (profile,))
    as_client, as_server = (
        Pair(client=narrow),
        Pair(
            client=PEER_CONTEXT,
            server=narrow,
            prints=(
                (("sha-256", OURS.fingerprint),),
                (("sha-256", THEIRS.fingerprint),),
            ),
        ),
    )
    for pair in (as_client, as_server):
        pair.settle()
        assert pair.server.keys.profile == pair.client.keys.profile == profile
        assert len(pair.client.keys.send_key) == PROFILES[profile].key_bytes


def test_a_peer_without_srtp_can_still_have_data_channels() -> None:
    pair = Pair(
        client=make_context(OURS, ("AEAD_AES_128_GCM",)),
        server=make_context(THEIRS, ("AEAD_AES_256_GCM",)),
    )
    pair.settle()
    assert pair.connected()
    assert pair.client.keys is None


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-384", "sha-512"])
def test_every_hash_of_the_right_certificate_is_accepted(algorithm: str) -> None:
    kind = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
    digest = THEIRS.certificate.fingerprint(kind[algorithm[-3:]]())
    prints = (((algorithm, digest.hex(":")),), (("sha-256", OURS.fingerprint),))
    pair = Pair(prints=prints)
    pair.settle()
    assert pair.connected()


def test_a_client_with_another_certificate_never_sees_our_finished() -> None:
    wrong = (("sha-256", Certificate.generate().fingerprint),)
    pair = Pair(prints=((("sha-256", THEIRS.fingerprint),), wrong))
    pair.settle()
    assert pair.server.state is DtlsState.FAILED
    assert pair.client.state is DtlsState.HANDSHAKING
    assert pair.server.keys is None
    pair.client.handle_timeout(pair.now + dtls.ALERT_GRACE_S)
    assert pair.client.state is DtlsState.FAILED


def test_a_server_with_another_certificate_is_refused() -> None:
    wrong = (("sha-256", Certificate.generate().fingerprint),)
    pair = Pair(prints=(wrong, (("sha-256", OURS.fingerprint),)))
    pair.settle()
    assert pair.client.state is DtlsState.FAILED
    assert "verify" in pair.client.reason
    assert pair.client.keys is None


def rsa_identity(bits: int) -> SimpleNamespace:
    key = rsa.generate_private_key(65537, bits)
    name = x509.Name([])
    made = OURS.certificate
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(made.not_valid_before_utc)
        .not_valid_after(made.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    digest = certificate.fingerprint(hashes.SHA256()).hex(":")
    return SimpleNamespace(key=key, certificate=certificate, fingerprint=digest)


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_peer_with_a_large_rsa_certificate_connects_in_small_datagrams(role) -> None:
    peer = rsa_identity(4096)
    theirs = (("sha-256", peer.fingerprint),)
    ours = (("sha-256", OURS.fingerprint),)
    if role == "client":
        pair = Pair(make_context(peer), CONTEXT, (ours, theirs))
    else:
        pair = Pair(CONTEXT, make_context(peer), (theirs, ours))
    for _ in range(20):
        sizes = [len(d) for e in (pair.client, pair.server) for d in e._outgoing]
        assert all(size <= records.DATAGRAM_BYTES for size in sizes)
        pair.carry()
    assert pair.connected()


def in_fragments(hello: bytes) -> list[bytes]:
    """A ClientHello of one record as two records, as browsers send it."""
    head, message, body = hello[:11], hello[13:19], hello[25:]
    parts = []
    for number, start, end in ((0, 0, 80), (1, 80, len(body))):
        piece = message + start.to_bytes(3, "big") + (end - start).to_bytes(3, "big")
        piece += body[start:end]
        length = len(piece).to_bytes(2, "big")
        parts.append(head[:10] + bytes([number]) + length + piece)
    return parts


def renumbered(datagram: bytes) -> bytes:
    """The plaintext records of a datagram, one number later each."""
    found = b""
    for record in records.split_records(datagram):
        if records.epoch(record) == 0:
            record = record[:10] + bytes([record[10] + 1]) + record[11:]  # noqa: PLW2901
        found += record
    return found


@pytest.mark.parametrize("order", [1, -1])
def test_a_hello_in_fragments_is_put_together_in_any_order(order: int) -> None:
    pair = Pair()
    for part in in_fragments(pair.client.transmit()[0])[::order]:
        pair.server.receive(part, pair.now)
    for datagram in pair.server.transmit():
        pair.client.receive(datagram, pair.now)
    for datagram in pair.client.transmit():
        pair.server.receive(renumbered(datagram), pair.now)
    pair.settle()
    assert pair.connected()


def test_a_lost_hello_is_sent_again_after_50_ms() -> None:
    pair = Pair()
    lost = pair.client.transmit()
    assert pair.client.next_timeout == pytest.approx(pair.now + 0.05)
    start = pair.now
    pair.pass_time(1)
    assert pair.connected()
    assert pair.now - start < 0.06
    assert len(lost) == 1


@pytest.mark.parametrize("losses", [1, 2, 3])
def test_a_lost_server_flight_is_sent_again_early(losses: int) -> None:
    pair = Pair()
    start = pair.now
    pair.carry()
    pair.server.transmit()
    for n in range(losses - 1):
        pair.now += 0.05 * 2**n
        pair.server.handle_timeout(pair.now)
        assert pair.server.transmit()
    pair.pass_time(2)
    assert pair.connected()
    assert pair.now - start < 0.05 * 2**losses


def test_a_repeated_hello_brings_the_flight_again_before_any_timer() -> None:
    pair = Pair()
    hello = pair.client.transmit()[0]
    pair.server.receive(hello, pair.now)
    flight = pair.server.transmit()
    again = hello[:10] + b"\x01" + hello[11:]  # a new record number, the same message
    pair.server.receive(again, pair.now + 0.001)
    assert pair.server.transmit() == []  # hardly a loss yet
    pair.server.receive(again, pair.now + 0.03)
    assert pair.server.transmit() == flight


def test_repeated_hellos_do_not_make_us_a_cannon() -> None:
    pair = Pair()
    hello = pair.client.transmit()[0]
    sent = 0
    for n in range(1000):
        pair.server.receive(hello, pair.now + n)
        sent += len(pair.server.transmit())
    assert sent <= 1 + dtls_flight.REPEATS_MAX


def test_the_lost_last_flight_comes_again_when_the_client_repeats() -> None:
    pair = Pair()
    pair.carry()
    pair.carry()
    finished = pair.client.transmit()
    for datagram in finished:
        pair.server.receive(datagram, pair.now)
    assert pair.server.state is DtlsState.CONNECTED
    assert pair.server.transmit()  # lost
    start = pair.now
    pair.pass_time(1)
    assert pair.connected()
    assert pair.now - start < 0.11


def test_a_forged_alert_does_not_end_a_handshake() -> None:
    pair = Pair()
    for _ in range(6):
        pair.client.receive(ALERT, pair.now)
        pair.server.receive(ALERT, pair.now)
        pair.carry()
    assert pair.connected()
    pair.client.receive(ALERT, pair.now)
    assert pair.connected()
    assert pair.client.drops["dtls-plain-alert"] == 7


def test_an_alert_followed_by_silence_is_believed() -> None:
    pair = Pair()
    pair.client.receive(ALERT, pair.now)
    assert pair.client.state is DtlsState.HANDSHAKING
    pair.client.handle_timeout(pair.now + dtls.ALERT_GRACE_S)
    assert pair.client.state is DtlsState.FAILED
    assert pair.client.reason == "peer alert 40"
    assert pair.client.next_timeout is None


def test_application_data_of_one_datagram_comes_out_record_by_record() -> None:
    pair = Pair()
    pair.settle()
    for word in (b"one", b"two", b"three"):
        assert pair.client.send(word)
    pair.server.receive(b"".join(pair.client.transmit()), pair.now)
    assert pair.server.received() == [b"one", b"two", b"three"]
    assert pair.server.received() == []


def test_what_nobody_fetches_is_bounded() -> None:
    pair = Pair()
    pair.settle()
    for _ in range(40):
        pair.client.send(bytes(10000))
    pair.settle()
    assert sum(map(len, pair.server.received())) <= dtls.RECEIVED_MAX_BYTES
    assert pair.server.drops["dtls-received-full"] == 14


def test_goodbye_is_heard() -> None:
    pair = Pair()
    pair.settle()
    pair.server.close()
    pair.settle()
    assert pair.client.state is DtlsState.CLOSED
    assert pair.client.reason == "peer closed"
    assert not pair.client.send(b"late")
    pair.client.receive(b"\x17", pair.now)
    assert pair.client.drops["dtls-state"] == 1


def test_closing_during_the_handshake_is_quiet() -> None:
    pair = Pair()
    pair.client.close()
    assert pair.client.state is DtlsState.CLOSED
    pair.client.close()
    assert pair.client.reason == "closed here"


def test_too_large_a_record_is_refused_and_the_rest_goes_on() -> None:
    pair = Pair()
    pair.settle()
    assert not pair.client.send(bytes(20000))
    assert pair.client.drops["dtls-send"] == 1
    assert pair.client.send(b"fine")


def test_openssl_s_own_timer_takes_over_after_the_early_ones() -> None:
    """It reads a clock of its own, so this test really waits a second."""
    pair = Pair()
    pair.client = DtlsEndpoint("client", CONTEXT, (("sha-256", THEIRS.fingerprint),))
    pair.client.start(monotonic())
    sent = pair.client.transmit()
    deadline = monotonic() + 5
    while sent[-1] == sent[0] and monotonic() < deadline:
        due = pair.client.next_timeout
        assert due is not None
        sleep(max(0.0, due - monotonic()))
        pair.client.handle_timeout(monotonic())
        sent += pair.client.transmit()
    assert sent[:5] == sent[:1] * 5  # at once and 50, 150, 350, 750 ms later
    assert sent[-1][10] == sent[0][10] + 1  # the same message in a new record
    assert sent[-1][13:] == sent[0][13:]
    pair.server.receive(sent[-1], monotonic())
    pair.now = monotonic()
    pair.settle()
    assert pair.connected()


def test_the_handshake_has_a_byte_limit() -> None:
    pair = Pair()
    part = bytes.fromhex("16fefd 0000 000000000000 0404 01 00ffff 0000 000000 0003f8")
    for _ in range(200):
        pair.server.receive(part + bytes(1016), pair.now)
    assert pair.server.state is DtlsState.FAILED


def test_starting_twice_is_a_mistake_of_the_caller() -> None:
    pair = Pair()
    with pytest.raises(StateError):
        pair.client.start(pair.now)


def test_the_representation_says_what_matters() -> None:
    pair = Pair()
    assert repr(pair.client) == "<DtlsEndpoint client handshaking>"
    pair.client.close()
    assert repr(pair.client) == "<DtlsEndpoint client closed closed here>"


@settings(max_examples=200)
@given(random=st.randoms(use_true_random=True), changes=st.integers(0, 4))
def test_mangled_flights_never_raise(random: Random, changes: int) -> None:
    pair = Pair()
    for _ in range(3):
        for source, sink in ((pair.client, pair.server), (pair.server, pair.client)):
            for datagram in source.transmit():
                mangled = bytearray(datagram)
                for _ in range(changes):
                    mangled[random.randrange(len(mangled))] = random.randrange(256)
                sink.receive(bytes(mangled), pair.now)


def corpus() -> list[list[bytes]]:
    folder = require_shared("corpora", "bad", "dtls")
    inputs = []
    for name in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(name) as members:
            inputs += [datagrams(m, members.read(m)) for m in members.namelist()]
    return inputs


def datagrams(name: str, data: bytes) -> list[bytes]:
    """`.seq` members hold datagrams with a 32 bit length before each."""
    if not name.endswith(".seq"):
        return [data]
    found, at = [], 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


@pytest.mark.parametrize("phase", ["start", "middle", "connected"])
def test_bad_inputs_are_survived_in_every_phase(phase: str) -> None:
    inputs = corpus()
    assert len(inputs) == 731
    for sequence in inputs:
        pair = Pair()
        if phase == "middle":
            pair.carry()
        elif phase == "connected":
            pair.settle()
        for datagram in sequence:
            for end in (pair.client, pair.server):
                end.receive(datagram, pair.now)
                end.received()
        if phase == "connected":
            pair.settle()
            assert pair.connected()
            assert pair.client.send(b"still here")
            pair.settle()
            assert pair.server.received() == [b"still here"]
