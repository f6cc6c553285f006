"""RPCs of libp2p pubsub: octets <-> values (RFC 0008 section 3).

Byte-compatible with the `rpc.proto` of go-libp2p-pubsub, written by hand.  `decode` is
total and bounded: by the octets of the RPC, and by `ITEMS_MAX` things in it, since an
empty subscription takes two octets and many times that as a value.  An absent field is
None, which protobuf tells from an empty one.

For speed there is no encoder of whole RPCs.  The concatenation of two RPCs in protobuf
is an RPC, so the router keeps encoded pieces, shares one piece between all receivers,
and joins what it has for a neighbour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from meshproto.errors import DecodeError
from meshproto.wire import protobuf
from meshproto.wire.protobuf import BYTES, VARINT, octets_field, varint_field

RPC_OCTETS_MAX = 1 << 20
"""Longest RPC without its length prefix; go-libp2p-pubsub's default."""

ITEMS_MAX = 32_768
"""Fields on all levels of one RPC: 10,000 subscriptions, or IHAVE in six topics."""

TOPIC_OCTETS_MAX = 512
MESSAGE_ID_OCTETS_MAX = 256

SIGNING_PREFIX = b"libp2p-pubsub:"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Subscription:
    """The sender joined (`subscribe`) or left `topic`."""

    subscribe: bool
    topic: str


@dataclass(frozen=True, slots=True)
class Message:
    """One published message; `origin` is the field "from"."""

    topic: str
    data: bytes | None = None
    origin: bytes | None = None
    seqno: bytes | None = None
    signature: bytes | None = None
    key: bytes | None = None


@dataclass(frozen=True, slots=True)
class IHave:
    """Messages of `topic` that the sender can give."""

    topic: str
    message_ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PeerInfo:
    """A peer offered in place of the sender, with what it signed about itself."""

    peer: bytes
    record: bytes | None = None


