"""Updates in few octets (RFC 0010 section 4.3).

Most updates move a metric or an offer's delay and repeat all else, four fifths of it
names.  Records of routing come in order and none is lost, so both ends know what was
told last: a `Step` says the difference, under the short name of the origin.
"""

from __future__ import annotations

from meshproto.ids import ShortId, short_id
from meshproto.routing.distance import INFINITY
from meshproto.routing.table import Heard, Neighbour
from meshproto.wire.control.offer import Offer, Standing
from meshproto.wire.control.routing import Step, Update


def shortened(told: Update | None, update: Update) -> Update | Step:
    """`update` for a neighbour that holds `told`, in as few octets as say it."""
    if told is None:
        return update
    if update.refmetric >= INFINITY and not update.offers:
        return Step(short_id(update.origin), INFINITY, 0, ())
    streams = _streams(told.offers) == _streams(update.offers)
    if told.epoch != update.epoch or not streams:
        return update
    seqno = None if told.seqno == update.seqno else update.seqno
    offers = tuple(
        Standing(o.in_tree, o.delay_s, o.slots, o.room) for o in update.offers
    )
    return Step(
        short_id(update.origin),
        update.refmetric,
        update.hops,
        offers,
        seqno,
        update.signature,
    )


def whole(neighbour: Neighbour, step: Step) -> Update | None:
    """What `neighbour` would have said in full, None if it never told that row."""
    heard = _row(neighbour, step.origin)
    if heard is None:
        return None
    if step.refmetric >= INFINITY and not step.offers:
        return Update(heard.origin, 0, 0, INFINITY, 0, ())
    if len(step.offers) != len(heard.offers):
        return None
    offers = tuple(
        Offer(old.stream, new.in_tree, new.delay_s, new.slots, new.room)
        for old, new in zip(heard.offers, step.offers, strict=True)
    )
    epoch, seqno = heard.version
    seqno = seqno if step.seqno is None else step.seqno
    move = (step.refmetric, step.hops, offers)
    return Update(heard.origin, epoch, seqno, *move, step.signature)


def _row(neighbour: Neighbour, short: ShortId) -> Heard | None:
    origin = neighbour.shorts.get(short)
    return None if origin is None else neighbour.heard.get(origin)


def _streams(offers: tuple[Offer, ...]) -> tuple[bytes, ...]:
    return tuple(offer.stream for offer in offers)
