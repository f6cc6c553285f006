"""Events as lines: readable names, no payloads, causes for the allowance."""

from __future__ import annotations

import logging

from meshnode.control.newswire import plain, write
from meshproto.distribution.events import JoinRefused
from meshproto.events import LimitReached, Refused
from meshproto.ids import NodeId, StreamId
from meshproto.link.events import DescriptorArrived, LinkLost
from meshproto.wire import peer_id
from meshproto.wire.control.distribution import Why
from support.control_world import FakeLog

NODE = peer_id.from_ed25519(bytes(32))


def line(event: object) -> tuple[str, dict[str, object]]:
    log = FakeLog()
    write(log, event)  # type: ignore[arg-type]
    (found,) = log.lines
    return found


def test_nodes_are_written_as_people_write_them_and_reasons_are_causes() -> None:
    name, fields = line(LinkLost(NODE, "goodbye", "leaving"))
    assert name == "LinkLost"
    assert fields["neighbour"] == peer_id.to_text(NODE)
    assert (fields["cause"], fields["theirs"]) == ("goodbye", "leaving")


def test_streams_are_hexadecimal_and_enums_are_words() -> None:
    _, fields = line(JoinRefused(StreamId(b"\xab" * 16), NODE, Why.FULL))
    assert fields["stream"] == "ab" * 16
    assert fields["cause"] == str(Why.FULL.value)


def test_refusals_are_for_debugging_and_full_tables_are_warnings() -> None:
    assert line(Refused(NODE, "frame-version"))[1]["level"] == logging.DEBUG
    assert line(LimitReached("links", 24))[1]["level"] == logging.WARNING


def test_sealed_octets_are_not_written() -> None:
    log = FakeLog()
    write(log, DescriptorArrived(NODE, NodeId(b"x"), bytes(900)))
    assert not log.lines
    assert plain(bytes(900)) == 900
    assert plain((NODE, 1.5)) == [peer_id.to_text(NODE), 1.5]
