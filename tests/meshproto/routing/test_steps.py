"""Updates in few octets (RFC 0010 section 4.3)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshproto.ids import short_id
from meshproto.routing.distance import INFINITY
from meshproto.routing.steps import shortened, whole
from meshproto.routing.table import Heard, Neighbour
from meshproto.wire.control.offer import Offer
from meshproto.wire.control.routing import Step, TableRequest, Update
from support.routing import EPOCH, OTHER_STREAM, STREAM, Bench, node, offer, seal

O = node("o")  # noqa: E741
SHORT = short_id(O)
TOLD = Update(O, EPOCH, 3, 120, 2, (offer(), offer(stream=OTHER_STREAM)), seal(O, 1, 1))
GONE = Update(O, 0, 0, INFINITY, 0, ())


def who_heard(update: Update) -> Neighbour:
    """A neighbour whose last word about "o" was `update`."""
    neighbour = Neighbour(node("a"), 100)
    row = neighbour.heard[O] = Heard(O, node("a"))
    neighbour.shorts[SHORT] = O
    row.version = (update.epoch, update.seqno)
    row.refmetric, row.hops = update.refmetric, update.hops + 1
    row.offers = update.offers
    return neighbour


moved = st.builds(
    lambda metric, hops, delays: Update(
        O,
        EPOCH,
        3,
        metric,
        hops,
        tuple(
            Offer(stream, delay < 3000, delay / 1e5, delay % 9, delay)
            for stream, delay in zip((STREAM, OTHER_STREAM), delays, strict=True)
        ),
    ),
    st.integers(0, INFINITY),
    st.integers(0, 31),
    st.tuples(st.integers(0, 6000), st.integers(0, 6000)),
)


@given(moved)
def test_who_heard_the_last_update_understands_the_step(update: Update) -> None:
    step = shortened(TOLD, update)
    assert isinstance(step, Step)
    assert whole(who_heard(TOLD), step) == update


def test_a_new_number_comes_with_its_signature() -> None:
    update = Update(O, EPOCH, 4, 90, 2, TOLD.offers, seal(O, EPOCH, 4))
    step = shortened(TOLD, update)
    assert isinstance(step, Step)
    assert (step.seqno, step.signature) == (4, update.signature)
    assert whole(who_heard(TOLD), step) == update


def test_a_retraction_needs_the_name_alone() -> None:
    step = shortened(TOLD, GONE)
    assert step == Step(SHORT, INFINITY, 0, ())
    assert whole(who_heard(TOLD), step) == GONE


def test_another_epoch_or_other_streams_are_told_whole() -> None:
    others = [
        Update(O, EPOCH + 1, 3, 120, 2, TOLD.offers),
        Update(O, EPOCH, 3, 120, 2, ()),
        Update(O, EPOCH, 3, 120, 2, TOLD.offers[:1]),
        Update(O, EPOCH, 3, 120, 2, TOLD.offers[::-1]),
    ]
    assert [shortened(TOLD, update) for update in others] == others
    assert shortened(None, GONE) == GONE


def test_a_step_on_nothing_says_nothing() -> None:
    neighbour = who_heard(TOLD)
    assert whole(neighbour, Step(short_id(node("p")), 5, 1, ())) is None
    assert whole(neighbour, Step(SHORT, 5, 1, ())) is None  # two offers were told


# -- two routers --------------------------------------------------------------------


def steps(made: Bench, to: str) -> list[Step]:
    taken, made.raw = made.raw, []
    return [r for name, r in taken if name == to and isinstance(r, Step)]


def settled() -> Bench:
    """ "me" with a route over "a", told to "b"."""
    made = Bench()
    made.up("a", "b")
    made.hear("a", 100)
    made.advance(1.0)
    made.sent()
    made.raw.clear()
    return made


def test_a_metric_that_moved_is_told_as_a_step() -> None:
    made = settled()
    made.hear("a", 40)
    made.advance(0.2)
    assert steps(made, "b") == [Step(SHORT, 140, 2, ())]


def test_a_step_moves_the_route() -> None:
    made = settled()
    made.feed("a", Step(SHORT, 35, 4, ()))
    made.advance(0.2)
    assert made.told("b") == [135]
    made.feed("a", Step(SHORT, INFINITY, 0, ()))
    assert made.next_hop() is None
    assert made.refusals() == []


def test_a_step_about_a_row_that_was_never_told_is_counted_and_repaired() -> None:
    made = settled()
    made.feed("b", Step(SHORT, 5, 1, ()))
    assert made.next_hop() == "a"
    assert made.refusals() == ["route-step"]


def refused_number(**update: Any) -> Bench:
    """ "a" told an update that could not be believed."""
    made = settled()
    made.hear("a", 50, seqno=2, signature=b"junk", **update)
    assert made.refusals() == ["route-signature"]
    return made


def test_after_an_update_that_was_refused_steps_have_no_ground() -> None:
    made = refused_number()
    made.feed("a", Step(SHORT, 20, 1, ()))
    (row,) = made.router.routes(O)
    assert row.refmetric == 100
    made.hear("a", 60, seqno=2)
    made.feed("a", Step(SHORT, 20, 1, ()))
    (row,) = made.router.routes(O)
    assert row.refmetric == 20


def test_a_table_that_is_asked_for_is_told_whole() -> None:
    made = settled()
    made.feed("b", TableRequest())
    made.advance(0.2)
    assert steps(made, "b") == []
    (update,) = made.sent(Update, "b")
    assert update.signature
