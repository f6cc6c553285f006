"""Silence and loss (RFC 0011 section 7).

The plane switches to the second parent by itself when only the first is silent.  What
is left for the brain: both silent and alive - somebody above is healing, so hold; the
parent dead - look elsewhere at once; nothing new for two seconds - end the edge, for a
ring keeps itself alive.  A silent *publisher* is told apart by pulses that only the
origin numbers and that travel where packets would.
"""

from __future__ import annotations

from meshproto.distribution import above, downstream, moves, place, upstream
from meshproto.distribution.events import Orphaned, Repaired, StreamEnded
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Alarm, Tree
from meshproto.forwarding.relay_table import (
    Activated,
    Flowing,
    LegActivated,
    SetActive,
    Silent,
)
from meshproto.ids import NodeId
from meshproto.wire.control.distribution import Drop, Pulse, Target, Use, Why


def silent(shared: Shared, tree: Tree, notice: Silent, now: float) -> None:
    """Nothing new from anybody."""
    if tree.publishing:
        tree.quiet = True
        pulse(shared, tree, now)
        return
    if tree.parent is None:
        return
    if not tree.live:
        # why again: a parent that stalled has died meanwhile, so holding is in vain
        if not notice.link_alive and shared.waits(tree, Alarm.HOLD):
            shared.cancel(tree, Alarm.HOLD)
            lost(shared, tree, now, "silent")
        return
    config = shared.config
    if notice.link_alive and now - tree.pulsed_at < config.pulse_s:
        # the pulse was faster than our own patience: it is the publisher that is silent
        _quiet(shared, tree, now)
        return
    tree.live = False
    if tree.lost_at is None:
        tree.lost_at = now
    shared.hasten(tree, Alarm.PACKET, now + config.packet_life_s)
    if notice.link_alive:
        spread = 1 + config.hold_spread * shared.chance.random()
        shared.set(tree, Alarm.HOLD, now + config.hold_s * spread)
    else:
        lost(shared, tree, now, "silent")


def hold_over(shared: Shared, tree: Tree, now: float) -> None:
    """The stalled parent did not come back: ask others, and keep it meanwhile."""
    if tree.live or tree.parent is None:
        return
    if moves.paused(tree):
        # why: the silence is of our own making; the move goes on, or the parent resumes
        shared.set(tree, Alarm.HOLD, now + shared.config.hold_s)
        return
    shared.outbox.put(Orphaned(tree.stream, tree.parent.node))
    place.tell_offers(shared, tree)
    upstream.begin(shared, tree, _use(tree), now)


def packet_over(shared: Shared, tree: Tree, now: float) -> None:
    """No new packet of the origin for too long: the edge ends."""
    tree.live = False
    if tree.parent is not None:
        above.detach(shared, tree, "silent", now)
        seek(shared, tree, now)


def lost(
    shared: Shared,
    tree: Tree,
    now: float,
    reason: str,
    targets: tuple[Target, ...] = (),
) -> None:
    """The parent is dead or sent us away: the second one, else a search."""
    parent = tree.parent
    if parent is None:
        return
    shared.outbox.put(Orphaned(tree.stream, parent.node))
    if tree.lost_at is None:
        tree.lost_at = now
    second = tree.second
    usable = second is not None and shared.around.linked(second.node)
    if usable and reason != "silent" and second is not None:
        above.attach(shared, tree, second, "standby", now)
        return
    above.detach(shared, tree, "lost", now)
    seek(shared, tree, now, targets, parent.node)


def seek(
    shared: Shared,
    tree: Tree,
    now: float,
    targets: tuple[Target, ...] = (),
    by: NodeId | None = None,
) -> None:
    """Look for a parent if anybody wants the stream here."""
    if tree.publishing or not tree.wanted:
        shared.hasten(tree, Alarm.COLLECT, now)
        return
    upstream.begin(shared, tree, _use(tree), now, targets, by)
    if not shared.waits(tree, Alarm.LINGER):
        shared.set(tree, Alarm.LINGER, now + shared.config.linger_s)


def _use(tree: Tree) -> Use:
    # why new: whoever only stands by takes no slot that is kept for orphans
    fresh = tree.began_at is not None or not tree.needed
    return Use.NEW if fresh else Use.REPAIR


