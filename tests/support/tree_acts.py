"""What the hosts of a `tree_net.Net` do in a test, each step with all that follows."""

from __future__ import annotations

from support.tree_net import RATE_BPS, STREAM, Host, Net


def publish(net: Net, origin: Host) -> None:
    """The host becomes the origin of the stream, and its packets begin."""
    origin.brain.publish(STREAM, (RATE_BPS,), net.now)
    net.drain(origin)
    net.publish_packets(origin)


def subscribe(net: Net, host: Host, origin: Host) -> None:
    """The host has a viewer from now on; a dead one has none."""
    if host.alive:
        host.brain.subscribe(STREAM, origin.id, 1, 1, net.now)
        net.drain(host)


def unsubscribe(net: Net, host: Host) -> None:
    """And its viewer has left."""
    if host.alive:
        host.brain.unsubscribe(STREAM, net.now)
        net.drain(host)
