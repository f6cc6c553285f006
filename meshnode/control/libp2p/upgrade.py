"""From a TCP connection to an authenticated one with streams: Noise, then Yamux.

Of py-libp2p only these layers are used: multistream-select of a fresh connection,
Noise, Yamux, keys and ids.  Its `Swarm` and host are not, after reading and measuring
them: an exception in any stream handler ends the whole run; each inbound connection
keeps a place in a limiter until the end, so that after 250 of them nobody gets in;
plaintext is offered; connecting waits a fixed 250 ms; a peer that could not be dialled
is blocked for a minute; connectors and pruners act on their own.  `switch` and
`connection` do what is needed of it here, in a nursery per connection.

Nothing but Noise is offered or accepted, so nobody can be impersonated with the public
key alone, which is what plaintext and SECIO in py-libp2p's defaults allow.
"""

from __future__ import annotations

import logging
from typing import Any

from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.protocol_muxer.generic_selector import GenericMultistreamSelector
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE_PROTOCOL
from libp2p.security.noise.transport import Transport as Noise
from libp2p.security.security_multistream import SecurityMultistream

from meshnode.control.identity import KeyPair
from meshnode.control.libp2p.tunnel import Tunnel
from meshnode.control.libp2p.values import DialError
from meshnode.control.libp2p.wire import Wire, WireError
from meshnode.control.libp2p.yamux import YAMUX_PROTOCOL, MeshYamux, repair
from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire import peer_id

SECURITY_PROTOCOLS = (str(NOISE_PROTOCOL),)


class Upgrader:
    """Upgrades connections in the name of `keys`."""

    def __init__(self, keys: KeyPair) -> None:
        quieten()
        repair()
        noise = Noise(
            create_new_key_pair(keys.seed),
            noise_privkey=create_noise_key_pair().private_key,
        )
        self._me = keys.node
        self._security = SecurityMultistream({NOISE_PROTOCOL: noise})
        self._muxers: Any = GenericMultistreamSelector()
        self._muxers.add_handler(YAMUX_PROTOCOL, MeshYamux)

    async def upgrade(
        self, wire: Wire | Tunnel, node: NodeId | None
    ) -> tuple[NodeId, MeshYamux]:
        """Who is at the other end, proven, and the streams to it.

        `node` is who should be there, None for whoever is.  Raises `DialError`; the
        caller bounds the time and closes the wire.
        """
        found, secured = await self._secure(wire)
        if node is not None and found != node:
            raise DialError("identity", f"{peer_id.to_text(found)} answers there")
        if found == self._me:
            raise DialError("self", "that is this node")
        try:
            await self._muxers.select(secured, wire.is_initiator)
        except WireError as error:
            raise DialError("closed", str(error)) from error
        except Exception as error:
            raise DialError("muxer", type(error).__name__) from error
        return found, MeshYamux(secured, _libp2p_id(secured), wire.is_initiator)

    async def _secure(self, wire: Wire | Tunnel) -> tuple[NodeId, Any]:
        raw: Any = wire
        try:
            if wire.is_initiator:
                # why no id: a wrong one must be told from a broken handshake, and a
                # bootstrap address may come without one
                nobody: Any = None
                secured = await self._security.secure_outbound(raw, nobody)
            else:
                secured = await self._security.secure_inbound(raw)
        except WireError as error:
            raise DialError("closed", str(error)) from error
        except Exception as error:
            # strangers send anything, and py-libp2p raises anything
            raise DialError("security", type(error).__name__) from error
        try:
            octets = _libp2p_id(secured).to_bytes()
            key = peer_id.ed25519_key(octets)
        except DecodeError as error:
            raise DialError("identity-kind", error.reason) from error
        return peer_id.from_ed25519(key), secured


def quieten() -> None:
    """Put py-libp2p's loggers under ours; strangers must not be able to fill a log.

    It cuts its logger off from the root and gives it no handler, so that warnings go
    to standard error unformatted.  What matters to us is counted in `stats`.
    """
    logger = logging.getLogger("libp2p")
    logger.propagate = True
    debugging = logging.getLogger().isEnabledFor(logging.DEBUG)
    logger.setLevel(logging.DEBUG if debugging else logging.CRITICAL)


def _libp2p_id(secured: Any) -> Any:
    return secured.get_remote_peer()
