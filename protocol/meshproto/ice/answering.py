"""How a neighbour's check is answered, and who owns an address (RFC 8445 section 7.3).

A check is authentic when it names both ufrags and its MESSAGE-INTEGRITY is right; to
anything else the agent of links is silent, for a stranger has no business to know that
the ufrag exists.  A repeated transaction id is answered where it came from first, and
nowhere else: it may be a replay.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable

from meshproto.ice.link_path import LinkPath
from meshproto.ice.path import PacketPath, Remote
from meshproto.wire import stun, stun_attributes
from meshproto.wire import stun_binding as binding
from meshproto.wire.stun_attributes import Address

RemoteMaker = Callable[[PacketPath, Address, float], Remote]

REMOTES_MAX = 16
"""Addresses that one neighbour is heard from."""


class Answering:
    """The passive half of the agent; `refused` counts what has no effect."""

    def __init__(
        self,
        refused: Counter[str],
        by_address: dict[Address, Remote],
        make_remote: RemoteMaker = Remote,
    ) -> None:
        self._refused = refused
        self._by_address = by_address
        self._make_remote = make_remote

    def reply(
        self, path: LinkPath, request: stun.Message, address: Address, now: float
    ) -> tuple[bytes | None, bool]:
        """The answer to a check of `path`, and whether the check is fresh."""
        if not self._authentic(path, request):
            return None, False
        if request.unknown:
            return self._error(path, request, binding.UNKNOWN_ATTRIBUTE), False
        if self._conflict(path, request):
            return self._error(path, request, binding.ROLE_CONFLICT), False
        seen_from = path.seen_from(request.transaction_id)
        if seen_from not in (None, address):
            self._refused["ice-replayed"] += 1
            return None, False
        if seen_from is None:
            path.remember(request.transaction_id, address)
            self._hear(path, address, now)
        reply = binding.success(request, address, key=path.local_key, fingerprint=True)
        return reply, seen_from is None

    def claim(self, path: LinkPath, address: Address, now: float) -> None:
        """The neighbour answered our check there: the address is its own, whoever
        claimed it by sending alone.
        """
        holder = self._by_address.get(address)
        if holder is not None and holder.path is path:
            holder.heard = now
            return
        if holder is not None:
            holder.path.forget(holder)
        self._give(path, address, now)

    def _authentic(self, path: LinkPath, request: stun.Message) -> bool:
        username = request.attributes[stun_attributes.USERNAME]
        if not hmac.compare_digest(username, path.username):
            self._refused["ice-ufrag"] += 1
        elif not stun.verify(request, path.local_key):
            self._refused["ice-integrity"] += 1
        else:
            return True
        return False

    def _conflict(self, path: LinkPath, request: stun.Message) -> bool:
        """Whether the sender must switch roles; we do if ours is the lesser claim
        (RFC 8445 section 7.3.1.1).
        """
        kind = stun_attributes.ICE_CONTROLLED
        if path.controlling:
            kind = stun_attributes.ICE_CONTROLLING
        theirs = request.attributes.get(kind)
        if theirs is None or len(theirs) != 8:
            return False
        ours_is_greater = path.tie_breaker >= int.from_bytes(theirs, "big")
        if path.controlling is ours_is_greater:
            return True
        path.controlling = not path.controlling
        return False

    def _error(self, path: LinkPath, request: stun.Message, code: int) -> bytes:
        label = "ice-role" if code == binding.ROLE_CONFLICT else "ice-unknown"
        self._refused[label] += 1
        return binding.error(request, code, key=path.local_key, fingerprint=True)

    def _hear(self, path: LinkPath, address: Address, now: float) -> None:
        """From now on what `address` sends is heard, unless it belongs to another."""
        holder = self._by_address.get(address)
        if holder is None:
            self._give(path, address, now)
        elif holder.path is path:
            holder.heard = now
        elif now - holder.heard >= holder.path.hold_s:
            holder.path.forget(holder)
            self._give(path, address, now)
        else:
            self._refused["ice-address-taken"] += 1

    def _give(self, path: LinkPath, address: Address, now: float) -> None:
        if len(path.remotes) >= REMOTES_MAX:
            others = [r for r in path.remotes.values() if r.address != path.address]
            oldest = min(others, key=lambda remote: remote.heard)
            del self._by_address[oldest.address]
            path.forget(oldest)
        remote = self._make_remote(path, address, now)
        self._by_address[address] = path.remotes[address] = remote
