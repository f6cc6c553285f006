from __future__ import annotations

import threading

from meshnode.control.libp2p.mailbox import BATCH_OCTETS, Mailbox, Outgoing
from meshproto.wire.pubsub import Framer


def test_a_box_rings_once_until_it_was_found_empty() -> None:
    rings: list[int] = []
    box: Mailbox[int] = Mailbox(3, lambda: rings.append(1))
    for number in range(5):
        box.put(number)
    assert len(rings) == 1
    assert box.full
    assert box.take(3) == [0, 1, 2]
    assert not box.full
    box.put(5)
    assert len(rings) == 1
    assert box.take(10) == [3, 4, 5]
    assert box.take(10) == []
    box.put(6)
    assert len(rings) == 2


def test_nothing_is_lost_or_disordered_between_two_threads() -> None:
    rung = threading.Event()
    box: Mailbox[int] = Mailbox(10, rung.set)

    def put() -> None:
        for number in range(20_000):
            box.put(number)

    thread = threading.Thread(target=put)
    thread.start()
    got: list[int] = []
    while len(got) < 20_000:
        assert rung.wait(10)
        rung.clear()
        while taken := box.take(100):
            got += taken
    thread.join()
    assert got == list(range(20_000))


def test_a_queue_refuses_what_is_beyond_either_bound() -> None:
    few = Outgoing(3, 1000, lambda: None)
    assert [few.offer(b"x") for _ in range(4)] == [True, True, True, False]
    heavy = Outgoing(100, 1000, lambda: None)
    assert [heavy.offer(bytes(400)) for _ in range(3)] == [True, True, False]
    assert heavy.offer(bytes(200))


def test_a_queue_pauses_at_half_and_resumes_at_a_quarter() -> None:
    queue = Outgoing(8, 8 * BATCH_OCTETS, lambda: None)
    seen = []
    for _ in range(6):
        queue.offer(bytes(BATCH_OCTETS))
        seen.append(queue.paused)
    assert seen == [False, False, False, False, True, True]
    ends = []
    while (taken := queue.take())[1]:
        ends.append((taken[1], taken[2]))
    assert ends == [(1, False)] * 3 + [(1, True)] + [(1, False)] * 2
    assert not queue.paused


def test_small_rpcs_are_taken_together_and_framed() -> None:
    rings: list[int] = []
    queue = Outgoing(100, 100_000, lambda: rings.append(1))
    sent = [b"%d" % number for number in range(20)]
    for rpc in sent:
        assert queue.offer(rpc)
    assert rings == [1]
    data, rpcs, _ = queue.take()
    assert rpcs == 20
    assert Framer().feed(data) == sent
    assert queue.take() == (b"", 0, False)
    queue.wake()
    assert rings == [1, 1]


def test_an_ended_queue_takes_no_more_and_says_what_was_lost() -> None:
    queue = Outgoing(10, 1000, lambda: None)
    queue.offer(b"a")
    queue.offer(b"b")
    assert queue.end() == 2
    assert queue.end() == 0
    assert not queue.offer(b"c")
