"""Mappings by NAT-PMP (RFC 6886): an address once, then a port at a time."""

from __future__ import annotations

from meshnode.control.mapping.exchange import ask
from meshnode.control.mapping.gateway import Gateway
from meshnode.control.mapping.values import LIFETIME_S, Grant, Refusal, Wish
from meshproto.wire.portmap import natpmp

REASONS = {
    2: "it is not allowed",
    3: "its link to the outside is down",
    4: "its table is full",
    5: "it does not know this question",
}
"""Results a person can act on (RFC 6886 section 3.5)."""


class NatPmp:
    """NAT-PMP with one router."""

    name = "NAT-PMP"

    def __init__(self, gateway: Gateway, port: int = natpmp.PORT) -> None:
        self._router = (gateway.address, port)

    async def grant(self, wish: Wish) -> Grant | Refusal:
        """Ask for a mapping, or for more time for one that stands."""
        address = await ask(self._router, natpmp.ask_address(), _address)
        if not isinstance(address, natpmp.OutsideAddress):
            return _refusal(address)
        question = natpmp.ask_mapping(
            wish.transport, wish.port, wish.outside_port, LIFETIME_S
        )
        mapped = await ask(self._router, question, lambda data: _mapped(data, wish))
        if not isinstance(mapped, natpmp.Mapped):
            return _refusal(mapped)
        outside = (address.address, mapped.external_port)
        return Grant(wish, outside, mapped.lifetime_s)

    async def release(self, grant: Grant) -> None:
        """Delete a mapping."""
        wish = grant.wish
        question = natpmp.ask_mapping(wish.transport, wish.port, 0, 0)
        await ask(self._router, question, lambda data: _mapped(data, wish))


def _address(datagram: bytes) -> natpmp.Answer | None:
    answer = natpmp.decode(datagram)
    return None if isinstance(answer, natpmp.Mapped) else answer


def _mapped(datagram: bytes, wish: Wish) -> natpmp.Answer | None:
    answer = natpmp.decode(datagram)
    if isinstance(answer, natpmp.Mapped):
        same = (answer.protocol, answer.internal_port) == (wish.transport, wish.port)
        return answer if same else None
    return answer if isinstance(answer, natpmp.Refused) else None


def _refusal(answer: object) -> Refusal:
    if isinstance(answer, natpmp.Refused):
        why = REASONS.get(answer.result, f"result {answer.result}")
        return Refusal(f"the router refuses by NAT-PMP: {why}")
    return Refusal("the router does not speak NAT-PMP", silent=True)
