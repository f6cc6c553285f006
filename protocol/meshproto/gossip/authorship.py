"""Who wrote a message: the signing policies and message ids (RFC 0008 section 3.3).

StrictSign wants author, sequence number and signature, and its ids are author and
number.  StrictNoSign wants none of them, and its ids are hashes of the data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from meshproto.config.gossip import Signing
from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire import peer_id, pubsub
from meshproto.wire.pubsub import Message

SEQNO_OCTETS = 8
NODE_OCTETS = (8, 42)

Sign = Callable[[bytes], bytes]
"""Signs octets with the node's own key."""

Verify = Callable[[NodeId, bytes, bytes], bool]
"""Whether a signature over octets is the node's; False too where its id has no key."""


def content_id(data: bytes, domain: bytes = b"", octets: int = 32) -> bytes:
    """The id of a message without an author."""
    return hashlib.sha256(domain + data).digest()[:octets]


def message_id(policy: Signing, message: Message) -> bytes:
    """What makes two messages the same one."""
    if policy is Signing.STRICT_NO_SIGN:
        return content_id(message.data or b"")
    return (message.origin or b"") + (message.seqno or b"")


def _foreign_key(message: Message) -> bool:
    if message.key is None:
        return False
    try:
        own = peer_id.ed25519_key(message.origin or b"")
    except DecodeError:
        return True
    return message.key != peer_id.public_key_message(own)


def fault(policy: Signing, message: Message) -> str:
    """What is wrong with the author fields, as a label; empty when nothing is.

    The signature itself is `authentic`'s matter.
    """
    author = (message.origin, message.seqno, message.signature)
    if policy is Signing.STRICT_NO_SIGN:
        present = any(part is not None for part in (*author, message.key))
        return "gossip-signed" if present else ""
    if message.origin is None or message.seqno is None or not message.signature:
        return "gossip-unsigned"
    if not NODE_OCTETS[0] <= len(message.origin) <= NODE_OCTETS[1]:
        return "gossip-author"
    if len(message.seqno) != SEQNO_OCTETS:
        return "gossip-seqno"
    return "gossip-key" if _foreign_key(message) else ""


def authentic(policy: Signing, message: Message, verify: Verify) -> bool:
    """Whether a faultless message is its author's."""
    if policy is Signing.STRICT_NO_SIGN:
        return True
    origin = NodeId(message.origin or b"")
    return verify(origin, pubsub.signing_octets(message), message.signature or b"")


def written(
    policy: Signing, topic: str, data: bytes, me: NodeId, number: int, sign: Sign
) -> Message:
    """A message of our own; `number` is never used again, also after a restart."""
    if policy is Signing.STRICT_NO_SIGN:
        return Message(topic, data)
    seqno = number.to_bytes(SEQNO_OCTETS, "big")
    bare = Message(topic, data, me, seqno)
    return Message(topic, data, me, seqno, sign(pubsub.signing_octets(bare)))
