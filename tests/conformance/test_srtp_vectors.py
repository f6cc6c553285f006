"""Our SRTP against the vectors of RFC 3711, 7714 and libsrtp, and 2,250 bad inputs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from meshnode.media.dtls_context import split_key_material
from meshnode.media.plane import SrtpKeys
from meshnode.media.srtp import Inbound, Outbound, make_inbound, make_outbound
from meshnode.media.srtp_cm import HmacSha1
from meshnode.media.srtp_gcm import GcmInbound, GcmOutbound
from meshnode.media.srtp_keys import SessionKeys, derive
from meshnode.media.srtp_packets import header_length
from meshnode.media.srtp_window import Window
from meshproto.errors import DecodeError
from support.shared import require_shared, shared_path

require_shared("corpora")

NAMES = {"AES_CM_128_HMAC_SHA1_80": "AES128_CM_SHA1_80"}
OFFERED = {"AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80"}
NOT_OFFERED = {"srtp.header_ext_protect", "srtp.cryptex_protect"}


def entries() -> list[Any]:
    return list(_relevant())


def _relevant() -> Iterator[Any]:
    text = shared_path("corpora", "vectors", "srtp.json").read_text()
    for entry in json.loads(text)["entries"]:
        profile = entry["input"].get("profile")
        if entry["kind"] in NOT_OFFERED or (profile and profile not in OFFERED):
            continue
        yield pytest.param(entry, id=f"{entry['kind']} {entry['name']}")


def from_json(given: dict[str, Any]) -> dict[str, Any]:
    values = {}
    for key, value in given.items():
        if key.endswith("_hex"):
            many = isinstance(value, list)
            values[key[:-4]] = (
                [bytes.fromhex(v) for v in value] if many else bytes.fromhex(value)
            )
        else:
            values[key] = value
    return values


def keys(profile: str, key: bytes, salt: bytes) -> SrtpKeys:
    return SrtpKeys(NAMES.get(profile, profile), key, salt, key, salt)


def outbound(profile: str, master_key: bytes, master_salt: bytes) -> Outbound:
    return make_outbound(keys(profile, master_key, master_salt))


def inbound(profile: str, master_key: bytes, master_salt: bytes) -> Inbound:
    return make_inbound(keys(profile, master_key, master_salt))


def protect_one(session: Outbound, packet: bytes) -> bytes:
    size = header_length(packet, 0)
    return packet[:size] + session.protect(packet[:size], packet[size:])


def protect(packets: list[bytes], **keying: Any) -> list[str]:
    session = outbound(**keying)
    return [protect_one(session, p).hex() for p in packets]


def unprotect(packets: list[bytes], **keying: Any) -> list[str]:
    session = inbound(**keying)
    return [session.unprotect(p).hex() for p in packets]


def protect_rtcp(packets: list[bytes], **keying: Any) -> list[str]:
    session = outbound(**keying)
    return [session.protect_rtcp(p).hex() for p in packets]


def unprotect_rtcp(packets: list[bytes], **keying: Any) -> list[str]:
    session = inbound(**keying)
    return [session.unprotect_rtcp(p).hex() for p in packets]


def accepts(session: Inbound, packet: bytes) -> bool:
    try:
        session.unprotect(packet)
    except DecodeError:
        return False
    return True


def unprotect_each(packets: list[bytes], **keying: Any) -> list[bool]:
    session = inbound(**keying)
    return [accepts(session, p) for p in packets]


def gcm(key: bytes, salt: bytes) -> SessionKeys:
    return SessionKeys(key, salt, key, salt)


def gcm_seal(session_key: bytes, session_salt: bytes, roc: int, packet: bytes) -> str:
    session = GcmOutbound(gcm(session_key, session_salt), 1)
    size = header_length(packet, 0)
    ssrc, sequence = session._windows.index(packet)
    header, payload = packet[:size], packet[size:]
    pieces = session.protect_burst([(header, payload, ssrc, roc << 16 | sequence)])
    return b"".join(pieces).hex()


def gcm_open(session_key: bytes, session_salt: bytes, roc: int, packet: bytes) -> str:
    session = GcmInbound(gcm(session_key, session_salt), 1)
    if roc:
        sequence = packet[2] << 8 | packet[3]
        salt = int.from_bytes(session_salt, "big")
        nonce = salt ^ int.from_bytes(packet[8:12], "big") << 48
        session._windows.open(packet[8:12], (roc << 16 | sequence) - 1, nonce)
    return session.unprotect(packet).hex()


def gcm_seal_rtcp(
    session_key: bytes, session_salt: bytes, index: int, packet: bytes, encrypt: bool
) -> str:
    if not encrypt:
        pytest.skip("we never send unencrypted SRTCP")
    session = GcmOutbound(gcm(session_key, session_salt), 1)
    session._counters._last[packet[4:8]] = index - 1
    return session.protect_rtcp(packet).hex()


def gcm_open_rtcp(session_key: bytes, session_salt: bytes, packet: bytes) -> str:
    return GcmInbound(gcm(session_key, session_salt), 1).unprotect_rtcp(packet).hex()


def keystream(key: bytes, iv: bytes, length: int) -> str:
    encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    encryptor.reset_nonce(iv)
    return encryptor.update(bytes(length)).hex()


def rollovers(seqs: list[int]) -> list[int]:
    window: Window | None = None
    found = []
    for sequence in seqs:
        if window is None:
            window = Window(sequence, 0, accept_earlier=True)
            found.append(0)
            continue
        index = window.estimate(sequence)
        window.accept(index)
        found.append(index >> 16)
    return found


def exported(material: bytes, profile: str) -> dict[str, str]:
    ours = split_key_material(NAMES.get(profile, profile), material, "client")
    return {
        "client_key": ours.send_key.hex(),
        "client_salt": ours.send_salt.hex(),
        "server_key": ours.receive_key.hex(),
        "server_salt": ours.receive_salt.hex(),
    }


ADAPTERS = {
    "srtp.kdf": lambda **given: derive(**given).hex(),
    "srtp.keystream": keystream,
    "srtp.hmac_sha1": lambda key, data: HmacSha1(key).digest(data, b"", b"").hex(),
    "srtp.gcm_session_rtp": gcm_seal,
    "srtp.gcm_session_rtp_open": gcm_open,
    "srtp.gcm_session_rtcp": gcm_seal_rtcp,
    "srtp.gcm_session_rtcp_open": gcm_open_rtcp,
    "srtp.protect": protect,
    "srtp.unprotect": unprotect,
    "srtp.protect_rtcp": protect_rtcp,
    "srtp.unprotect_rtcp": unprotect_rtcp,
    "srtp.unprotect_each": unprotect_each,
    "srtp.roc": rollovers,
    "dtls.srtp_keys": exported,
}


@pytest.mark.parametrize("entry", entries())
def test_public_vector(entry: dict[str, Any]) -> None:
    call, given = ADAPTERS[entry["kind"]], from_json(entry["input"])
    if entry.get("expect_error"):
        with pytest.raises(DecodeError):
            call(**given)
    else:
        assert call(**given) == entry["expect"]


@pytest.mark.parametrize("profile", sorted(OFFERED))
def test_nothing_forged_is_accepted(profile: str) -> None:
    gcm_profile = profile.startswith("AEAD")
    key = bytes(range(32 if "256" in profile else 16))
    session = inbound(profile, key, bytes(12 if gcm_profile else 14))
    with zipfile.ZipFile(shared_path("corpora", "bad", "srtp", "libsrtp.zip")) as bad:
        names = bad.namelist()
        assert len(names) == 2250
        for name in names:
            packet = bad.read(name)
            with pytest.raises(DecodeError):
                session.unprotect(packet)
            with pytest.raises(DecodeError):
                session.unprotect_rtcp(packet)
    # Nothing was remembered either: the very first genuine packet still opens.
    genuine = outbound(profile, key, bytes(12 if gcm_profile else 14))
    packet = b"\x80\x60\x00\x01" + bytes(8) + b"media"
    assert session.unprotect(protect_one(genuine, packet)) == packet
    assert len(session._windows._windows) == 1
