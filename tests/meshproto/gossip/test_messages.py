from __future__ import annotations

from dataclasses import replace

import pytest

from meshproto.events import LimitReached
from meshproto.gossip.peers import Version
from meshproto.gossip.seen import Verdict
from meshproto.ids import NodeId
from meshproto.wire import protobuf, pubsub
from support.gossip import ME, OTHER, TOPIC, Rig, id_of, message, node_id, seal, verify

AUTHOR = node_id(900)


def meshed(number: int, **options: object) -> tuple[Rig, list[NodeId]]:
    rig = Rig(**options)
    rig.join()
    nodes = rig.ups(number)
    for node in nodes:
        rig.graft(node)
    rig.forget()
    return rig, nodes


def test_a_message_of_ours_is_signed_and_numbered_upwards() -> None:
    rig, (node,) = meshed(1)
    ids = [rig.publish(b"a"), rig.publish(b"b")]
    sent = [one for _, rpc in rig.said for one in rpc.publish]
    assert [one.data for one in sent] == [b"a", b"b"]
    assert [id_of(one) for one in sent] == ids
    for one in sent:
        assert verify(ME, pubsub.signing_octets(one), one.signature or b"")
    numbers = [int.from_bytes(one.seqno or b"", "big") for one in sent]
    assert numbers == [1_000_001, 1_000_002]
    assert node == rig.said[0][0]


def test_a_message_of_ours_is_not_news_when_it_comes_back() -> None:
    rig, nodes = meshed(2)
    rig.publish()
    (back,) = rig.said[0][1].publish
    rig.bring(nodes[1], back)
    assert rig.refusals() == ["gossip-own"]
    assert not rig.delivered


def test_a_delivery_tells_topic_data_author_and_id() -> None:
    rig, nodes = meshed(1)
    sent = message(AUTHOR, 1, b"data")
    rig.bring(nodes[0], sent)
    ((topic, data, origin, message_id),) = rig.delivered
    assert (topic, data, origin, message_id) == (TOPIC, b"data", AUTHOR, id_of(sent))


def test_nothing_is_passed_on_before_the_owner_spoke() -> None:
    rig, nodes = meshed(3)
    sent = message(AUTHOR, 1)
    rig.bring(nodes[0], sent)
    assert rig.got(id_of(sent)) == []
    rig.pass_time(30)
    rig.judge()
    assert rig.got(id_of(sent)) == nodes[1:]


def test_who_sent_a_copy_meanwhile_does_not_get_it_back() -> None:
    rig, nodes = meshed(4)
    sent = message(AUTHOR, 1)
    rig.bring(nodes[0], sent)
    rig.bring(nodes[2], sent)
    rig.judge()
    assert rig.got(id_of(sent)) == [nodes[1], nodes[3]]


def test_the_owner_speaks_once_and_in_time() -> None:
    rig, nodes = meshed(1)
    sent = message(AUTHOR, 1)
    rig.bring(nodes[0], sent)
    router = rig.router
    assert router.validated(id_of(sent), Verdict.ACCEPT, rig.now)
    assert not router.validated(id_of(sent), Verdict.REJECT, rig.now)
    assert not router.validated(b"never seen", Verdict.ACCEPT, rig.now)
    late = message(AUTHOR, 2)
    rig.bring(nodes[0], late)
    rig.now += 200
    assert not router.validated(id_of(late), Verdict.ACCEPT, rig.now)
    assert rig.score(nodes[0]) > 0


def test_a_verdict_after_leaving_passes_nothing_on() -> None:
    rig, nodes = meshed(3)
    sent = message(AUTHOR, 1)
    rig.bring(nodes[0], sent)
    rig.leave()
    rig.judge()
    assert rig.got(id_of(sent)) == []


def test_a_message_of_a_topic_that_we_left_blames_nobody() -> None:
    rig, nodes = meshed(1)
    rig.bring(nodes[0], message(AUTHOR, 1, topic=OTHER))
    assert rig.refusals() == ["gossip-topic"]
    assert rig.score(nodes[0]) == 0


def test_a_forged_copy_does_not_keep_the_true_one_out() -> None:
    rig, nodes = meshed(2)
    true = message(AUTHOR, 1)
    rig.bring(nodes[0], replace(true, data=b"forged"))
    rig.bring(nodes[1], true)
    assert [one.data for one in rig.delivered] == [b"hello"]


