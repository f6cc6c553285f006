"""Dependency descriptors, written here bit by bit and read by the parser."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.descriptor import dependency
from meshproto.wire.descriptor.dependency import Template

NONE, DISCARDABLE, SWITCH, REQUIRED = range(4)


class Writer:
    """Bits, most significant first."""

    def __init__(self) -> None:
        self.bits = ""

    def put(self, value: int, width: int) -> None:
        self.bits += format(value, f"0{width}b") if width else ""

    def non_symmetric(self, value: int, size: int) -> None:
        width = size.bit_length()
        short = (1 << width) - size
        if value < short:
            self.put(value, width - 1)
        else:
            self.put(value + short, width)

    def octets(self) -> bytes:
        padded = self.bits + "0" * (-len(self.bits) % 8)
        return bytes(int(padded[at : at + 8], 2) for at in range(0, len(padded), 8))


def head(template: int, number: int, *, start: bool = True, end: bool = True) -> bytes:
    return bytes((start << 7 | end << 6 | template,)) + number.to_bytes(2, "big")


def put_structure(
    out: Writer,
    templates: Sequence[Template],
    targets: int,
    *,
    protected_by: Sequence[int] = (),
    resolutions: Sequence[tuple[int, int]] = (),
    id_offset: int = 0,
) -> None:
    out.put(id_offset, 6)
    out.put(targets - 1, 5)
    for at, template in enumerate(templates):
        if at + 1 == len(templates):
            out.put(3, 2)
        elif templates[at + 1][:2] == template[:2]:
            out.put(0, 2)
        else:
            out.put(1 if templates[at + 1].spatial == template.spatial else 2, 2)
    for template in templates:
        for told in template.indications:
            out.put(told, 2)
    for template in templates:
        for back in template.frame_differences:
            out.put(1, 1)
            out.put(back - 1, 4)
        out.put(0, 1)
    chains = max(protected_by, default=-1) + 1
    out.non_symmetric(chains, targets + 1)
    for chain in protected_by:
        out.non_symmetric(chain, chains)
    for template in templates:
        for back in template.chain_differences:
            out.put(back, 4)
    out.put(bool(resolutions), 1)
    for width, height in resolutions:
        out.put(width - 1, 16)
        out.put(height - 1, 16)


def flags(out: Writer, *names: str) -> None:
    for name in ("structure", "active", "dtis", "diffs", "chains"):
        out.put(name in names, 1)


L1T3 = (
    Template(0, 0, (SWITCH, SWITCH, SWITCH), (), (0,)),
    Template(0, 0, (SWITCH, REQUIRED, REQUIRED), (4,), (4,)),
    Template(0, 1, (NONE, DISCARDABLE, SWITCH), (2,), (2,)),
    Template(0, 2, (NONE, NONE, DISCARDABLE), (1,), (1,)),
)
L2T1 = (
    Template(0, 0, (SWITCH, SWITCH), ()),
    Template(0, 0, (SWITCH, REQUIRED), (2,)),
    Template(1, 0, (NONE, SWITCH), (1,)),
    Template(1, 0, (NONE, REQUIRED), (2, 1)),
)


def key_frame(templates: Sequence[Template], targets: int, **more: object) -> bytes:
    out = Writer()
    flags(out, "structure")
    put_structure(out, templates, targets, **more)  # type: ignore[arg-type]
    return head(int(more.get("id_offset", 0)), 7) + out.octets()  # type: ignore[call-overload]


def test_a_key_frame_brings_the_structure() -> None:
    data = key_frame(
        L1T3, 3, protected_by=(0, 0, 0), resolutions=((640, 360),), id_offset=60
    )
    found = dependency.parse(data)
    assert found.structure == dependency.Structure(
        id_offset=60,
        templates=L1T3,
        decode_targets=3,
        chains=1,
        protected_by=(0, 0, 0),
        target_layers=((0, 0), (0, 1), (0, 2)),
        resolutions=((640, 360),),
    )
    assert found.active_targets == 0b111
    assert found.frame == L1T3[0]
    facts = found.facts()
    assert facts.keyframe
    assert facts.switch_up
    assert facts.end is True


def test_later_frames_point_into_it() -> None:
    known = dependency.parse(key_frame(L1T3, 3, protected_by=(0, 0, 0), id_offset=62))
    frames = [
        dependency.parse(head((62 + index) % 64, 8 + index), known.structure).facts()
        for index in range(4)
    ]
    assert [facts.temporal for facts in frames] == [0, 0, 1, 2]
    assert [facts.switch_up for facts in frames] == [True, True, True, True]
    assert [facts.discardable for facts in frames] == [False, False, False, True]
    assert not any(facts.keyframe for facts in frames)


def test_a_frame_that_others_need_is_no_switching_point() -> None:
    known = dependency.parse(key_frame(L2T1, 2)).structure
    frames = [dependency.parse(head(at, 9), known).facts() for at in range(1, 4)]
    assert [facts.spatial for facts in frames] == [0, 1, 1]
    assert [facts.spatial_switch for facts in frames] == [False, True, False]
    assert [facts.switch_up for facts in frames] == [True, True, False]


def test_a_frame_may_differ_from_its_template() -> None:
    known = dependency.parse(key_frame(L1T3, 3, protected_by=(0, 0, 0))).structure
    out = Writer()
    flags(out, "active", "dtis", "diffs", "chains")
    out.put(0b011, 3)
    for told in (NONE, DISCARDABLE, DISCARDABLE):
        out.put(told, 2)
    for size, back in ((1, 3), (2, 200), (3, 4000)):
        out.put(size, 2)
        out.put(back - 1, 4 * size)
    out.put(0, 2)
    out.put(77, 8)
    found = dependency.parse(head(2, 9, start=False) + out.octets(), known)
    assert found.active_targets == 0b011
    told = (NONE, DISCARDABLE, DISCARDABLE)
    assert found.frame == Template(0, 1, told, (3, 200, 4000), (77,))
    assert found.facts().discardable
    assert not found.facts().start


def test_without_a_structure_only_the_frame_border_is_known() -> None:
    found = dependency.parse(head(5, 1, start=False))
    assert (found.frame, found.structure) == (None, None)
    facts = found.facts()
    assert (facts.start, facts.end, facts.keyframe) == (False, True, False)
    longer = dependency.parse(head(5, 1) + b"\x40\xff")
    assert longer.frame is None


def test_unknown_templates() -> None:
    known = dependency.parse(key_frame(L2T1, 2)).structure
    assert dependency.parse(head(9, 1), known).frame is None
    with pytest.raises(DecodeError):
        dependency.parse(head(9, 1) + b"\x00", known)


def test_layers_have_bounds() -> None:
    for step in (1, 2):
        out = Writer()
        flags(out, "structure")
        out.put(0, 6)
        out.put(0, 5)
        for _ in range(9):
            out.put(step, 2)
        with pytest.raises(DecodeError, match="layers"):
            dependency.parse(head(0, 1) + out.octets())


def test_templates_have_a_bound() -> None:
    out = Writer()
    flags(out, "structure")
    out.put(0, 11)
    out.put(0, 2 * 70)
    with pytest.raises(DecodeError, match="templates"):
        dependency.parse(head(0, 1) + out.octets())


@given(st.data())
def test_a_cut_descriptor_is_refused_or_says_less(data: st.DataObject) -> None:
    whole = key_frame(L1T3, 3, protected_by=(0, 0, 0), resolutions=((640, 360),))
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    if len(cut) == 3:
        assert dependency.parse(cut).structure is None
        return
    with pytest.raises(DecodeError):
        dependency.parse(cut)


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_any_bytes_are_read_or_refused(values: list[bytes]) -> None:
    known = dependency.parse(key_frame(L1T3, 3)).structure
    for value in values:
        try:
            found = dependency.parse(value, known)
        except DecodeError:
            continue
        assert found.facts().spatial <= 3
        known = found.structure or known
