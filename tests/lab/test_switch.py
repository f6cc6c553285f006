"""The kernel's switch does to packets what a test tells it, and takes it back."""

from __future__ import annotations

import pytest

from support.lab.datagrams import exchange, sockets
from support.lab.namespaces import ours, require_root
from support.lab.switch import Switched

PACKETS = 400


@pytest.fixture(autouse=True)
def _root() -> None:
    require_root()


def test_a_host_loses_about_the_share_it_was_told() -> None:
    with Switched(["a", "b"]) as lab:
        one, other = sockets(lab, "a", "b")
        with one, other:
            assert exchange(one, other, PACKETS) == PACKETS
            lab.lose("b", 200)
            assert 0.7 < exchange(one, other, PACKETS) / PACKETS < 0.9
            assert exchange(other, one, PACKETS) == PACKETS


def test_a_cut_is_silent_both_ways_and_is_mended() -> None:
    with Switched(["a", "b", "c"]) as lab:
        one, other, third = sockets(lab, "a", "b", "c")
        with one, other, third:
            lab.cut("a", "b")
            assert exchange(one, other, 10) == 0
            assert exchange(other, one, 10) == 0
            assert exchange(third, one, 10) == 10
            lab.mend("a", "b")
            assert exchange(one, other, 10) == 10


def test_a_thin_link_queues_and_then_drops_until_it_is_released() -> None:
    with Switched(["a", "b"]) as lab:
        one, other = sockets(lab, "a", "b")
        with one, other:
            lab.limit("b", 50_000, queue_bytes=4_000)
            assert exchange(one, other, 100) < 60
            lab.limit("b", 8_000, queue_bytes=4_000)
            for _ in range(100):
                one.sendto(bytes(100), other.getsockname())
            assert 1_000 < lab.queue_bytes("b") <= 4_000
            lab.release("b")
    assert not ours()
