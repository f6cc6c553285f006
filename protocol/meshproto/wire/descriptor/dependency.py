"""The dependency descriptor header extension (AV1 RTP specification 1.0, appendix A).

It tells frame borders, layers and dependencies outside the payload, hence also for
encrypted payloads and for codecs whose payload says nothing.  Three octets stand on
every packet (start, end, template id, frame number).  The templates they point to
arrive once, with a key frame: the *structure*, which the caller keeps per stream and
hands in again.

Only what a relay needs is kept of the structure: per template the layer ids, the
decode target indications and the frame differences, and what protects each target.
Everything is bounded by the format: at most 64 templates, 32 decode targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from meshproto.errors import DecodeError
from meshproto.wire.descriptor.frame import FrameFacts, facts

TEMPLATES_MAX = 64
_SPATIAL_MAX = 3
_TEMPORAL_MAX = 7
_MANDATORY_OCTETS = 3


class Indication(IntEnum):
    """What a frame is to a decode target (appendix A.8.1)."""

    NOT_PRESENT = 0
    DISCARDABLE = 1
    SWITCH = 2
    REQUIRED = 3


class Template(NamedTuple):
    """A kind of frame: its layer, indications per target, and frame differences."""

    spatial: int
    temporal: int
    indications: tuple[int, ...] = ()
    frame_differences: tuple[int, ...] = ()
    chain_differences: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Structure:
    """The templates of a stream.

    `target_layers` gives the highest (spatial, temporal) of each decode target,
    `protected_by` the chain that protects it, `resolutions` (width, height) per
    spatial layer or nothing.
    """

    id_offset: int
    templates: tuple[Template, ...]
    decode_targets: int
    chains: int
    protected_by: tuple[int, ...]
    target_layers: tuple[tuple[int, int], ...]
    resolutions: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One packet's descriptor.

    `structure` is the one it carries, None if it carries none.  `frame` is None when
    no structure is known that explains the template id.  `active_targets` is a bit
    mask over decode targets, None where the packet does not change it.
    """

    start: bool
    end: bool
    template_id: int
    frame_number: int
    structure: Structure | None = None
    frame: Template | None = None
    active_targets: int | None = None

    def facts(self) -> FrameFacts:
        """What forwarding needs of it.

        A key frame is the frame that brings the structure without referring to any
        other one.
        """
        frame = self.frame
        if frame is None:
            return facts(self.start, False, 0, 0, False, False, False, self.end)
        key = self.structure is not None and not frame.frame_differences
        # frames of one picture are numbered in a row, one per spatial layer
        alone = all(back <= frame.spatial for back in frame.frame_differences)
        present = [told for told in frame.indications if told]
        # the first target that has the frame is the one of its own layer
        ends_here = present[:1] == [Indication.DISCARDABLE]
        return facts(
            self.start,
            self.start and key and not frame.spatial,
            frame.spatial,
            frame.temporal,
            key or ends_here or Indication.SWITCH in present,
            alone,
            set(present) == {Indication.DISCARDABLE},
            self.end,
        )


class _Bits:
    """Reads big-endian bit fields; past the end raises `DecodeError`."""

    __slots__ = ("_left", "_value")

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise DecodeError("dependency_cut")
        return self._value >> self._left & (1 << count) - 1

    def flag(self) -> bool:
        return bool(self.read(1))

    def non_symmetric(self, size: int) -> int:
        """A value below `size` in the fewest bits (appendix A.8.2, `ns`)."""
        width = size.bit_length()
        short = (1 << width) - size
        value = self.read(width - 1)
        if value < short:
            return value
        return (value << 1 | self.read(1)) - short


def parse(data: bytes, known: Structure | None = None) -> Descriptor:
    """Read one extension value; `known` is the stream's latest structure.

    Raises `DecodeError`.
    """
    if len(data) < _MANDATORY_OCTETS:
        raise DecodeError("dependency_cut")
    first = data[0]
    start, end, template_id = bool(first & 0x80), bool(first & 0x40), first & 0x3F
    number = data[1] << 8 | data[2]
    if len(data) == _MANDATORY_OCTETS:
        frame = None if known is None else _template(known, template_id)
        return Descriptor(start, end, template_id, number, None, frame)
    bits = _Bits(data[_MANDATORY_OCTETS:])
    structure, active, frame = _extended(bits, known, template_id)
    return Descriptor(start, end, template_id, number, structure, frame, active)


