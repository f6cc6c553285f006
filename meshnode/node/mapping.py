"""`--map-port` in a node: what is granted is advertised, what not is said once."""

from __future__ import annotations

import hashlib
import logging
import secrets

from meshnode.control.mapping.gateway import Gateway
from meshnode.control.mapping.gateway import find as find_gateway
from meshnode.control.mapping.keeper import Keeper, Outside
from meshnode.control.mapping.values import Refusal
from meshnode.control.mesh import Control
from meshnode.node.parts import Parts

NONCES = b"meshnode: nonces for mappings by the router"
ADVICE = "forward the port in the router's own pages and add --public-ip ADDRESS"


def build(parts: Parts, control: Control | None) -> Keeper | None:
    """The keeper of a node whose ports stand; None where there is nothing to map."""
    ports = {host: port for host, port in parts.port.addresses if ":" not in host}
    if not ports:
        _say(parts, Refusal("only IPv4 is mapped, and --hosts names no IPv4 address"))
        return None

    def find() -> Gateway | None:
        gateway = find_gateway()
        wild = "0.0.0.0" in ports
        return gateway if gateway and (wild or gateway.own in ports) else None

    def told(outcome: Outside | Refusal) -> None:
        outside = outcome if isinstance(outcome, Outside) else None
        parts.advertiser.outside = outside
        _say(parts, outcome)
        if control is not None:
            control.granted(outside.media if outside else None)

    port = next(iter(ports.values()))
    if control is None:
        return Keeper(port, None, secrets.token_bytes(32), told, find=find)
    # a signature by Ed25519 is always the same one, and tells nothing of the key
    secret = hashlib.sha256(control.sign(NONCES)).digest()
    return Keeper(port, control.port, secret, told, find=find)


def _say(parts: Parts, outcome: Outside | Refusal) -> None:
    if isinstance(outcome, Refusal):
        parts.log.emit(
            "NotMapped", level=logging.WARNING, why=outcome.why, instead=ADVICE
        )
        return
    control = outcome.control
    parts.log.emit(
        "Mapped",
        by=outcome.way,
        udp=_text(outcome.media),
        tcp=outcome.why_not if control is None else _text(control),
    )


def _text(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"
