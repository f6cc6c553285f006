"""The two ends of a transport, as far as a description names them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from meshproto.wire.sdp.candidate import Candidate
from meshproto.wire.sdp.model import Fingerprint


class DtlsRole(Enum):
    """Who sends the ClientHello (RFC 8842): "client" is setup:active."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class LocalEndpoint:
    """Our end: ICE credentials, certificate hash and where we may be reached.

    `fingerprint` is the sha-256 value, "AB:CD:..." without the algorithm.
    `candidates` come best first: a UDP host candidate at the head, since there are
    clients that use that one alone.  `session_id` and `session_version` are the numbers
    of the o= line; the version rises by one with every description of a session.
    """

    ufrag: str
    pwd: str
    fingerprint: str
    candidates: tuple[Candidate, ...]
    session_id: int
    session_version: int = 1


@dataclass(frozen=True, slots=True)
class RemoteEndpoint:
    """The far end.  `fingerprints` hold upper case values, any one of which must be
    the certificate's (RFC 8122 section 5).  `candidates` may be empty or unresolvable:
    the first authenticated check tells the address.
    """

    ufrag: str
    pwd: str
    fingerprints: tuple[Fingerprint, ...]
    our_dtls_role: DtlsRole
    candidates: tuple[Candidate, ...] = ()