def _extended(
    bits: _Bits, known: Structure | None, template_id: int
) -> tuple[Structure | None, int | None, Template | None]:
    has_structure, has_active, own_dtis, own_diffs, own_chains = (
        bits.flag() for _ in range(5)
    )
    structure = _structure(bits) if has_structure else None
    current = structure or known
    if current is None:
        return None, None, None
    active = (1 << current.decode_targets) - 1 if has_structure else None
    if has_active:
        active = bits.read(current.decode_targets)
    frame = _template(current, template_id)
    if frame is None:
        raise DecodeError("dependency_template")
    indications, diffs = frame.indications, frame.frame_differences
    chains = frame.chain_differences
    if own_dtis:
        indications = tuple(bits.read(2) for _ in range(current.decode_targets))
    if own_diffs:
        diffs = _frame_differences(bits)
    if own_chains:
        chains = tuple(bits.read(8) for _ in range(current.chains))
    frame = Template(frame.spatial, frame.temporal, indications, diffs, chains)
    return structure, active, frame


def _template(structure: Structure, template_id: int) -> Template | None:
    index = (template_id - structure.id_offset) % TEMPLATES_MAX
    return structure.templates[index] if index < len(structure.templates) else None


def _frame_differences(bits: _Bits) -> tuple[int, ...]:
    """Differences of 4, 8 or 12 bits, until a size of zero."""
    found = []
    while size := bits.read(2):
        found.append(bits.read(4 * size) + 1)
    return tuple(found)


def _structure(bits: _Bits) -> Structure:
    id_offset, targets = bits.read(6), bits.read(5) + 1
    layers = _template_layers(bits)
    indications = [tuple(bits.read(2) for _ in range(targets)) for _ in layers]
    differences = [_template_differences(bits) for _ in layers]
    chains = bits.non_symmetric(targets + 1)
    protected_by: tuple[int, ...] = ()
    chain_differences: list[tuple[int, ...]] = [() for _ in layers]
    if chains:
        protected_by = tuple(bits.non_symmetric(chains) for _ in range(targets))
        chain_differences = [tuple(bits.read(4) for _ in range(chains)) for _ in layers]
    templates = tuple(
        Template(spatial, temporal, *rest)
        for (spatial, temporal), *rest in zip(
            layers, indications, differences, chain_differences, strict=True
        )
    )
    resolutions: tuple[tuple[int, int], ...] = ()
    if bits.flag():
        count = max(spatial for spatial, _ in layers) + 1
        resolutions = tuple(
            (bits.read(16) + 1, bits.read(16) + 1) for _ in range(count)
        )
    return Structure(
        id_offset,
        templates,
        targets,
        chains,
        protected_by,
        _target_layers(templates, targets),
        resolutions,
    )


def _template_layers(bits: _Bits) -> list[tuple[int, int]]:
    """Layer ids of each template: same, next temporal, next spatial, end."""
    layers: list[tuple[int, int]] = []
    spatial = temporal = 0
    while True:
        if len(layers) == TEMPLATES_MAX:
            raise DecodeError("dependency_templates")
        layers.append((spatial, temporal))
        step = bits.read(2)
        if step == 3:
            return layers
        if step == 1:
            temporal += 1
        elif step == 2:
            spatial, temporal = spatial + 1, 0
        if spatial > _SPATIAL_MAX or temporal > _TEMPORAL_MAX:
            raise DecodeError("dependency_layers")


def _template_differences(bits: _Bits) -> tuple[int, ...]:
    """Differences of 4 bits, each behind a 1."""
    found = []
    while bits.flag():
        found.append(bits.read(4) + 1)
    return tuple(found)


def _target_layers(
    templates: tuple[Template, ...], targets: int
) -> tuple[tuple[int, int], ...]:
    found = []
    for target in range(targets):
        present = [frame for frame in templates if frame.indications[target]]
        spatial = max((frame.spatial for frame in present), default=0)
        temporal = max((frame.temporal for frame in present), default=0)
        found.append((spatial, temporal))
    return tuple(found)