def test_only_so_many_wait_for_the_owner() -> None:
    rig, nodes = meshed(1, validations_max=3)
    for number in range(5):
        rig.bring(nodes[0], message(AUTHOR, number))
    assert len(rig.delivered) == 3
    assert rig.events.count(LimitReached("validations_max", 3)) == 2
    rig.judge()
    rig.bring(nodes[0], message(AUTHOR, 4))
    assert len(rig.delivered) == 1


def test_data_beyond_the_limit_is_refused_without_blame() -> None:
    rig, nodes = meshed(1, data_octets_max=100)
    rig.bring(nodes[0], message(AUTHOR, 1, bytes(101)))
    rig.bring(nodes[0], message(AUTHOR, 2, bytes(100)))
    assert len(rig.delivered) == 1
    assert rig.refusals() == ["gossip-data"]
    assert rig.score(nodes[0]) == 0


def test_no_signature_is_checked_for_a_copy() -> None:
    rig, nodes = meshed(3)
    checks = 0

    def counted(node: NodeId, data: bytes, signature: bytes) -> bool:
        nonlocal checks
        checks += 1
        return verify(node, data, signature)

    rig.router._state.verify = counted
    for node in nodes:
        rig.bring(node, message(AUTHOR, 1))
    assert checks == 1


def test_what_a_sender_hangs_on_is_not_passed_on() -> None:
    rig, nodes = meshed(2)
    sent = message(AUTHOR, 1)
    ballast = protobuf.octets_field(99, bytes(1000))
    rig.hear(
        nodes[0], [protobuf.octets_field(2, pubsub.encode_message(sent) + ballast)]
    )
    rig.judge()
    assert rig.got(id_of(sent)) == [nodes[1]]
    assert max(rig.sizes) < 200


def test_who_brought_a_long_message_is_not_told_that_it_is_not_wanted() -> None:
    rig, _ = meshed(0)
    able = rig.ups(3, version=Version.V1_2)
    for node in able:
        rig.graft(node)
    rig.bring(able[0], message(AUTHOR, 1, bytes(5000)))
    assert [node for node, _ in rig.unwanted()] == able[1:]


def test_a_stream_that_turned_out_older_hears_nothing_of_long_messages() -> None:
    rig, nodes = meshed(4)
    able = rig.ups(2, version=Version.V1_2)
    for node in able:
        rig.graft(node)
    rig.router.opened(able[0], Version.V1_1)
    rig.router.opened(NodeId(b"nobody"), Version.V1_1)
    big = message(AUTHOR, 1, bytes(2048))
    rig.bring(nodes[0], big)
    assert rig.unwanted() == [(able[1], (id_of(big),))]


def test_absent_data_is_empty_data() -> None:
    rig, nodes = meshed(1)
    bare = message(AUTHOR, 1, b"")
    none = replace(bare, data=None)
    signed = replace(none, signature=seal(AUTHOR, pubsub.signing_octets(none)))
    rig.bring(nodes[0], signed)
    assert [one.data for one in rig.delivered] == [b""]


def test_without_flooding_a_message_of_ours_goes_to_the_mesh() -> None:
    rig, nodes = meshed(3, flood_publish=False)
    rig.ups(4)
    assert rig.got(rig.publish()) == nodes


def test_a_fanout_loses_who_fell_from_grace_and_is_refilled() -> None:
    rig = Rig(flood_publish=False)
    rig.ups(10)
    first = rig.got(rig.publish())
    fallen = first[0]
    rig.router.scores.set_app(fallen, rig.config.thresholds.publish - 1)
    second = rig.got(rig.publish())
    assert len(second) == 6
    assert set(second) - set(first)
    assert fallen not in second


@pytest.mark.parametrize("verdict", [Verdict.IGNORE, Verdict.REJECT])
def test_what_was_not_accepted_is_not_given_out_either(verdict: Verdict) -> None:
    rig, nodes = meshed(2)
    sent = message(AUTHOR, 1)
    rig.bring(nodes[0], sent)
    rig.judge(verdict)
    rig.iwant(nodes[1], id_of(sent))
    rig.beat()
    assert rig.got(id_of(sent)) == []
    assert rig.announced() == []
