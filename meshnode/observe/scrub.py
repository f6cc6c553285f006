"""What must not reach a log: control characters, whole addresses, secrets.

Remote text ends up in logs, and logs end up in terminals, tickets and chat rooms.  So
whatever is written passes through here once: characters that are not printable are
escaped (a stream name cannot forge a second line or move a cursor), IP addresses lose
their last bits (an operator sees the network, not the person), and everything that
looks like a credential is replaced.  Scrubbing twice changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

HIDDEN = "(hidden)"
TEXT_CHARACTERS_MAX = 2000
SECRET_FIELDS = frozenset(
    [
        "authorization",
        "cookie",
        "credential",
        "key",
        "password",
        "publish_key",
        "pwd",
        "secret",
        "token",
    ]
)
_KEPT_BITS = {4: 24, 6: 48}
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:%\w+)?")
_SECRETS = re.compile(
    r"(?i)(\bbearer\s+|\b(?:access_token|token|key|ice-pwd)[=:]\s*)[^\s&\"']+"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]+"
)


def scrub(value: object) -> object:
    """`value` fit for a log: text and the leaves of containers cleaned."""
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, Mapping):
        return scrub_fields({str(name): leaf for name, leaf in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub(item) for item in value]
    return scrub_text(str(value))


def scrub_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """The same for named values; those with the name of a secret are replaced."""
    return {
        name: HIDDEN if name.lower() in SECRET_FIELDS else scrub(value)
        for name, value in fields.items()
    }


def scrub_text(text: str) -> str:
    """One line of printable text without addresses or credentials."""
    text = _SECRETS.sub(lambda match: (match[1] or "") + HIDDEN, text)
    return _printable(_ADDRESS.sub(_truncated, text))


def scrub_lines(text: str) -> str:
    """The same for text of ours that may have several lines, such as a traceback."""
    return "\n".join(scrub_text(line) for line in text.splitlines())


def truncated_address(text: str) -> str:
    """The network of an IP address: `203.0.113.x`, `2001:db8:7::x`.

    Loopback and unspecified addresses stay, they name nobody.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    if address.is_loopback or address.is_unspecified:
        return str(address)
    network = ipaddress.ip_network((address, _KEPT_BITS[address.version]), strict=False)
    base = str(network.network_address)
    return f"{base.removesuffix('0')}x" if address.version == 4 else f"{base}x"


def _truncated(match: re.Match[str]) -> str:
    text = match[0].rstrip(".:") if not match[0].endswith("::") else match[0]
    if text.count(".") != 3 and text.count(":") < 2:
        return match[0]
    host, port = _split_port(text)
    try:
        return truncated_address(host) + port + match[0][len(text) :]
    except ValueError:
        return match[0]


def _split_port(text: str) -> tuple[str, str]:
    """An IPv4 address may stand before its port; an IPv6 one has brackets then."""
    host, colon, port = text.rpartition(":")
    if colon and "." in host and ":" not in host:
        return host, colon + port
    return text, ""


def _printable(text: str) -> str:
    if len(text) > TEXT_CHARACTERS_MAX:
        text = text[:TEXT_CHARACTERS_MAX] + "..."
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
