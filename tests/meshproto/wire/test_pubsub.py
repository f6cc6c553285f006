from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire import protobuf, pubsub
from meshproto.wire.pubsub import (
    Control,
    Framer,
    IHave,
    Message,
    PeerInfo,
    Prune,
    Rpc,
    Subscription,
)
from support.effort import effort

topics = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
octets = st.binary(max_size=40)
some = st.none() | octets
ids = st.lists(octets, max_size=5).map(tuple)
messages = st.builds(Message, topics, some, some, some, some, some)
prunes = st.builds(
    Prune,
    topics,
    st.lists(st.builds(PeerInfo, octets, some), max_size=3).map(tuple),
    st.none() | st.integers(0, 2**64 - 1),
)


def few(of: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, max_size=3).map(tuple)


controls = st.builds(
    Control,
    few(st.builds(IHave, topics, ids)),
    few(ids),
    few(topics),
    few(prunes),
    few(ids),
)
rpcs = st.builds(
    Rpc,
    few(st.builds(Subscription, st.booleans(), topics)),
    few(messages),
    st.none() | controls,
)


def control_octets(told: Control) -> bytes:
    return pubsub.control(
        [
            *(pubsub.ihave(one.topic, one.message_ids) for one in told.ihave),
            *map(pubsub.iwant, told.iwant),
            *map(pubsub.graft, told.graft),
            *map(pubsub.prune, told.prune),
            *map(pubsub.idontwant, told.idontwant),
        ]
    )


def rpc_octets(told: Rpc) -> bytes:
    parts = [
        pubsub.subscription(one.topic, one.subscribe) for one in told.subscriptions
    ]
    parts += map(pubsub.publication, told.publish)
    if told.control is not None:
        parts.append(control_octets(told.control))
    return b"".join(parts)


@given(rpcs)
def test_an_rpc_survives_its_octets(told: Rpc) -> None:
    assert pubsub.decode(rpc_octets(told)) == told


@given(rpcs, rpcs)
def test_two_rpcs_joined_are_one(first: Rpc, second: Rpc) -> None:
    read = pubsub.decode(rpc_octets(first) + rpc_octets(second))
    assert read.subscriptions == first.subscriptions + second.subscriptions
    assert read.publish == first.publish + second.publish
    if first.control and second.control:
        assert read.control is not None
        assert read.control.graft == first.control.graft + second.control.graft
        assert read.control.ihave == first.control.ihave + second.control.ihave


@given(st.binary(max_size=300))
def test_decoding_ends_in_a_value_or_one_error(data: bytes) -> None:
    try:
        read = pubsub.decode(data)
    except DecodeError:
        return
    assert pubsub.decode(rpc_octets(read)) == read


@given(messages)
def test_a_message_survives_alone_and_without_its_signature(sent: Message) -> None:
    assert pubsub.decode_message(pubsub.encode_message(sent)) == sent
    bare = pubsub.decode_message(pubsub.encode_message(sent, signed=False))
    assert bare == Message(sent.topic, sent.data, sent.origin, sent.seqno)


def test_what_is_signed_begins_with_the_name_of_the_protocol() -> None:
    sent = Message("t", b"data", b"from", b"12345678", b"signature", b"key")
    signed = pubsub.signing_octets(sent)
    assert signed.startswith(b"libp2p-pubsub:")
    assert signed == pubsub.signing_octets(Message("t", b"data", b"from", b"12345678"))
    assert b"signature" not in signed
    assert b"key" not in signed


def test_unknown_fields_are_skipped_on_every_level() -> None:
    extra = protobuf.octets_field(60, b"later") + protobuf.varint_field(61, 7)
    inner = protobuf.octets_field(1, b"t") + extra
    data = (
        extra
        + protobuf.octets_field(1, protobuf.varint_field(1, 1) + extra)
        + protobuf.octets_field(2, protobuf.octets_field(4, b"t") + extra)
        + protobuf.octets_field(3, protobuf.octets_field(3, inner) + extra)
    )
    read = pubsub.decode(data)
    assert read.subscriptions == (Subscription(True, ""),)
    assert read.publish == (Message("t"),)
    assert read.control == Control(graft=("t",))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (protobuf.varint_field(1, 1), "pubsub-wire-type"),
        (protobuf.octets_field(1, protobuf.octets_field(1, b"x")), "pubsub-wire-type"),
        (protobuf.octets_field(1, protobuf.octets_field(2, b"\xff")), "pubsub-topic"),
        (pubsub.subscription("x" * 513, True), "pubsub-topic"),
        (pubsub.control([pubsub.iwant([bytes(257)])]), "pubsub-message-id"),
        (pubsub.control([pubsub.ihave("t", [bytes(257)])]), "pubsub-message-id"),
        (b"\x0a\x00" * 32_769, "pubsub-items"),
        (bytes(pubsub.RPC_OCTETS_MAX + 1), "pubsub-size"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_out_of_bounds_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        pubsub.decode(data)
    assert caught.value.reason == reason


def test_a_message_alone_is_bounded_too() -> None:
    with pytest.raises(DecodeError, match="pubsub-size"):
        pubsub.decode_message(bytes(pubsub.RPC_OCTETS_MAX + 1))


def test_the_costliest_rpc_is_read_in_little_time() -> None:
    data = b"\x0a\x00" * pubsub.ITEMS_MAX + b"\x12\x00" * pubsub.ITEMS_MAX

    def refuse() -> None:
        with pytest.raises(DecodeError, match="pubsub-items"):
            pubsub.decode(data)

    assert effort(refuse) < 500


@given(st.lists(st.binary(max_size=300), max_size=8), st.data())
def test_frames_are_cut_the_same_however_they_arrive(
    sent: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(map(pubsub.frame, sent))
    framer, got, at = Framer(), list[bytes](), 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        got += framer.feed(stream[at : at + size])
        at += size
    assert got == sent
    assert len(framer) == 0


def test_a_frame_may_not_be_longer_than_agreed() -> None:
    framer = Framer(10)
    assert framer.feed(pubsub.frame(bytes(10))) == [bytes(10)]
    assert framer.feed(b"\x05ab") == []
    assert len(framer) == 3
    with pytest.raises(DecodeError, match="pubsub-size"):
        framer.feed(b"cde" + pubsub.frame(bytes(11)))
    assert len(framer) == 0


def test_a_length_without_an_end_is_refused_and_an_unfinished_one_awaited() -> None:
    framer = Framer()
    assert framer.feed(b"\x80") == []
    assert framer.feed(b"\x01" + bytes(128)) == [bytes(128)]
    with pytest.raises(DecodeError):
        framer.feed(b"\xff" * 12)


def test_a_stream_in_single_octets_costs_no_more_than_its_length() -> None:
    stream = pubsub.frame(bytes(200_000))

    def read() -> None:
        framer = Framer()
        got = [rpc for octet in stream for rpc in framer.feed(bytes((octet,)))]
        assert got == [bytes(200_000)]

    assert effort(read) < 2_000
