"""Plain Bindings to media ports: the round trip to a node without a link (RFC 0007).

Anybody's media port answers a Binding without credentials, so distance is measured,
never believed.  An answer counts by its transaction id (96 unpredictable bits) and only
from the very address that was asked.
"""

from __future__ import annotations

from meshproto.chance import Chance
from meshproto.config.ice import AgentConfig
from meshproto.errors import LimitError
from meshproto.ice.events import Probed
from meshproto.wire import stun
from meshproto.wire import stun_binding as binding
from meshproto.wire.stun_attributes import Address


def transaction_id(chance: Chance) -> bytes:
    """12 octets that nobody can guess, if `chance` is a good source."""
    return chance.randrange(1 << 96).to_bytes(12, "big")


class Probes:
    """Probes under way, the oldest first."""

    def __init__(self, config: AgentConfig, chance: Chance) -> None:
        self._config = config
        self._chance = chance
        self._sent: dict[bytes, tuple[int, Address, float]] = {}

    def __len__(self) -> int:
        return len(self._sent)

    def begin(self, address: Address, token: int, now: float) -> bytes:
        """The datagram to send to `address`.  Raises `LimitError`."""
        if len(self._sent) >= self._config.probes:
            raise LimitError("probes", self._config.probes)
        chosen = transaction_id(self._chance)
        self._sent[chosen] = (token, address, now)
        return binding.request(chosen, fingerprint=False)

    def awaits(self, message: stun.Message) -> bool:
        """Whether `message` has the transaction id of a probe."""
        return message.transaction_id in self._sent

    def answered(
        self, message: stun.Message, address: Address, now: float
    ) -> Probed | None:
        """The sample that an answer brings; None if it is not from where we asked."""
        token, asked, sent_at = self._sent[message.transaction_id]
        if address != asked or message.message_type != binding.SUCCESS:
            return None
        del self._sent[message.transaction_id]
        return Probed(token, now - sent_at)

    def next_timeout(self) -> float | None:
        """When the oldest probe has failed."""
        for _, _, sent_at in self._sent.values():
            return sent_at + self._config.probe_timeout_s
        return None

    def expired(self, now: float) -> list[Probed]:
        """Probes that were not answered in time."""
        lost: list[Probed] = []
        while (due_at := self.next_timeout()) is not None and due_at <= now:
            token, _, _ = self._sent.pop(next(iter(self._sent)))
            lost.append(Probed(token, None))
        return lost
