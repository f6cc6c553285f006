"""Mappings by PCP (RFC 6887).

A router refuses to renew a mapping for whoever does not know its nonce.  A node that
was killed and starts again must know it still, so nonces are made of a secret that
outlives the process, and of nothing else that changes.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

from meshnode.control.mapping.exchange import ask
from meshnode.control.mapping.gateway import Gateway
from meshnode.control.mapping.values import LIFETIME_S, Grant, Refusal, Wish
from meshproto.wire.portmap import pcp
from meshproto.wire.portmap.natpmp import PORT

REASONS = {
    2: "it is not allowed",
    3: "it found the question malformed",
    4: "it does not know this question",
    7: "its link to the outside is down",
    8: "its table is full",
    10: "its user's quota is used up",
    11: "it cannot give that port",
    12: "another translator stands between",
}
"""Results a person can act on (RFC 6887 section 7.4)."""


class Pcp:
    """PCP with one router; `secret` is what its nonces are made of."""

    name = "PCP"

    def __init__(self, gateway: Gateway, secret: bytes, port: int = PORT) -> None:
        self._router = (gateway.address, port)
        self._own = gateway.own
        self._secret = secret

    async def grant(self, wish: Wish) -> Grant | Refusal:
        """Ask for a mapping, or for more time for one that stands."""
        question = self._question(wish)
        answer = await ask(
            self._router, pcp.encode(question), lambda data: _mine(data, question)
        )
        match answer:
            case pcp.MapAnswer():
                outside = (answer.external_address, answer.external_port)
                return Grant(wish, outside, answer.lifetime_s)
            case pcp.Refused():
                why = REASONS.get(answer.result, f"result {answer.result}")
                return Refusal(f"the router refuses by PCP: {why}")
            case _:
                return Refusal("the router does not speak PCP", silent=True)

    async def release(self, grant: Grant) -> None:
        """Delete a mapping."""
        question = replace(self._question(grant.wish), lifetime_s=0, external_port=0)
        await ask(
            self._router, pcp.encode(question), lambda data: _mine(data, question)
        )

    def _question(self, wish: Wish) -> pcp.MapQuestion:
        what = b"%d %d" % (wish.transport, wish.port)
        nonce = hmac.digest(self._secret, what, hashlib.sha256)[: pcp.NONCE_OCTETS]
        return pcp.MapQuestion(
            nonce, wish.transport, self._own, wish.port, LIFETIME_S, wish.outside_port
        )


def _mine(datagram: bytes, question: pcp.MapQuestion) -> pcp.Answer | None:
    """The answer, if it is one to this question (RFC 6887 section 11.4)."""
    answer = pcp.decode(datagram)
    match answer:
        case pcp.MapAnswer():
            same = (answer.nonce, answer.protocol, answer.internal_port) == (
                question.nonce,
                question.protocol,
                question.internal_port,
            )
        case pcp.Refused():
            same = answer.nonce in (b"", question.nonce)
        case _:
            same = True
    return answer if same else None
