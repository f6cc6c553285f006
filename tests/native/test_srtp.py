"""Both SRTPs protect to the same octets, read alike, refuse for the same reason."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshnode.media.plane import SrtpKeys
from meshnode.media.srtp import make_inbound, make_legs, make_outbound
from meshnode.media.srtp_keys import PROFILES
from meshproto.errors import DecodeError, LimitError, StateError
from meshproto.forwarding.relay import wire
from support.shared import require_shared

native = pytest.importorskip("meshnode._native", reason="extension is not built")

VECTORS = Path(__file__).resolve().parents[2] / "rfcs/vectors/media/srtp.json"
GCM = "AEAD_AES_128_GCM"
SSRCS = 3
profiles = st.sampled_from(sorted(PROFILES))


def material(profile: str) -> tuple[bytes, bytes]:
    sizes = PROFILES[profile]
    return bytes(range(sizes.key_bytes)), bytes(range(50, 50 + sizes.salt_bytes))


def keys(profile: str) -> SrtpKeys:
    return SrtpKeys(profile, *material(profile), *material(profile))


def outcome(call: Callable[[], object]) -> object:
    """What is returned, or the one word for why not."""
    try:
        return call()
    except DecodeError as error:
        return error.reason
    except LimitError:
        return "sources"
    except StateError:
        return "used"
    except ValueError as error:
        return str(error)


class Senders:
    """The same packets to both; the answers must be equal."""

    def __init__(self, reference: Any, rust: Any) -> None:
        self.reference, self.rust = reference, rust

    def protect(self, packet: tuple[bytes, bytes, int, int]) -> object:
        expected = outcome(lambda: b"".join(self.reference.protect_burst([packet])))
        found = outcome(lambda: bytes(self.rust.protect(*packet)))
        assert found == (expected or "used")
        assert self.rust.refused == self.reference.refused
        return found

    def repeat(self, packet: tuple[bytes, bytes, int, int]) -> object:
        expected = outcome(lambda: b"".join(self.reference.repeat(packet)))
        found = outcome(lambda: bytes(self.rust.repeat(*packet)))
        assert found == expected
        return found

    def protect_next(self, header: bytes, payload: bytes) -> object:
        expected = outcome(lambda: header + self.reference.protect(header, payload))
        found = outcome(lambda: bytes(self.rust.protect_next(header, payload)))
        assert found == expected
        assert self.rust.refused == self.reference.refused
        return found

    def protect_rtcp(self, plain: bytes) -> object:
        expected = outcome(lambda: self.reference.protect_rtcp(plain))
        found = outcome(lambda: bytes(self.rust.protect_rtcp(plain)))
        assert found == expected
        return found


class Receivers:
    """The same datagrams to both."""

    def __init__(self, reference: Any, rust: Any) -> None:
        self.reference, self.rust = reference, rust

    def unprotect(self, packet: bytes) -> object:
        expected = outcome(lambda: self.reference.unprotect(packet))
        assert outcome(lambda: self.rust.unprotect(packet)) == expected
        assert self.rust.ssrcs == len(self.reference._windows._windows)
        return expected

    def unprotect_rtcp(self, packet: bytes) -> object:
        expected = outcome(lambda: self.reference.unprotect_rtcp(packet))
        assert outcome(lambda: self.rust.unprotect_rtcp(packet)) == expected
        return expected


def senders(profile: str, ssrcs: int = SSRCS) -> Senders:
    rust = native.srtp.Outbound(profile, *material(profile), ssrcs)
    return Senders(make_outbound(keys(profile), ssrcs), rust)


def receivers(profile: str, ssrcs: int = SSRCS) -> Receivers:
    rust = native.srtp.Inbound(profile, *material(profile), ssrcs)
    return Receivers(make_inbound(keys(profile), ssrcs), rust)


def leg_ends() -> tuple[Senders, Receivers]:
    inbound, outbound = make_legs(keys(GCM))
    return (
        Senders(outbound, native.srtp.Outbound(GCM, *material(GCM))),
        Receivers(inbound, native.srtp.Inbound(GCM, *material(GCM))),
    )


def header(ssrc: int, sequence: int, first: int = 0x80) -> bytes:
    return bytes((first, 96)) + sequence.to_bytes(2) + bytes(4) + ssrc.to_bytes(4)


ssrcs = st.integers(0, SSRCS)
payloads = st.binary(max_size=80)
# near each other, near rollovers, far away; never beyond what an index may be
jumps = st.one_of(
    st.integers(-4, 4),
    st.integers(-1100, 1100),
    st.sampled_from((0x7FFF, 0x8000, 0x8001, -0x8000, 0xFFFF, 0x10000, 1 << 33)),
)
starts = st.sampled_from((0, 1, 1000, 0x7FFF, 0xFFF0, 0x1FFF0, (1 << 48) - 70_000))


@settings(max_examples=300)
@given(profiles, starts, st.lists(st.tuples(ssrcs, jumps, payloads), max_size=30))
def test_packets_of_known_index_are_protected_alike(
    profile: str, start: int, steps: list[tuple[int, int, bytes]]
) -> None:
    ends, index = senders(profile), start
    for ssrc, jump, payload in steps:
        index = min(max(0, index + jump), (1 << 48) - 1)
        packet = (header(ssrc, index & 0xFFFF), payload, ssrc, index)
        ends.protect(packet)
        ends.repeat(packet)


@settings(max_examples=200)
@given(
    profiles,
    st.integers(0, 0xFFFF),
    st.lists(
        st.tuples(ssrcs, jumps, payloads, st.integers(0, 3), st.integers(0, 999)),
        max_size=40,
    ),
)
def test_what_arrives_is_read_alike(
    profile: str, sequence: int, steps: list[tuple[int, int, bytes, int, int]]
) -> None:
    out, back = senders(profile), receivers(profile, 2)
    packets: list[bytes] = []
    for ssrc, jump, payload, what, where in steps:
        sequence = sequence + jump & 0xFFFF
        made = out.protect_next(header(ssrc, sequence), payload)
        if isinstance(made, bytes):
            packets.append(made)
        if not packets:
            continue
        chosen = packets[-1] if what != 1 else packets[where % len(packets)]
        if what == 2:  # damaged somewhere
            at = where % len(chosen)
            chosen = chosen[:at] + bytes((chosen[at] ^ 1,)) + chosen[at + 1 :]
        back.unprotect(chosen)


reports = st.builds(
    lambda ssrc, body: b"\x80\xc9\0\1" + ssrc.to_bytes(4) + body,
    ssrcs,
    st.binary(max_size=60),
)


@settings(max_examples=200)
@given(profiles, st.lists(st.tuples(reports, st.integers(0, 999)), max_size=20))
def test_compounds_are_protected_and_read_alike(
    profile: str, steps: list[tuple[bytes, int]]
) -> None:
    out, back = senders(profile), receivers(profile, 2)
    sent: list[bytes] = []
    for plain, where in steps:
        made = out.protect_rtcp(plain)
        if not isinstance(made, bytes):
            continue
        sent.append(made)
        at = where % len(made)
        back.unprotect_rtcp(made[:at] + bytes((made[at] ^ 0x80,)) + made[at + 1 :])
        back.unprotect_rtcp(sent[where % len(sent)])
        back.unprotect_rtcp(made)


@given(st.sampled_from((GCM, "AEAD_AES_256_GCM")), st.binary(min_size=8, max_size=90))
def test_compounds_in_the_clear_are_read_alike(profile: str, tail: bytes) -> None:
    reference = make_outbound(keys(profile))
    plain = b"\x80\xc9\0\1" + tail
    trailer = (7).to_bytes(4)
    nonce = reference._rtcp_salt ^ int.from_bytes(plain[4:8]) << 48 ^ 7  # type: ignore[attr-defined]
    tag = reference._rtcp.encrypt(nonce.to_bytes(12), b"", plain + trailer)  # type: ignore[attr-defined]
    back = receivers(profile)
    forged = tag[:-1] + bytes((tag[-1] ^ 1,))
    assert back.unprotect_rtcp(plain + forged + trailer) == "srtcp-auth"
    assert back.unprotect_rtcp(plain + tag + trailer) == plain
    assert back.unprotect_rtcp(plain + tag + trailer) == "srtcp-replay"


@given(profiles, st.binary(max_size=120), st.integers(0x80, 0xBF))
def test_noise_is_refused_alike(profile: str, noise: bytes, first: int) -> None:
    for data in (noise, bytes((first,)) + noise):
        receivers(profile).unprotect(data)
        receivers(profile).unprotect_rtcp(data)
        leg_ends()[1].unprotect(data)


def leg_packet(
    ssrc: int, index: int, payload: bytes, carried: bool
) -> tuple[bytes, bytes, int, int]:
    more = [(wire.DESCRIPTOR_ID, b"d" * 20)] if carried else []
    block = wire.block(wire.encode_mesh(9, 0, 0, index, 5), more)
    return header(ssrc, index & 0xFFFF, 0x90) + block, payload, ssrc, index


@settings(max_examples=200)
@given(
    st.sampled_from((0, 5, 70_000, (1 << 40) - 3)),
    st.lists(
        st.tuples(ssrcs, st.integers(-30, 40), payloads, st.booleans(), st.booleans()),
        max_size=30,
    ),
)
def test_legs_are_protected_and_read_alike(
    start: int, steps: list[tuple[int, int, bytes, bool, bool]]
) -> None:
    out, back = leg_ends()
    index = start
    for ssrc, jump, payload, again, carried in steps:
        index = min(max(0, index + jump), (1 << 40) - 1)
        packet = leg_packet(ssrc, index, payload, carried)
        made = out.repeat(packet) if again else out.protect(packet)
        if isinstance(made, bytes):
            back.unprotect(made)
            damaged = bytearray(made)
            damaged[21] ^= 1
            back.unprotect(bytes(damaged))


def test_old_windows_of_a_link_give_way_in_the_same_order() -> None:
    out, back = leg_ends()
    first = out.protect(leg_packet(0, 70_000, b"", False))
    assert isinstance(first, bytes)
    for ssrc in range(4100):
        made = out.protect(leg_packet(ssrc, 70_001, b"", False))
        assert isinstance(made, bytes)
        back.unprotect(made)
    # the window of SSRC 0 went, so what came before it opens a new one
    assert back.unprotect(first) == leg_packet(0, 70_000, b"", False)[0]


@pytest.mark.parametrize("session", json.loads(VECTORS.read_text())["sessions"])
def test_vectors_of_rfc_0002(session: dict[str, Any]) -> None:
    master = bytes.fromhex(session["master_key"]), bytes.fromhex(session["master_salt"])
    out = native.srtp.Outbound(session["profile"], *master, 64)
    back = native.srtp.Inbound(session["profile"], *master, 64)
    packets = [
        (bytes.fromhex(p["header"]), bytes.fromhex(p["payload"]), p["ssrc"], p["index"])
        for p in session["rtp"]
    ]
    for packet, entry in zip(packets, session["rtp"], strict=True):
        protected = bytes(out.protect(*packet))
        assert protected.hex() == entry["protected"]
        assert back.unprotect(protected) == packet[0] + packet[1]
    for refused in session["refused"]:
        with pytest.raises(ValueError, match="used"):
            out.protect(packets[0][0], b"other", refused["ssrc"], refused["index"])
    repeat = session["repeat"]
    assert bytes(out.repeat(*packets[repeat["of"]])).hex() == repeat["protected"]
    for report in session["rtcp"]:
        plain = bytes.fromhex(report["plain"])
        assert bytes(out.protect_rtcp(plain)).hex() == report["protected"]
        assert back.unprotect_rtcp(bytes.fromhex(report["protected"])) == plain


PUBLIC = {"AES_CM_128_HMAC_SHA1_80": "AES128_CM_SHA1_80"}
KINDS = {
    "srtp.protect": ("protect_next", senders),
    "srtp.protect_rtcp": ("protect_rtcp", senders),
    "srtp.unprotect": ("unprotect", receivers),
    "srtp.unprotect_rtcp": ("unprotect_rtcp", receivers),
    "srtp.unprotect_each": ("unprotect", receivers),
}


def public_vectors() -> list[Any]:
    path = require_shared("corpora", "vectors", "srtp.json")
    found = []
    for entry in json.loads(path.read_text())["entries"]:
        profile = entry["input"].get("profile", "")
        if entry["kind"] in KINDS and PUBLIC.get(profile, profile) in PROFILES:
            found.append(entry)
    return found


def test_public_vectors() -> None:
    entries = public_vectors()
    assert len(entries) > 50
    for entry in entries:
        given_ = entry["input"]
        profile = PUBLIC.get(given_["profile"], given_["profile"])
        master = tuple(
            bytes.fromhex(given_[f"master_{k}_hex"]) for k in ("key", "salt")
        )
        inward = entry["kind"].startswith("srtp.unprotect")
        kind = native.srtp.Inbound if inward else native.srtp.Outbound
        session = kind(profile, *master, 64)
        packets = [bytes.fromhex(text) for text in given_["packets_hex"]]
        assert answers(entry, session, packets) == entry.get("expect", "refused")


def answers(entry: dict[str, Any], session: Any, packets: list[bytes]) -> object:
    verb = KINDS[entry["kind"]][0]
    found = []
    for packet in packets:
        try:
            if verb == "protect_next":
                size = rtp_header(packet)
                found.append(bytes(session.protect_next(packet[:size], packet[size:])))
            else:
                found.append(bytes(getattr(session, verb)(packet)))
        except ValueError:
            if entry["kind"] != "srtp.unprotect_each":
                return "refused"
            found.append(b"")
    if entry["kind"] == "srtp.unprotect_each":
        return [bool(plain) for plain in found]
    return [plain.hex() for plain in found]


def rtp_header(packet: bytes) -> int:
    size = 12 + 4 * (packet[0] & 15)
    return (
        size
        + 4
        + 4 * int.from_bytes(packet[size + 2 : size + 4]) * (packet[0] >> 4 & 1)
        if packet[0] & 0x10
        else size
    )


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_bad_inputs_are_refused_alike(profile: str) -> None:
    back = receivers(profile)
    path = require_shared("corpora", "bad", "srtp", "libsrtp.zip")
    with zipfile.ZipFile(path) as bad:
        names = bad.namelist()
        assert len(names) == 2250
        for name in names:
            packet = bad.read(name)
            assert str(back.unprotect(packet)).startswith("srtp-")
            assert str(back.unprotect_rtcp(packet)).startswith("srtcp-")


def test_keys_of_the_wrong_size_are_a_mistake_of_the_caller() -> None:
    for kind in (native.srtp.Outbound, native.srtp.Inbound):
        with pytest.raises(ValueError, match="fit"):
            kind(GCM, b"short", bytes(12), 1)
        with pytest.raises(ValueError, match="GCM"):
            kind("AES128_CM_SHA1_80", bytes(16), bytes(14))
