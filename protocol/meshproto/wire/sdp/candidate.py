"""ICE candidates as text (RFC 8839 section 5.1) and their priority (RFC 8445).

Strategy: keep what pairing and display need, keep the extension attributes as they
came, and judge nothing about reachability here: an mDNS name or an unknown transport is
a fact, not an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from meshproto.errors import DecodeError

TYPE_PREFERENCES = {"host": 126, "prflx": 110, "srflx": 100, "relay": 0}
"""RFC 8445 section 5.1.2.2."""

_ADDRESS = re.compile(r"[A-Za-z0-9.:%_\-]{1,255}")
_TOKEN = re.compile(r"[A-Za-z0-9+/!#$%&'*.^_`{|}~\-]{1,64}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A transport address somebody may be reached at.

    `transport` is lower case ("udp", "tcp"); `address` an IP address or a name;
    `extensions` whatever followed the type, in pairs.
    """

    foundation: str
    component: int
    transport: str
    priority: int
    address: str
    port: int
    type: str
    extensions: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """The value of an `a=` line, without the "a="."""
        head = (
            f"candidate:{self.foundation} {self.component} {self.transport}"
            f" {self.priority} {self.address} {self.port} typ {self.type}"
        )
        return " ".join([head, *(f"{name} {value}" for name, value in self.extensions)])


def host_candidate(
    address: str, port: int, *, rank: int = 0, transport: str = "udp"
) -> Candidate:
    """A host candidate of ours; rank 0 is the best, each further one less preferred.

    The local preference of RFC 8445 section 5.1.2.1 falls with the rank, so that the
    order in the answer and the order of priorities say the same.
    """
    local_preference = max(0, 65_535 - rank * 256 - (transport != "udp") * 32_768)
    priority = (TYPE_PREFERENCES["host"] << 24) + (local_preference << 8) + 255
    tcp = (("tcptype", "passive"),) if transport == "tcp" else ()
    return Candidate(str(rank + 1), 1, transport, priority, address, port, "host", tcp)


def parse_candidate(value: str) -> Candidate:
    """Read `candidate:...`, with or without that prefix or a leading "a=".

    Raises `DecodeError` where a mandatory field is missing or out of range.
    """
    fields = value.removeprefix("a=").removeprefix("candidate:").split()
    if len(fields) < 8 or fields[6] != "typ":
        raise DecodeError("sdp-candidate", "fewer fields than a candidate has")
    foundation, component, transport, priority, address, port = fields[:6]
    if not (_TOKEN.fullmatch(foundation) and _ADDRESS.fullmatch(address)):
        raise DecodeError("sdp-candidate", "foundation or address is malformed")
    if not (_TOKEN.fullmatch(transport) and _TOKEN.fullmatch(fields[7])):
        raise DecodeError("sdp-candidate", "transport or type is malformed")
    return Candidate(
        foundation,
        _number(component, 256, "component"),
        transport.lower(),
        _number(priority, 2**32 - 1, "priority"),
        address,
        _number(port, 65_535, "port"),
        fields[7].lower(),
        tuple(zip(fields[8::2], fields[9::2], strict=False)),
    )


def _number(text: str, maximum: int, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise DecodeError("sdp-candidate", f"{name} is not a number")
    if int(text) > maximum:
        raise DecodeError("sdp-candidate", f"{name} is above {maximum}")
    return int(text)