def flowing(shared: Shared, tree: Tree, notice: Flowing, now: float) -> None:
    """New packets again."""
    if tree.publishing:
        tree.quiet = False
        shared.cancel(tree, Alarm.PULSE)
        return
    if tree.parent is None or tree.parent.node != notice.parent:
        return
    _healed(shared, tree, now)


def _healed(shared: Shared, tree: Tree, now: float) -> None:
    if tree.live:
        tree.quiet = False
        shared.cancel(tree, Alarm.PACKET)
        return
    if tree.lost_at is not None and tree.parent is not None:
        gap_s = now - tree.lost_at
        shared.outbox.put(Repaired(tree.stream, tree.parent.node, gap_s, 0))
    above.alive(shared, tree, now)


def activated(shared: Shared, tree: Tree, notice: Activated, now: float) -> None:
    """The plane switched to the second parent: confirm, or bring it back."""
    second = tree.second
    if second is not None and second.node == notice.parent:
        if tree.lost_at is None:
            tree.lost_at = now
        above.attach(shared, tree, second, "standby", now)
        return
    parent = tree.parent
    if parent is not None and parent.node != notice.parent:
        shared.outbox.put(
            SetActive(tree.stream, parent.node, parent.alias, parent.base)
        )


def leg_activated(shared: Shared, tree: Tree, notice: LegActivated, now: float) -> None:
    """A standby child lost its parent and takes packets here now."""
    child = tree.children.get(notice.child)
    if child is not None and not child.carries:
        downstream.promote(shared, tree, child, now)


def pulse(shared: Shared, tree: Tree, now: float) -> None:
    """The origin's sign that the tree is whole while its publisher is silent."""
    # why the epoch: after a restart numbers must still be new (RFC 0011 section 7.2)
    tree.pulse = max(tree.pulse, shared.epoch) + 1
    _pass_pulse(shared, tree)
    shared.set(tree, Alarm.PULSE, now + shared.config.pulse_s)


def _pass_pulse(shared: Shared, tree: Tree) -> None:
    record = Pulse(tree.stream, tree.pulse)
    for child in tree.children.values():
        if child.carries:
            shared.outbox.send(child.node, record)


def pulsed(
    shared: Shared, tree: Tree, neighbour: NodeId, record: Pulse, now: float
) -> None:
    """A pulse from the parent: as good as a packet, and passed on."""
    parent = tree.parent
    if parent is None or parent.node != neighbour or record.number <= tree.pulse:
        return
    tree.pulse = record.number
    tree.pulsed_at = now
    if tree.quiet or not tree.live:
        _healed(shared, tree, now)
        _quiet(shared, tree, now)
    # why nothing else: packets are here again, or still, so the plane will not say that
    # they flow, and no deadline that waits for this may be set
    _pass_pulse(shared, tree)


def _quiet(shared: Shared, tree: Tree, now: float) -> None:
    """The publisher is silent; without the next pulse the edge ends."""
    tree.quiet = True
    shared.set(tree, Alarm.PACKET, now + shared.config.packet_life_s)


def dropped(
    shared: Shared, tree: Tree, neighbour: NodeId, record: Drop, now: float
) -> None:
    """A parent ended an edge."""
    second = tree.second
    if (
        second is not None
        and second.node == neighbour
        and second.serial == record.serial
    ):
        above.release_second(shared, tree)
        shared.hasten(tree, Alarm.SECOND, now + shared.config.report_s)
        return
    parent = tree.parent
    if parent is None or parent.node != neighbour or parent.serial != record.serial:
        return
    if record.reason is Why.GONE:
        ended(shared, tree, now)
    else:
        lost(shared, tree, now, "dropped", record.targets)


def ended(shared: Shared, tree: Tree, now: float) -> None:
    """The stream ended; viewers linger in case the publisher comes back."""
    if tree.search is not None:
        upstream.stop(shared, tree, tree.search)
    above.release_second(shared, tree)
    above.detach(shared, tree, "gone", now)
    downstream.drop_all(shared, tree, Why.GONE, now)
    if tree.subscribed:
        shared.set(tree, Alarm.LINGER, now + shared.config.linger_s)


def linger_over(shared: Shared, tree: Tree) -> None:
    """The publisher did not come back in time."""
    if not tree.live:
        shared.outbox.put(StreamEnded(tree.stream))
