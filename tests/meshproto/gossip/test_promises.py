from __future__ import annotations

from meshproto.gossip.promises import Promises
from support.gossip import node_id

A, B = node_id(1), node_id(2)


def test_a_promise_is_broken_once() -> None:
    promises = Promises(10)
    promises.add(A, b"m", 3.0)
    assert promises.broken(2.9) == []
    assert promises.broken(3.0) == [A]
    assert promises.broken(9.0) == []
    assert len(promises) == 0


def test_a_message_from_anybody_keeps_all_promises_of_it() -> None:
    promises = Promises(10)
    promises.add(A, b"m", 3.0)
    promises.add(B, b"m", 3.5)
    promises.add(B, b"n", 3.5)
    promises.kept(b"m")
    assert promises.broken(5.0) == [B]


def test_each_who_promised_is_to_blame() -> None:
    promises = Promises(10)
    promises.add(A, b"m", 3.0)
    promises.add(B, b"m", 4.0)
    assert promises.broken(3.0) == [A]
    assert promises.broken(4.0) == [B]


def test_promising_twice_is_one_promise() -> None:
    promises = Promises(10)
    promises.add(A, b"m", 3.0)
    promises.add(A, b"m", 4.0)
    assert promises.broken(9.0) == [A]


def test_an_id_can_be_promised_again_after_it_came() -> None:
    promises = Promises(10)
    promises.add(A, b"m", 3.0)
    promises.kept(b"m")
    promises.add(B, b"m", 4.0)
    assert promises.broken(3.0) == []
    assert promises.broken(4.0) == [B]


def test_the_table_is_bounded_and_leaves_nothing_behind() -> None:
    promises = Promises(2)
    for number in range(9):
        promises.add(A, b"m%d" % number, 3.0)
    assert len(promises) == 2
    assert promises.broken(3.0) == [A, A]
    assert not promises._open