@dataclass(frozen=True, slots=True)
class Prune:
    """The receiver leaves the sender's mesh of `topic`; `backoff_s` None in v1.0."""

    topic: str
    peers: tuple[PeerInfo, ...] = ()
    backoff_s: int | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """The control messages of one RPC; ids asked for and unwanted are flattened
    per message of that kind.
    """

    ihave: tuple[IHave, ...] = ()
    iwant: tuple[tuple[bytes, ...], ...] = ()
    graft: tuple[str, ...] = ()
    prune: tuple[Prune, ...] = ()
    idontwant: tuple[tuple[bytes, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Rpc:
    """Everything one RPC says."""

    subscriptions: tuple[Subscription, ...] = ()
    publish: tuple[Message, ...] = ()
    control: Control | None = None


class _Reader:
    """Counts items over all levels of one RPC."""

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items = 0

    def each(self, data: bytes) -> Iterator[tuple[int, int, protobuf.Value]]:
        for entry in protobuf.fields(data):
            self._items += 1
            if self._items > ITEMS_MAX:
                raise DecodeError("pubsub-items")
            yield entry

    def rpc(self, data: bytes) -> Rpc:
        subscriptions: list[Subscription] = []
        publish: list[Message] = []
        control: Control | None = None
        parts: list[bytes] = []
        for number, kind, value in self.each(data):
            if number == 1:
                subscriptions.append(self.subscription(_octets(kind, value)))
            elif number == 2:
                publish.append(self.message(_octets(kind, value)))
            elif number == 3:
                parts.append(_octets(kind, value))
        if parts:
            # a repeated message field merges, which for octets is concatenation
            control = self.control(b"".join(parts))
        return Rpc(tuple(subscriptions), tuple(publish), control)

    def subscription(self, data: bytes) -> Subscription:
        subscribe, topic = False, ""
        for number, kind, value in self.each(data):
            if number == 1:
                subscribe = bool(_number(kind, value))
            elif number == 2:
                topic = _topic(kind, value)
        return Subscription(subscribe, topic)

    def message(self, data: bytes) -> Message:
        found: list[bytes | None] = [None] * 7
        topic = ""
        for number, kind, value in self.each(data):
            if number == 4:
                topic = _topic(kind, value)
            elif number < 7:
                found[number] = _octets(kind, value)
        _, origin, content, seqno, _, signature, key = found
        return Message(topic, content, origin, seqno, signature, key)

    def control(self, data: bytes) -> Control:
        kinds: tuple[list[bytes], ...] = ([], [], [], [], [])
        for number, kind, value in self.each(data):
            if number <= len(kinds):
                kinds[number - 1].append(_octets(kind, value))
        ihave, iwant, graft, prune, idontwant = kinds
        return Control(
            _all(self.ihave, ihave),
            _all(self.message_ids, iwant),
            _all(self.graft, graft),
            _all(self.prune, prune),
            _all(self.message_ids, idontwant),
        )

    def ihave(self, data: bytes) -> IHave:
        topic, ids = "", []
        for number, kind, value in self.each(data):
            if number == 1:
                topic = _topic(kind, value)
            elif number == 2:
                ids.append(_message_id(kind, value))
        return IHave(topic, tuple(ids))

    def message_ids(self, data: bytes) -> tuple[bytes, ...]:
        return tuple(
            _message_id(kind, value)
            for number, kind, value in self.each(data)
            if number == 1
        )

    def graft(self, data: bytes) -> str:
        topic = ""
        for number, kind, value in self.each(data):
            if number == 1:
                topic = _topic(kind, value)
        return topic

    def prune(self, data: bytes) -> Prune:
        topic, backoff_s, peers = "", None, []
        for number, kind, value in self.each(data):
            if number == 1:
                topic = _topic(kind, value)
            elif number == 2:
                peers.append(self.peer(_octets(kind, value)))
            elif number == 3:
                backoff_s = _number(kind, value)
        return Prune(topic, tuple(peers), backoff_s)

    def peer(self, data: bytes) -> PeerInfo:
        peer, record = b"", None
        for number, kind, value in self.each(data):
            if number == 1:
                peer = _octets(kind, value)
            elif number == 2:
                record = _octets(kind, value)
        return PeerInfo(peer, record)


def _all(read: Callable[[bytes], T], parts: list[bytes]) -> tuple[T, ...]:
    return tuple([read(part) for part in parts]) if parts else ()


def _octets(kind: int, value: protobuf.Value) -> bytes:
    if kind != BYTES or not isinstance(value, bytes):
        raise DecodeError("pubsub-wire-type")
    return value


def _number(kind: int, value: protobuf.Value) -> int:
    if kind != VARINT or not isinstance(value, int):
        raise DecodeError("pubsub-wire-type")
    return value


def _topic(kind: int, value: protobuf.Value) -> str:
    octets = _octets(kind, value)
    if len(octets) > TOPIC_OCTETS_MAX:
        raise DecodeError("pubsub-topic")
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("pubsub-topic") from error


def _message_id(kind: int, value: protobuf.Value) -> bytes:
    octets = _octets(kind, value)
    if len(octets) > MESSAGE_ID_OCTETS_MAX:
        raise DecodeError("pubsub-message-id")
    return octets


def decode(data: bytes) -> Rpc:
    """One RPC without its length prefix; raises `DecodeError`."""
    if len(data) > RPC_OCTETS_MAX:
        raise DecodeError("pubsub-size")
    return _Reader().rpc(data)


def decode_message(data: bytes) -> Message:
    """One message that travels alone; raises `DecodeError`."""
    if len(data) > RPC_OCTETS_MAX:
        raise DecodeError("pubsub-size")
    return _Reader().message(data)


def encode_message(message: Message, *, signed: bool = True) -> bytes:
    """The octets of a message, without signature and key unless `signed`."""
    parts = []
    if message.origin is not None:
        parts.append(octets_field(1, message.origin))
    if message.data is not None:
        parts.append(octets_field(2, message.data))
    if message.seqno is not None:
        parts.append(octets_field(3, message.seqno))
    parts.append(octets_field(4, message.topic.encode()))
    if signed and message.signature is not None:
        parts.append(octets_field(5, message.signature))
    if signed and message.key is not None:
        parts.append(octets_field(6, message.key))
    return b"".join(parts)


def signing_octets(message: Message) -> bytes:
    """What the signature of a message covers (RFC 0008 section 3.3)."""
    return SIGNING_PREFIX + encode_message(message, signed=False)


def subscription(topic: str, subscribe: bool) -> bytes:
    """A subscription as a piece of an RPC."""
    inside = varint_field(1, int(subscribe)) + octets_field(2, topic.encode())
    return octets_field(1, inside)


def publication(message: Message) -> bytes:
    """A message as a piece of an RPC."""
    return octets_field(2, encode_message(message))


def control(pieces: Iterable[bytes]) -> bytes:
    """The control piece of an RPC, made of the pieces below."""
    return octets_field(3, b"".join(pieces))


def ihave(topic: str, message_ids: Iterable[bytes]) -> bytes:
    """An IHAVE as a piece of `control`."""
    ids = b"".join([octets_field(2, one) for one in message_ids])
    return octets_field(1, octets_field(1, topic.encode()) + ids)


def iwant(message_ids: Iterable[bytes]) -> bytes:
    """An IWANT as a piece of `control`."""
    return octets_field(2, b"".join([octets_field(1, one) for one in message_ids]))


def graft(topic: str) -> bytes:
    """A GRAFT as a piece of `control`."""
    return octets_field(3, octets_field(1, topic.encode()))


def prune(told: Prune) -> bytes:
    """A PRUNE as a piece of `control`."""
    parts = [octets_field(1, told.topic.encode())]
    for info in told.peers:
        inside = octets_field(1, info.peer)
        if info.record is not None:
            inside += octets_field(2, info.record)
        parts.append(octets_field(2, inside))
    if told.backoff_s is not None:
        parts.append(varint_field(3, told.backoff_s))
    return octets_field(4, b"".join(parts))


def idontwant(message_ids: Iterable[bytes]) -> bytes:
    """An IDONTWANT as a piece of `control`."""
    return octets_field(5, b"".join([octets_field(1, one) for one in message_ids]))


def frame(rpc: bytes) -> bytes:
    """An RPC as it stands on a stream: behind its length."""
    return protobuf.write_varint(len(rpc)) + rpc


class Framer:
    """Cuts a byte stream into RPCs; holds at most one RPC that is under way.

    `feed` raises `DecodeError` as soon as a length beyond `octets_max` or no length at
    all is read, before anything of that RPC is kept: then the stream must be reset.
    """

    __slots__ = ("_buffer", "_octets_max")

    def __init__(self, octets_max: int = RPC_OCTETS_MAX) -> None:
        self._buffer = bytearray()
        self._octets_max = octets_max

    def __len__(self) -> int:
        """Octets that wait for the rest of their RPC."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The RPCs that `data` completes, in order."""
        # why a bytearray: a peer that sends octet by octet must not cost a copy each
        buffer = self._buffer
        buffer += data
        whole, at = [], 0
        while at < len(buffer):
            prefix = bytes(buffer[at : at + 10])
            if len(prefix) < 10 and all(octet & 0x80 for octet in prefix):
                break
            size, start = self._size(prefix, at)
            if len(buffer) - start < size:
                break
            whole.append(bytes(buffer[start : start + size]))
            at = start + size
        del buffer[:at]
        return whole

    def _size(self, prefix: bytes, at: int) -> tuple[int, int]:
        try:
            size, length = protobuf.read_length(prefix)
            if size > self._octets_max:
                raise DecodeError("pubsub-size")
        except DecodeError:
            self._buffer.clear()
            raise
        return size, at + length
