"""What an agent hears besides checks: DTLS, whose authenticity others can tell."""

from __future__ import annotations

from meshproto.ids import TransportId
from support.ice_net import LINK, Kind, Net

TREE_S = 0.25


def test_authentic_dtls_puts_silence_off() -> None:
    net = Net()
    first, second = net.host(Kind.OPEN), net.host(Kind.OPEN)
    first.link(second, controlling=True)
    second.link(first, controlling=False)
    net.run(1)
    first.agent.pace(LINK, TREE_S, net.now)
    first.flush()
    second.alive = False
    (remote,) = first.path.remotes.values()
    for _ in range(20):
        net.run(0.2)
        first.path.received_dtls(remote, 100)
        first.agent.heard(LINK, net.now)
    assert not first.silences
    first.agent.heard(TransportId(99), net.now)  # one that has gone meanwhile
    net.run(1)
    assert first.silences
