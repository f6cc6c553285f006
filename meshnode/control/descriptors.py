"""Descriptors written and read: signed, sealed, checked, never twice (RFC 0005 5.1).

What is opened here is safe to act on: the seal was for us, the signature is that of the
node that the channel named, the peer record inside is its own and verifies, the expiry
is near, and the nonce is new.  Every way to fail has a fixed label; nothing is raised
but `DecodeError`, which the one caller counts.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from meshnode.control.identity import verify
from meshnode.control.sealing import Keys, SealKind, kind_of, open_seal, seal
from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.outputs import Purpose
from meshproto.wire.control.descriptor import (
    CANDIDATES_MAX,
    NONCE_OCTETS,
    Aim,
    LinkDescriptor,
    build_descriptor,
    parse_descriptor,
)
from meshproto.wire.control.peer import MediaAddress, PeerRecord
from meshproto.wire.stun_attributes import Address, pack_host

LIFETIME_MS = 30_000
"""A descriptor is used within seconds or not at all."""
SKEW_MS = 300_000
"""How wrong the clocks of two nodes may be: five minutes, as Kerberos has it."""
NONCES_MAX = 4_096
"""Remembered against replay: 80 s of all the handshakes that a node makes."""
VERSION = 1

_AIMS = {Purpose.OVERLAY: Aim.OVERLAY, Purpose.TREE: Aim.TREE}
_PURPOSES = {aim: purpose for purpose, aim in _AIMS.items()}


@dataclass(frozen=True, slots=True)
class Own:
    """What our descriptors say of ourselves, asked anew for each.

    `fingerprint` is "AB:CD:..." of the DTLS certificate, `candidates` are best first.
    """

    record: Callable[[], PeerRecord]
    candidates: Callable[[], Sequence[Address]]
    fingerprint: str


class Descriptors:
    """The written form of set-up between `keys` and other nodes; `wall_ms` is 1970's
    milliseconds.
    """

    def __init__(self, keys: Keys, own: Own, wall_ms: Callable[[], int]) -> None:
        self._keys = keys
        self._own = own
        self._wall_ms = wall_ms
        # below 2^15 at first: sessions of two lives hardly ever meet (section 3)
        self._session = secrets.randbelow(2**15)
        self._nonces: dict[bytes, None] = {}

    # -- ours --------------------------------------------------------------------------

    def dial(self, purpose: Purpose, credentials: tuple[str, str]) -> LinkDescriptor:
        """A descriptor that asks for a link; not signed yet."""
        return self._made(_AIMS[purpose], credentials, b"", "")

    def answer(
        self, asked: LinkDescriptor, credentials: tuple[str, str]
    ) -> LinkDescriptor:
        """The other half of `asked`; not signed yet."""
        return self._made(asked.aim, credentials, asked.nonce, "")

    def refusal(self, asked: LinkDescriptor, reason: str) -> LinkDescriptor:
        """No, and why; not signed yet."""
        return self._made(asked.aim, ("", ""), asked.nonce, reason)

    def written(self, made: LinkDescriptor, receiver: NodeId) -> bytes:
        """`made`, signed for and sealed to `receiver`; the last candidates give way if
        it is too long.  Raises `DecodeError` if it cannot be.
        """
        kind = SealKind.ANSWER if made.answers else SealKind.DIAL
        while True:
            signature = self._keys.sign(made.signed_part(receiver))
            try:
                plain = build_descriptor(replace(made, signature=signature))
            except DecodeError:
                if not made.candidates:
                    raise
                made = replace(made, candidates=made.candidates[:-1])
            else:
                return seal(plain, receiver, kind)

    def _made(
        self, aim: Aim, credentials: tuple[str, str], answers: bytes, refused: str
    ) -> LinkDescriptor:
        self._session += 1
        return LinkDescriptor(
            self._session,
            VERSION,
            VERSION,
            0,
            *credentials,
            () if refused else _media(self._own.candidates()),
            bytes.fromhex(self._own.fingerprint.replace(":", "")),
            secrets.token_bytes(NONCE_OCTETS),
            answers,
            self._wall_ms() + LIFETIME_MS,
            aim,
            refused,
            self._own.record(),
        )

    # -- theirs ------------------------------------------------------------------------

    def read_dial(self, source: NodeId, payload: bytes) -> LinkDescriptor:
        """A descriptor that asks for a link; raises `DecodeError`."""
        found = self._read(source, payload, SealKind.DIAL)
        if found.answers or found.refused:
            raise DecodeError("descriptor-kind")
        return found

    def read_answer(
        self, asked: LinkDescriptor, source: NodeId, payload: bytes
    ) -> LinkDescriptor:
        """The answer to our `asked`; raises `DecodeError`."""
        found = self._read(source, payload, SealKind.ANSWER)
        if found.answers != asked.nonce:
            raise DecodeError("descriptor-answers")
        return found

    def _read(self, source: NodeId, payload: bytes, kind: SealKind) -> LinkDescriptor:
        if kind_of(payload) is not kind:
            raise DecodeError("descriptor-kind")
        found = parse_descriptor(open_seal(payload, self._keys))
        peer = found.peer
        if peer.node != source or source == self._keys.node:
            raise DecodeError("descriptor-node")
        signed = found.signed_part(self._keys.node)
        if not verify(source, signed, found.signature):
            raise DecodeError("descriptor-signature")
        if not verify(source, peer.signed_part(), peer.signature):
            raise DecodeError("descriptor-peer")
        self._check_time(found)
        here = any(_loopback(pack_host(host)) for host, _ in self._own.candidates())
        return replace(found, candidates=_usable(found.candidates, here))

    def _check_time(self, found: LinkDescriptor) -> None:
        now_ms = self._wall_ms()
        if not now_ms - SKEW_MS < found.expires_ms <= now_ms + LIFETIME_MS + SKEW_MS:
            raise DecodeError("descriptor-expired")
        if found.nonce in self._nonces:
            raise DecodeError("descriptor-replayed")
        if len(self._nonces) >= NONCES_MAX:
            # An association in place is safe even so: its order of sessions rules.
            del self._nonces[next(iter(self._nonces))]
        self._nonces[found.nonce] = None


def purpose_of(found: LinkDescriptor) -> Purpose:
    """What the dialler wants the link for."""
    return _PURPOSES[found.aim]


def _media(addresses: Iterable[Address]) -> tuple[MediaAddress, ...]:
    made = (MediaAddress(pack_host(host), port) for host, port in addresses)
    return tuple(made)[:CANDIDATES_MAX]


def _usable(candidates: Sequence[MediaAddress], here: bool) -> tuple[MediaAddress, ...]:
    """Without what no node can have: lists of addresses are a way to aim packets.

    Loopback is for nodes that are reached over it themselves (`here`), in trials.
    """
    return tuple(
        candidate
        for candidate in dict.fromkeys(candidates)
        if _unicast(candidate.ip) and (here or not _loopback(candidate.ip))
    )


def _loopback(ip: bytes) -> bool:
    return ip[:1] == b"\x7f" if len(ip) == 4 else ip == bytes(15) + b"\x01"


def _unicast(ip: bytes) -> bool:
    """Whether an address of 4 or 16 octets may be that of one host."""
    if len(ip) == 4:
        return 0 < ip[0] < 224 and ip != b"\xff" * 4
    mapped = ip.startswith(bytes(10))
    scoped = ip[:1] == b"\xff" or (ip[0] == 0xFE and ip[1] & 0xC0 == 0x80)
    return len(ip) == 16 and not scoped and (_loopback(ip) or not mapped)
