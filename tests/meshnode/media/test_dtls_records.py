from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnode.media import dtls_records as records
from meshproto.errors import DecodeError

SHA256 = ":".join(["AB"] * 32)
SHA512 = ":".join(["12"] * 64)


def record(content: int, body: bytes, epoch: int = 0) -> bytes:
    head = bytes([content, 0xFE, 0xFD]) + epoch.to_bytes(2, "big") + bytes(6)
    return head + len(body).to_bytes(2, "big") + body


bodies = st.lists(
    st.tuples(st.integers(20, 23), st.binary(max_size=1400), st.integers(0, 3)),
    max_size=12,
)


@given(bodies)
def test_what_is_packed_is_cut_again(parts: list[tuple[int, bytes, int]]) -> None:
    made = [record(*part) for part in parts]
    datagrams = records.pack_records(made)
    assert [r for d in datagrams for r in records.split_records(d)] == made
    for datagram in datagrams:
        single = len(records.split_records(datagram)) == 1
        assert single or len(datagram) <= records.DATAGRAM_BYTES


def test_a_flight_is_packed_as_full_as_it_goes() -> None:
    made = [record(22, bytes(n)) for n in (400, 400, 400, 20)]
    assert [len(d) for d in records.pack_records(made)] == [826, 446]


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"\x16\xfe\xfd", "dtls-short"),
        (record(19, b""), "dtls-type"),
        (record(24, b""), "dtls-type"),
        (b"\x16\x03\x03" + bytes(10), "dtls-type"),
        (record(22, b"abc")[:-1], "dtls-length"),
        (record(22, b"abc") + b"\x16", "dtls-short"),
        (record(22, bytes(records.RECORD_MAX_BYTES + 1)), "dtls-length"),
    ],
)
def test_half_records_never_get_through(datagram: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        records.split_records(datagram)
    assert caught.value.reason == reason


@given(st.binary(max_size=60))
def test_noise_is_cut_or_refused(datagram: bytes) -> None:
    try:
        parts = records.split_records(datagram)
    except DecodeError:
        return
    assert b"".join(parts) == datagram


def test_the_epoch_tells_what_nobody_signed() -> None:
    assert records.epoch(record(21, b"", epoch=0)) == 0
    assert records.epoch(record(21, b"", epoch=258)) == 258


def test_the_strongest_hash_counts_and_its_values_are_alternatives() -> None:
    named = [("sha-256", SHA256), ("SHA-512", SHA512), ("sha-512", SHA512.lower())]
    assert records.select_fingerprints(named) == (
        "sha512",
        frozenset([b"\x12" * 64]),
    )
    other = ":".join(["CD"] * 32)
    algorithm, digests = records.select_fingerprints(
        [("sha-256", SHA256), ("sha-256", other), ("sha-1", "AB")]
    )
    assert (algorithm, digests) == ("sha256", {b"\xab" * 32, b"\xcd" * 32})


@pytest.mark.parametrize(
    "given_",
    [
        [],
        [("md5", "AB")],
        [("sha-256", "AB:CD")],
        [("sha-256", SHA256.replace(":", ""))],
        [("sha-256", SHA256[:-2] + "ZZ")],
        [("sha-256", SHA256 + "\n")],
    ],
)
def test_without_a_usable_fingerprint_there_is_no_association(given_) -> None:
    with pytest.raises(DecodeError, match="fingerprint"):
        records.select_fingerprints(given_)
