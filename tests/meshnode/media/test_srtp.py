from __future__ import annotations

import itertools

import pylibsrtp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnode.media.plane import SrtpKeys
from meshnode.media.srtp import make_inbound, make_outbound, overhead_bytes
from meshnode.media.srtp_keys import PROFILES
from meshproto.errors import DecodeError, LimitError, StateError

LIBSRTP = {
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    "AES128_CM_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}
RTCP = bytes.fromhex("80c9000111223344") + b"report blocks go here..."
profiles = pytest.mark.parametrize("profile", sorted(PROFILES))


def keys(profile: str) -> SrtpKeys:
    sizes = PROFILES[profile]
    key, salt = bytes(range(sizes.key_bytes)), bytes(range(sizes.salt_bytes))
    return SrtpKeys(profile, key, salt, key, salt)


def libsrtp(profile: str, inbound: bool) -> pylibsrtp.Session:
    ours = keys(profile)
    policy = pylibsrtp.Policy(
        key=ours.send_key + ours.send_salt,
        ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND
        if inbound
        else pylibsrtp.Policy.SSRC_ANY_OUTBOUND,
        srtp_profile=LIBSRTP[profile],
    )
    policy.window_size = 1024
    return pylibsrtp.Session(policy)


def header(sequence: int, ssrc: int = 7) -> bytes:
    return (
        b"\x80\x60" + sequence.to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big")
    )


def sealed(session, sequence: int, payload: bytes = b"x" * 50, ssrc: int = 7) -> bytes:
    start = header(sequence, ssrc)
    return start + session.protect(start, payload)


@profiles
def test_libsrtp_reads_what_we_protect_over_a_rollover(profile: str) -> None:
    ours, theirs = make_outbound(keys(profile)), libsrtp(profile, inbound=True)
    for index in itertools.chain(range(65500, 65536), range(40)):
        assert theirs.unprotect(sealed(ours, index)) == header(index) + b"x" * 50
    for _ in range(5):
        assert theirs.unprotect_rtcp(ours.protect_rtcp(RTCP)) == RTCP


@profiles
def test_we_read_what_libsrtp_protects_over_a_rollover(profile: str) -> None:
    ours, theirs = make_inbound(keys(profile)), libsrtp(profile, inbound=False)
    for index in itertools.chain(range(65500, 65536), range(40)):
        plain = header(index) + b"y" * 99
        assert ours.unprotect(theirs.protect(plain)) == plain
    for _ in range(5):
        assert ours.unprotect_rtcp(theirs.protect_rtcp(RTCP)) == RTCP


@profiles
def test_packets_larger_than_libsrtp_takes_are_relayed(profile: str) -> None:
    plain = header(1) + bytes(1488)
    packet = sealed(make_outbound(keys(profile)), 1, plain[12:])
    assert make_inbound(keys(profile)).unprotect(packet) == plain
    assert len(packet) == len(plain) + overhead_bytes(profile)


@profiles
def test_header_with_sources_and_extension_stays_readable(profile: str) -> None:
    start = b"\xb2" + header(5)[1:] + b"CSRCcsrc" + b"\xbe\xde\x00\x01\x10A\x00\x00"
    cipher = make_outbound(keys(profile)).protect(start, b"payload")
    packet = start + cipher
    assert make_inbound(keys(profile)).unprotect(packet) == start + b"payload"
    assert libsrtp(profile, inbound=True).unprotect(packet) == start + b"payload"


@profiles
def test_a_replayed_packet_is_refused(profile: str) -> None:
    out, back = make_outbound(keys(profile)), make_inbound(keys(profile))
    packets = [sealed(out, n) for n in range(2000)]
    for packet in packets:
        back.unprotect(packet)
    for old in (packets[-1], packets[-1000], packets[3]):
        with pytest.raises(DecodeError, match="srtp-replay"):
            back.unprotect(old)


@profiles
def test_a_late_packet_within_the_window_is_read_once(profile: str) -> None:
    out, back = make_outbound(keys(profile)), make_inbound(keys(profile))
    packets = [sealed(out, n) for n in range(1500)]
    for n, packet in enumerate(packets):
        if n not in (300, 900):
            back.unprotect(packet)
    assert back.unprotect(packets[900]) == header(900) + b"x" * 50
    for late in (packets[900], packets[300]):  # again; and 1199 packets behind
        with pytest.raises(DecodeError, match="srtp-replay"):
            back.unprotect(late)


@profiles
def test_replayed_rtcp_is_refused(profile: str) -> None:
    out, back = make_outbound(keys(profile)), make_inbound(keys(profile))
    first, second = out.protect_rtcp(RTCP), out.protect_rtcp(RTCP)
    assert back.unprotect_rtcp(second) == RTCP
    assert back.unprotect_rtcp(first) == RTCP
    for packet in (first, second):
        with pytest.raises(DecodeError, match="srtcp-replay"):
            back.unprotect_rtcp(packet)


@profiles
def test_a_forged_packet_changes_nothing(profile: str) -> None:
    out, back = make_outbound(keys(profile)), make_inbound(keys(profile))
    back.unprotect(sealed(out, 10))
    forged = sealed(make_outbound(keys(profile)), 40000)
    with pytest.raises(DecodeError, match="srtp-auth"):
        back.unprotect(forged[:-1] + bytes([forged[-1] ^ 1]))
    # A remembered 40000 would have moved the rollover guess of 11.
    assert back.unprotect(sealed(out, 11)) == header(11) + b"x" * 50
    rtcp = out.protect_rtcp(RTCP)
    with pytest.raises(DecodeError, match="srtcp-auth"):
        back.unprotect_rtcp(rtcp[:-20] + bytes([rtcp[-20] ^ 1]) + rtcp[-19:])
    assert back.unprotect_rtcp(rtcp) == RTCP


@profiles
def test_the_number_of_sources_is_bounded(profile: str) -> None:
    out, back = make_outbound(keys(profile), 5), make_inbound(keys(profile), 3)
    for ssrc in range(3):
        back.unprotect(sealed(out, 1, ssrc=ssrc))
    with pytest.raises(DecodeError, match="srtp-ssrcs"):
        back.unprotect(sealed(out, 1, ssrc=3))
    assert back.unprotect(sealed(out, 2, ssrc=2))
    sealed(out, 1, ssrc=4)
    with pytest.raises(LimitError, match="ssrcs_per_transport=5"):
        sealed(out, 1, ssrc=5)


@profiles
def test_the_number_of_reporting_sources_is_bounded(profile: str) -> None:
    out, back = make_outbound(keys(profile), 3), make_inbound(keys(profile), 2)
    reports = [RTCP[:4] + bytes([0, 0, 0, n]) + RTCP[8:] for n in range(4)]
    for report in reports[:2]:
        assert back.unprotect_rtcp(out.protect_rtcp(report)) == report
    with pytest.raises(DecodeError, match="srtcp-ssrcs"):
        back.unprotect_rtcp(out.protect_rtcp(reports[2]))
    with pytest.raises(LimitError):
        out.protect_rtcp(reports[3])


@profiles
def test_no_index_is_ever_protected_twice(profile: str) -> None:
    out = make_outbound(keys(profile))
    burst = [(header(n), b"a", 7, n) for n in (5, 6, 9, 7)]
    assert len(out.protect_burst(burst)) == 8
    altered = [(header(n), b"b", 7, n) for n in (6, 7, 9, 8)]
    assert out.protect_burst(altered)[::2] == [header(8)]
    assert out.refused == 3
    with pytest.raises(StateError, match="twice"):
        out.protect(header(9), b"c")


@profiles
def test_a_burst_equals_the_same_packets_one_by_one(profile: str) -> None:
    burst = [(header(n & 0xFFFF), b"p" * (n % 7), 7, n) for n in range(65530, 65545)]
    pieces = make_outbound(keys(profile)).protect_burst(burst)
    single = make_outbound(keys(profile))
    assert pieces[::2] == [packet[0] for packet in burst]
    assert pieces[1::2] == [single.protect(packet[0], packet[1]) for packet in burst]


@given(data=st.binary(max_size=80))
def test_noise_is_refused_with_a_counted_reason(data: bytes) -> None:
    for profile in PROFILES:
        back = make_inbound(keys(profile))
        for verb in (back.unprotect, back.unprotect_rtcp):
            with pytest.raises(DecodeError) as caught:
                verb(data)
            assert caught.value.reason.startswith(("srtp-", "srtcp-"))


def test_keys_of_the_wrong_size_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(StateError):
        make_outbound(SrtpKeys("AEAD_AES_128_GCM", b"short", b"", b"", b""))
    with pytest.raises(StateError):
        make_inbound(SrtpKeys("NULL", b"", b"", b"", b""))
    with pytest.raises(StateError):
        overhead_bytes("NULL")
