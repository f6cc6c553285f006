"""One remote: extension ids, numbers, congestion control."""

from __future__ import annotations

import random

from meshproto.forwarding.congestion.pacer import Priority
from meshproto.forwarding.table import TransportKind
from meshproto.forwarding.transport import Role, Transport
from meshproto.ids import TransportId
from meshproto.wire import extensions
from meshproto.wire.parameters import Extension
from support.forwarding import PUBLISHER_EXTENSIONS


def remote(
    kind: TransportKind = TransportKind.CLIENT, bitrate_bps: int = 0
) -> Transport:
    return Transport(TransportId(1), kind, bitrate_bps, random.Random(1))


def test_extension_ids_get_their_roles() -> None:
    one = remote()
    one.learn(PUBLISHER_EXTENSIONS)
    assert one.roles == {
        3: Role.SEQUENCE,
        9: Role.MID,
        10: Role.RID,
        11: Role.REPAIRED_RID,
        13: Role.CARRY,
    }
    assert one.arrivals is not None
    one.learn((Extension(12, extensions.DEPENDENCY_DESCRIPTOR),))
    assert one.roles[12] is Role.FRAME


def test_arrivals_are_kept_only_where_they_are_wanted() -> None:
    one = remote()
    one.learn((Extension(9, extensions.MID),))
    assert one.arrivals is None


def test_a_client_needs_keys_first_and_has_congestion_control() -> None:
    client = remote(bitrate_bps=3_000_000)
    assert not client.sending
    assert client.sender is not None
    assert client.sender.estimate_bps == 3_000_000


def test_a_local_transport_takes_everything_at_once() -> None:
    local = remote(TransportKind.LOCAL)
    assert local.sending
    assert local.admit(1.0)
    assert local.ready_at(1.0, Priority.REPLAY) == 1.0
    local.sent(5, 10**9, 1.0)
    assert local.admit(1.0)
    assert local.number == 5


def test_what_was_sent_holds_the_next_burst_back() -> None:
    client = remote()
    assert client.admit(1.0)
    client.sent(100, 120_000, 1.0)
    assert not client.admit(1.0)
    assert client.ready_at(1.0, Priority.REPLAY) > 1.0
    assert client.admit(9.0)
    assert client.number == 100
