"""Slots: which layer of which producer is number n of a stream (RFC 0003 section 13.1).

At the origin the layers are the publisher's, and each packet that a layer accepts gets
the stream's next number here.  Elsewhere the layers belong to producers of a MESH
transport, and packets bring their numbers along.

Numbers of a slot never come again, whatever layer is bound to it: under one alias they
are the nonces of its packets.  A layer that takes a slot over goes on behind the last
one's numbers, in a new epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshproto.forwarding.feedback import NackGenerator
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.packet import Packet
from meshproto.forwarding.relay import wire
from meshproto.forwarding.sequence import newer
from meshproto.wire import rtp
from meshproto.wire.parameters import MediaKind

if TYPE_CHECKING:
    from meshproto.forwarding.config import ForwardingConfig
    from meshproto.forwarding.producer import Producer
    from meshproto.forwarding.relay.stream import Stream
    from meshproto.forwarding.transport import Transport

_JUMP = 3000
"""A leg that was not asked for a layer for a while goes on far ahead: then the layer
begins anew instead of waiting for what was never sent."""

_PAUSE_S = 0.5
"""A layer without packets for so long was not wanted, or has stopped."""

_HISTORY_S = 1.0
"""Beyond this a gap is older than what parents keep."""


class BoundSlot:
    """Slot `index` of `stream`; `bit` is its layer, None for what is always carried.

    `epoch` is the one on the wire, None before the first packet; `head` the highest
    number of the layers that were bound before.
    """

    __slots__ = (
        "_codec",
        "_form",
        "_ids",
        "_shift",
        "bit",
        "epoch",
        "head",
        "index",
        "layer",
        "stream",
    )

    def __init__(self, stream: Stream, index: int) -> None:
        self.stream = stream
        self.index = index
        self.bit: int | None = None
        self.layer: Layer | None = None
        self.epoch: int | None = None
        self.head = -1
        self._shift = 0
        self._codec: str | None = None

    def attach(
        self, layer: Layer, producer: Producer, config: ForwardingConfig
    ) -> None:
        """Let `layer` be this slot from now on."""
        self.detach()
        self.layer = layer
        layer.slot = self
        self._form = producer.forms[producer.codecs[0].payload_type]
        self._codec = None
        ids = {extension.uri: extension.id for extension in producer.extensions}
        self._ids = {ids.get(ours.uri, 0): ours.id for ours in wire.MESH_EXTENSIONS}
        if self.head >= 0:
            if layer.newest is not None:
                layer.restart()
            layer.history.seat(self.head)
        if self.stream.origin:
            before = -1 if self.epoch is None else self.epoch
            self._shift = before + 1 - layer.epoch
            return
        # legs always repair and take requests (section 13.4)
        if layer.nacks is None:  # one that misses nothing is false
            layer.nacks = NackGenerator(config)
        layer.takes_pli = True
        layer.keys.supported = layer.kind is MediaKind.VIDEO

    def detach(self) -> None:
        """The layer is gone; its numbers stay used."""
        if self.layer is not None:
            self.head = max(self.head, self.layer.history.head)
            self.layer.slot = None
            self.layer = None

    def number(self, packet: Packet) -> None:
        """At the origin: give an accepted packet its place in the stream."""
        stream, layer = self.stream, self.layer
        if not stream.origin or layer is None:
            return
        if self._codec is None and packet.payload:
            self._codec = packet.codec
        if packet.codec != self._codec:
            stream.counters["other-codec"] += 1
            return  # the slot means one codec to those below (section 13.2)
        epoch = (layer.epoch + self._shift) & 0xFF
        packet.place(self.index, stream.newest + 1, wire.HOPS_MAX, epoch)
        self.epoch = epoch
        stream.came(packet.order, packet.arrival)

    def take(
        self,
        packet: bytes,
        view: rtp.RtpView,
        mesh: wire.MeshHeader,
        carried: list[tuple[int, bytes]],
        now: float,
    ) -> str | None:
        """A packet of a leg; the answer is the reason why it was not taken."""
        layer = self.layer
        if layer is None:
            return "unbound-slot"
        number = mesh.roll_over << 16 | view.sequence
        reason = self._refusal(layer, number, mesh.epoch, now)
        if reason is not None:
            return reason
        self._resume(layer, mesh.order, now)
        start = view.header_length
        made = layer.make(
            number,
            view.timestamp,
            self._form,
            marker=view.marker,
            payload=packet[start : start + view.payload_length],
            carried=tuple(carried),
            frame=next((v for i, v in carried if i == wire.DESCRIPTOR_ID), None),
            now=now,
        )
        made.place(self.index, mesh.order, mesh.hops, mesh.epoch)
        layer.keep(made)
        return None

    def _resume(self, layer: Layer, order: int, now: float) -> None:
        """Tell a layer that begins (again) with the parent's cache from a live one."""
        if self.bit is None:
            return
        if now - layer.last_arrival > _PAUSE_S:
            layer.replaying = True
            layer.keys.ask_anew()  # a parent hears nothing about layers not wanted
        if order > self.stream.newest:
            layer.replaying = False

    def _tolerated(self, layer: Layer, now: float) -> int:
        """How far the next number may be ahead: a layer that was not wanted for a
        while lacks what nobody will ever send.
        """
        paused = self.bit is not None and now - layer.last_arrival > _HISTORY_S
        return 1 if paused and layer.newest is not None else _JUMP

    def _refusal(self, layer: Layer, number: int, epoch: int, now: float) -> str | None:
        history = layer.history
        if self.epoch is None:
            self.epoch = epoch
        elif epoch != self.epoch:
            if not newer(epoch, self.epoch, 8):
                return "old-epoch"
            if number <= history.head:
                return "stale"  # a new epoch with old numbers: nonces would come again
            self.epoch = epoch
            if layer.newest is not None:
                layer.restart()
        if number < history.floor:
            return "stale"
        if number in history:
            return "duplicate"
        if number - history.head > self._tolerated(layer, now):
            if layer.newest is not None:
                layer.restart()
            history.skip(number)
        return None

    def upstream(self) -> tuple[Transport, int] | None:
        """The transport of the active leg and this slot's SSRC there."""
        active = self.stream.active
        transport = None if active is None else active.neighbour.ready
        if active is None or transport is None:
            return None
        return transport, active.alias + self.index & 0xFFFFFFFF

    def block(self, packet: Packet) -> bytes:
        """The header extension of a packet on every leg: the same for all children."""
        flags = wire.END_OF_FRAME if packet.marker else 0
        if packet.facts.keyframe and self._is_video:
            flags |= wire.KEY_FRAME
        mesh = wire.encode_mesh(
            max(packet.hops - 1, 0), flags, packet.epoch, packet.number, packet.order
        )
        ids = self._ids
        told = [(ids[i], v) for i, v in packet.carried if i in ids]
        # why sorted: the octets must not depend on the order that a publisher chose
        return wire.block(mesh, sorted(told, reverse=True))

    @property
    def _is_video(self) -> bool:
        return self.layer is not None and self.layer.kind is MediaKind.VIDEO
