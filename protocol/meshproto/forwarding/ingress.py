"""From a decrypted packet to its layer: parse once, find the layer, hand over.

An SSRC is looked up in one dictionary.  One that is not there is *latched* by the first
of these that answers (RFC 0003 section 3, RFC 9143 section 9.2): the mid and rid
extensions of the packet, what the description declared (`SsrcBinding`), and at last the
payload type, if only one producer of the transport can mean it.  Nothing is guessed: a
packet of a simulcast track without a rid is dropped until one says which layer it is.
Every latched SSRC counts against a limit of the transport until its producer goes, so
that a publisher cannot make us learn sources without end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from meshproto.errors import DecodeError
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.events import ForwardingEvent, LayerFound, LimitReached
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.producer import Producer
from meshproto.forwarding.transport import Role, Source, Transport
from meshproto.wire import extensions, rtp
from meshproto.wire.parameters import SsrcBinding


class Elements:
    """What the header extension of one packet says; absent elements are None."""

    __slots__ = ("carried", "frame", "mid", "repaired_rid", "rid", "sequence")

    def __init__(self) -> None:
        self.carried: list[tuple[int, bytes]] = []
        self.frame: bytes | None = None
        self.mid: str | None = None
        self.rid: str | None = None
        self.repaired_rid: str | None = None
        self.sequence: int | None = None


class Ingress:
    """Packets in; `drops` counts by reason what went no further."""

    def __init__(
        self, config: ForwardingConfig, emit: Callable[[ForwardingEvent], None]
    ) -> None:
        self._config = config
        self._emit = emit
        self.drops: Counter[str] = Counter()

    def receive(self, transport: Transport, packet: bytes, now: float) -> Layer | None:
        """The layer that took the packet, None if it was dropped."""
        try:
            view = rtp.parse(packet)
        except DecodeError as error:
            self.drops[error.reason] += 1
            return None
        elements = self._elements(transport, packet, view)
        if elements.sequence is not None and transport.arrivals is not None:
            transport.arrivals.record(elements.sequence, now)
        source = transport.sources.get(view.ssrc)
        if source is None:
            source = self._latch(transport, view, elements)
            if source is None:
                return None
        reason = self._hand_over(source, packet, view, elements, now)
        if reason is not None:
            self.drops[reason] += 1
            return None
        return source.layer

    def _elements(
        self, transport: Transport, packet: bytes, view: rtp.RtpView
    ) -> Elements:
        found = Elements()
        if not view.extension_length:
            return found
        roles = transport.roles
        for identifier, start, length in extensions.spans(
            packet,
            view.extension_profile,
            view.extension_offset,
            view.extension_length,
        ):
            role = roles.get(identifier)
            if role is None:
                continue
            value = packet[start : start + length]
            if role is Role.CARRY:
                found.carried.append((identifier, value))
            elif role is Role.SEQUENCE:
                if length == 2:
                    found.sequence = value[0] << 8 | value[1]
            elif role is Role.FRAME:
                found.frame = value
                found.carried.append((identifier, value))
            else:
                _name(found, role, value)
        return found

    def _hand_over(
        self,
        source: Source,
        packet: bytes,
        view: rtp.RtpView,
        elements: Elements,
        now: float,
    ) -> str | None:
        start = view.header_length
        sequence, producer = view.sequence, source.producer
        if source.repair:
            # RFC 4588 section 4: the original number precedes the original payload
            if view.payload_length < 2:
                return "probe"
            form = producer.repairs.get(view.payload_type)
            sequence = packet[start] << 8 | packet[start + 1]
            start += 2
        else:
            form = producer.forms.get(view.payload_type)
        if form is None:
            return "payload-type"
        return source.layer.accept(
            sequence,
            view.timestamp,
            form,
            marker=view.marker,
            payload=packet[start : view.header_length + view.payload_length],
            carried=tuple(elements.carried),
            frame=elements.frame,
            now=now,
            repaired=source.repair,
        )

    def _latch(
        self, transport: Transport, view: rtp.RtpView, elements: Elements
    ) -> Source | None:
        source = (
            _by_extension(transport, view, elements)
            or _by_declaration(transport, view.ssrc)
            or _by_payload_type(transport, view)
        )
        if source is None:
            self.drops["unknown-ssrc"] += 1
            return None
        limit = self._config.ssrcs_per_transport
        if transport.latched >= limit:
            self.drops["ssrc-limit"] += 1
            if not transport.full:
                transport.full = True
                self._emit(LimitReached("ssrcs_per_transport", limit))
            return None
        transport.latched += 1
        self._bind(transport, view, source)
        return source

    def _bind(self, transport: Transport, view: rtp.RtpView, source: Source) -> None:
        layer, ssrc = source.layer, view.ssrc
        transport.sources[ssrc] = source
        if source.repair:
            layer.rtx_ssrc = ssrc
            return
        if layer.ssrc is not None:
            del transport.sources[layer.ssrc]
        if layer.newest is not None:
            layer.restart()
        layer.ssrc = ssrc
        form = source.producer.forms.get(view.payload_type)
        codec = source.producer.codecs[0] if form is None else form.codec
        self._emit(LayerFound(source.producer.id, layer.rid, ssrc, codec.name))


def _name(found: Elements, role: Role, value: bytes) -> None:
    try:
        text = extensions.decode_text(value)
    except DecodeError:
        return
    if role is Role.MID:
        found.mid = text
    elif role is Role.RID:
        found.rid = text
    else:
        found.repaired_rid = text


def _source(producer: Producer, rid: str, repair: bool) -> Source | None:
    layer = producer.layers.get(rid if producer.simulcast else "")
    return None if layer is None else Source(producer, layer, repair)


def _by_extension(
    transport: Transport, view: rtp.RtpView, elements: Elements
) -> Source | None:
    for producer in transport.producers.values():
        if producer.mid != elements.mid:
            continue
        repair = view.payload_type in producer.repairs
        if elements.repaired_rid is not None:
            return _source(producer, elements.repaired_rid, True)
        return _source(producer, elements.rid or "", repair)
    return None


def _by_declaration(transport: Transport, ssrc: int) -> Source | None:
    for producer in transport.producers.values():
        binding = producer.bindings.get(ssrc)
        if binding is None:
            continue
        original = _original(producer.bindings, binding)
        return _source(producer, original.rid, original is not binding)
    return None


def _original(bindings: dict[int, SsrcBinding], binding: SsrcBinding) -> SsrcBinding:
    """What an SSRC repairs (ssrc-group FID, RFC 5576 section 4.2), or itself."""
    if binding.repairs is None:
        return binding
    return bindings.get(binding.repairs) or SsrcBinding(binding.repairs, binding.rid)


def _by_payload_type(transport: Transport, view: rtp.RtpView) -> Source | None:
    fitting = [p for p in transport.producers.values() if p.knows(view.payload_type)]
    if len(fitting) != 1 or fitting[0].simulcast:
        return None
    return _source(fitting[0], "", view.payload_type in fitting[0].repairs)
