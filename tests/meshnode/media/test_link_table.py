from __future__ import annotations

import asyncio
import itertools

import pytest

from meshnode.media.certificate import Certificate
from meshnode.media.link_table import HANDSHAKES_PER_S, to_address, to_media
from meshnode.media.port import MediaPort
from meshnode.media.reference import ReferencePlane
from meshproto.errors import DecodeError, LimitError
from meshproto.outputs import Purpose
from meshproto.wire.control.peer import MediaAddress
from support.links import open_node
from support.media import until


async def test_a_node_makes_so_many_handshakes_a_second_and_no_more() -> None:
    node = await open_node(1, {})
    ufrags = itertools.count(10_000)

    def begin() -> None:
        remote = node.descriptors.dial(Purpose.TREE, (f"r{next(ufrags)}", "q" * 24))
        node.port.link(
            node.keys.node,
            local_ufrag=f"u{next(ufrags)}",
            local_pwd="p" * 24,
            remote=remote,
            controlling=True,
            dtls_role="client",
        )

    for _ in range(HANDSHAKES_PER_S):
        begin()
    # why not one more: the bucket fills while this machine is slow
    with pytest.raises(LimitError, match="handshakes_per_s"):
        [begin() for _ in range(2 * HANDSHAKES_PER_S)]
    assert node.port.stats()["links"] >= HANDSHAKES_PER_S
    await node.port.close()
    assert node.port.stats()["links"] == 0


async def test_closing_the_port_leaves_no_timer_of_its_links() -> None:
    others: dict = {}
    one, two = await open_node(1, others), await open_node(2, others)
    await one.dial(two)
    await one.port.close()
    await two.port.close()
    loop = asyncio.get_running_loop()
    assert not [t for t in loop._scheduled if not t.cancelled()]


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_addresses_go_to_records_and_back(host) -> None:
    assert to_address(to_media((host, 5000))) == (host, 5000)


def test_octets_that_are_no_address_are_refused() -> None:
    with pytest.raises(DecodeError):
        to_address(MediaAddress(bytes(7), 1))


async def test_events_of_no_link_are_left_to_others() -> None:
    port = MediaPort(ReferencePlane(), Certificate.generate())
    events: list[object] = []
    port.on_event(events.append)
    (address,) = await port.open(["127.0.0.1"], 0)
    port.plane.probe(address, 3)
    await until(lambda: len(events) == 2)
    assert {type(event).__name__ for event in events} == {"Probed", "MappedSeen"}
    await port.close()
