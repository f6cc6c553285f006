from __future__ import annotations

from dataclasses import replace

import pytest

from meshnode.control import descriptors
from meshnode.control.descriptors import Descriptors, Own
from meshnode.control.sealing import SealKind, open_seal, seal
from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.outputs import Purpose
from meshproto.wire.control.descriptor import (
    LinkDescriptor,
    build_descriptor,
    parse_descriptor,
)
from meshproto.wire.control.link import DESCRIPTOR_OCTETS_MAX
from support.links import Keys, record

ALICE, BOB, EVE = Keys(1), Keys(2), Keys(3)
CREDENTIALS = ("abcdefgh", "p" * 24)
WALL_MS = 1_700_000_000_000
FINGERPRINT = ":".join(["AB"] * 32)
ADDRESSES = (("192.0.2.1", 5000), ("2001:db8::1", 5000))


class Clock:
    now_ms = WALL_MS


def writer(keys: Keys, clock: Clock | None = None, **changes) -> Descriptors:
    values = {
        "record": lambda: record(keys, WALL_MS, ADDRESSES),
        "candidates": lambda: ADDRESSES,
        "fingerprint": FINGERPRINT,
    }
    own = Own(**{**values, **changes})
    clock = clock or Clock()
    return Descriptors(keys, own, lambda: clock.now_ms)


def dialled(to: NodeId = BOB.node) -> tuple[Descriptors, LinkDescriptor, bytes]:
    alice = writer(ALICE)
    made = alice.dial(Purpose.TREE, CREDENTIALS)
    return alice, made, alice.written(made, to)


def test_a_dial_is_read_as_it_was_written() -> None:
    _, made, payload = dialled()
    found = writer(BOB).read_dial(ALICE.node, payload)
    assert replace(found, signature=b"") == made
    assert descriptors.purpose_of(found) is Purpose.TREE
    assert (found.ufrag, found.pwd) == CREDENTIALS
    assert found.fingerprint == b"\xab" * 32
    assert found.peer == record(ALICE, WALL_MS, ADDRESSES)


def test_an_answer_belongs_to_one_dial() -> None:
    alice, made, payload = dialled()
    bob = writer(BOB)
    asked = bob.read_dial(ALICE.node, payload)
    answer = bob.written(bob.answer(asked, CREDENTIALS), ALICE.node)
    other = alice.dial(Purpose.TREE, CREDENTIALS)
    with pytest.raises(DecodeError, match="descriptor-answers"):
        alice.read_answer(other, BOB.node, answer)
    # a nonce counts as used once the descriptor was genuine: hence a new answer
    answer = bob.written(bob.answer(asked, CREDENTIALS), ALICE.node)
    assert alice.read_answer(made, BOB.node, answer).answers == made.nonce


def test_a_refusal_says_why_and_nothing_else() -> None:
    alice, made, payload = dialled()
    bob = writer(BOB)
    asked = bob.read_dial(ALICE.node, payload)
    refusal = bob.written(bob.refusal(asked, "full"), ALICE.node)
    found = alice.read_answer(made, BOB.node, refusal)
    assert found.refused == "full"
    assert (found.ufrag, found.pwd, found.candidates) == ("", "", ())


def test_sessions_rise_and_nonces_differ() -> None:
    alice = writer(ALICE)
    made = [alice.dial(Purpose.OVERLAY, CREDENTIALS) for _ in range(5)]
    sessions = [d.session for d in made]
    assert sessions == sorted(set(sessions))
    assert 1 <= sessions[0] <= 2**15
    assert len({d.nonce for d in made}) == 5


def test_nobody_else_can_read_a_descriptor() -> None:
    _, _, payload = dialled()
    with pytest.raises(DecodeError, match="seal-auth"):
        writer(EVE).read_dial(ALICE.node, payload)


def test_a_receiver_cannot_pass_a_descriptor_on_as_meant_for_another() -> None:
    _, _, payload = dialled(to=EVE.node)
    plain = open_seal(payload, EVE)
    with pytest.raises(DecodeError, match="descriptor-signature"):
        writer(BOB).read_dial(ALICE.node, seal(plain, BOB.node, SealKind.DIAL))


def test_a_descriptor_counts_for_the_node_that_the_channel_names() -> None:
    _, _, payload = dialled()
    with pytest.raises(DecodeError, match="descriptor-node"):
        writer(BOB).read_dial(EVE.node, payload)


def test_a_descriptor_works_once() -> None:
    _, _, payload = dialled()
    bob = writer(BOB)
    bob.read_dial(ALICE.node, payload)
    with pytest.raises(DecodeError, match="descriptor-replayed"):
        bob.read_dial(ALICE.node, payload)


def test_the_memory_of_nonces_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(descriptors, "NONCES_MAX", 3)
    alice, bob = writer(ALICE), writer(BOB)
    for _ in range(6):
        made = alice.dial(Purpose.TREE, CREDENTIALS)
        bob.read_dial(ALICE.node, alice.written(made, BOB.node))
    assert len(bob._nonces) == 3


