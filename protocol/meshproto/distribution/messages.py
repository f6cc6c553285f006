"""Messages of data channels, along the tree (RFC 0011 section 8.3).

    publisher  -> MessageDown to every child, hop by hop -> all viewers
    viewer     -> MessageUp to the parent, hop by hop    -> the publisher

They go where packets go, over the control channel of the same links.  A link that has
no room drops a message and counts it: clients whose media flows must not lose their
link over what they say.  A child that comes from another parent gets the latest ones
again, and drops what it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshproto.distribution.book import octets_of
from meshproto.outputs import Deliver
from meshproto.wire.control.distribution import (
    LABEL_OCTETS_MAX,
    MESSAGE_OCTETS_MAX,
    Message,
    MessageDown,
    MessageUp,
)

if TYPE_CHECKING:
    from meshproto.distribution.shared import Shared
    from meshproto.distribution.tree import Child, Tree
    from meshproto.ids import NodeId


def say(shared: Shared, tree: Tree, label: str, data: bytes | str, now: float) -> bool:
    """A client here speaks; whether it went to any neighbour."""
    book = shared.messages
    if not _travels(label) or not _travels(data):
        book.counts["message-text"] += 1
        return False
    if octets_of(data) > MESSAGE_OCTETS_MAX or octets_of(label) > LABEL_OCTETS_MAX:
        book.counts["message-large"] += 1
        return False
    shape = MessageDown if tree.publishing else MessageUp
    message = shape(tree.stream, shared.me, book.next_sequence(), label, data)
    book.is_new(message)  # it may come back over a ring
    book.counts["said"] += 1
    if isinstance(message, MessageDown):
        return _hand_down(shared, tree, message, now)
    return _hand_up(shared, tree, message, now)


def descend(
    shared: Shared, tree: Tree, node: NodeId, message: MessageDown, now: float
) -> None:
    """A message of the publisher came over an edge."""
    if tree.publishing or not _from_parent(tree, node):
        shared.refuse(node, "tree-edge")
    elif _admit(shared, node, message, now):
        if tree.subscribed:
            _deliver(shared, message, up=False)
        _hand_down(shared, tree, message, now)


def climb(
    shared: Shared, tree: Tree, node: NodeId, message: MessageUp, now: float
) -> None:
    """A message of a viewer came from below."""
    child = tree.children.get(node)
    if child is None or not child.full:
        shared.refuse(node, "tree-edge")
    elif _admit(shared, node, message, now):
        if tree.publishing:
            _deliver(shared, message, up=True)
        else:
            _hand_up(shared, tree, message, now)


def catch_up(shared: Shared, tree: Tree, child: Child, now: float) -> None:
    """The child had another parent: what was said a moment ago may have missed it."""
    for message in shared.messages.kept(tree.stream, now):
        _send(shared, child.node, message, now)


def _travels(text: bytes | str) -> bool:
    """Whether it has a form in UTF-8: half a surrogate pair has none."""
    try:
        return isinstance(text, bytes) or text.encode() is not None
    except UnicodeEncodeError:
        return False


def _from_parent(tree: Tree, node: NodeId) -> bool:
    """Whether packets come from `node`, or will when its Accept is here: that travels
    on another lane.
    """
    if tree.parent is not None and tree.parent.node == node:
        return True
    second, search = tree.second, tree.search
    if second is not None and second.node == node:
        return True
    return search is not None and node in search.asked


def _admit(shared: Shared, node: NodeId, message: Message, now: float) -> bool:
    book = shared.messages
    if not book.may_come(node, message, now):
        book.counts["message-flood"] += 1
        return False
    if not book.is_new(message):
        book.counts["message-twice"] += 1
        return False
    return True


def _deliver(shared: Shared, message: Message, *, up: bool) -> None:
    shared.messages.counts["delivered"] += 1
    shared.outbox.put(Deliver(message.stream, up, message.label, message.data))


def _hand_down(shared: Shared, tree: Tree, message: MessageDown, now: float) -> bool:
    shared.messages.keep(message, now)
    taken = False
    for child in tree.children.values():
        # why not others: they have a parent that tells them
        if child.active:
            taken |= _send(shared, child.node, message, now)
    return taken


def _hand_up(shared: Shared, tree: Tree, message: MessageUp, now: float) -> bool:
    if tree.parent is None:
        shared.messages.counts["message-lost"] += 1
        return False
    return _send(shared, tree.parent.node, message, now)


def _send(shared: Shared, node: NodeId, message: Message, now: float) -> bool:
    book, config = shared.messages, shared.config
    if shared.around.waiting(node) > config.message_waiting_max:
        book.counts["message-full"] += 1
        return False
    if not book.may_go(node, message, now):
        book.counts["message-rate"] += 1
        return False
    book.counts["sent"] += 1
    shared.outbox.send(node, message)
    return True