@pytest.mark.parametrize("late_ms", [-400_000, 400_000])
def test_a_descriptor_of_another_time_is_refused(late_ms) -> None:
    _, _, payload = dialled()
    clock = Clock()
    clock.now_ms = WALL_MS + late_ms
    with pytest.raises(DecodeError, match="descriptor-expired"):
        writer(BOB, clock).read_dial(ALICE.node, payload)


@pytest.mark.parametrize("wrong_ms", [-250_000, 250_000])
def test_clocks_may_differ_by_minutes(wrong_ms) -> None:
    _, _, payload = dialled()
    clock = Clock()
    clock.now_ms = WALL_MS + wrong_ms
    assert writer(BOB, clock).read_dial(ALICE.node, payload)


def test_a_forged_peer_record_is_refused() -> None:
    lies = replace(record(ALICE, WALL_MS, ADDRESSES), copies=4096)
    alice = writer(ALICE, record=lambda: lies)
    payload = alice.written(alice.dial(Purpose.TREE, CREDENTIALS), BOB.node)
    with pytest.raises(DecodeError, match="descriptor-peer"):
        writer(BOB).read_dial(ALICE.node, payload)


def test_a_dial_is_no_answer_and_an_answer_no_dial() -> None:
    alice, made, payload = dialled()
    bob = writer(BOB)
    with pytest.raises(DecodeError, match="descriptor-kind"):
        bob.read_answer(made, ALICE.node, payload)
    asked = bob.read_dial(ALICE.node, payload)
    answer = bob.written(bob.answer(asked, CREDENTIALS), ALICE.node)
    with pytest.raises(DecodeError, match="descriptor-kind"):
        alice.read_dial(BOB.node, answer)
    plain = open_seal(answer, ALICE)
    with pytest.raises(DecodeError, match="descriptor-kind"):
        alice.read_dial(BOB.node, seal(plain, ALICE.node, SealKind.DIAL))


def test_a_node_does_not_dial_itself() -> None:
    _, _, payload = dialled(to=ALICE.node)
    with pytest.raises(DecodeError, match="descriptor-node"):
        writer(ALICE).read_dial(ALICE.node, payload)


@pytest.mark.parametrize(
    "host",
    [
        *("0.0.0.0", "224.0.0.1", "255.255.255.255"),
        *("::", "ff02::1", "fe80::1", "::ffff:192.0.2.1"),
    ],
)
def test_addresses_that_no_node_has_are_left_out(host) -> None:
    usable = ("192.0.2.9", 5000), ("2001:db8::9", 5000), ("10.0.0.1", 1)
    alice = writer(ALICE, candidates=lambda: [(host, 5000), *usable])
    payload = alice.written(alice.dial(Purpose.TREE, CREDENTIALS), BOB.node)
    found = writer(BOB).read_dial(ALICE.node, payload)
    assert len(found.candidates) == 3


@pytest.mark.parametrize(("own", "kept"), [("192.0.2.1", 1), ("127.0.0.1", 3)])
def test_loopback_is_for_nodes_that_have_it_themselves(own, kept) -> None:
    named = [("127.0.0.9", 5000), ("::1", 5000), ("192.0.2.9", 5000)]
    alice = writer(ALICE, candidates=lambda: named)
    payload = alice.written(alice.dial(Purpose.TREE, CREDENTIALS), BOB.node)
    bob = writer(BOB, candidates=lambda: [(own, 5000)])
    assert len(bob.read_dial(ALICE.node, payload).candidates) == kept


def test_candidates_give_way_until_a_descriptor_fits() -> None:
    many = [(f"2001:db8::{n}", 5000) for n in range(1, 9)]
    large = replace(
        record(ALICE, WALL_MS, many),
        control=(b"c" * 96,) * 4,
        operator="o" * 64,
    )
    large = replace(large, signature=ALICE.sign(large.signed_part()))
    alice = writer(ALICE, record=lambda: large, candidates=lambda: many)
    payload = alice.written(alice.dial(Purpose.TREE, CREDENTIALS), BOB.node)
    assert len(payload) <= DESCRIPTOR_OCTETS_MAX
    found = writer(BOB).read_dial(ALICE.node, payload)
    assert 0 < len(found.candidates) < 8


def test_a_record_that_fits_no_descriptor_is_told() -> None:
    huge = replace(record(ALICE, WALL_MS, ADDRESSES), control=(b"c" * 96,) * 40)
    alice = writer(ALICE, record=lambda: huge)
    with pytest.raises(DecodeError, match="descriptor-size"):
        alice.written(alice.dial(Purpose.TREE, CREDENTIALS), BOB.node)


def test_no_changed_octet_is_believed() -> None:
    _, made, payload = dialled()
    plain = open_seal(payload, BOB)
    for position in range(0, len(plain), 7):
        changed = bytearray(plain)
        changed[position] ^= 1
        with pytest.raises(DecodeError):
            writer(BOB).read_dial(
                ALICE.node, seal(bytes(changed), BOB.node, SealKind.DIAL)
            )
    assert parse_descriptor(build_descriptor(made)) == made
