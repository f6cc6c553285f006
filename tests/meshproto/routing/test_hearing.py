"""Updates that come in (RFC 0010 sections 4.2 and 5.2)."""

from __future__ import annotations

from meshproto.events import LimitReached
from meshproto.routing.changes import OffersChanged, RouteChanged, RouteLost
from meshproto.routing.distance import INFINITY
from meshproto.routing.table import PROOFS_KEPT
from meshproto.wire.control.routing import Update
from support.routing import EPOCH, STREAM, Bench, node, offer, seal


def bench(**config: int) -> Bench:
    made = Bench(**config)
    made.up("a", "b")
    return made


def test_an_update_becomes_a_row_with_our_cost_on_top() -> None:
    made = bench()
    made.hear("a", 100)
    (route,) = made.router.routes(node("o"))
    assert (route.neighbour, route.refmetric, route.metric) == (node("a"), 100, 200)
    assert route.feasible
    assert route.selected


def test_an_update_without_a_valid_signature_has_no_effect() -> None:
    made = bench()
    made.hear("a", 100, signature=b"forged")
    assert made.router.routes(node("o")) == ()
    assert made.refusals() == ["route-signature"]


def test_a_signature_of_another_number_is_no_signature() -> None:
    made = bench()
    made.hear("a", 100, seqno=2, signature=seal(node("o"), EPOCH, 1))
    assert made.router.routes(node("o")) == ()


def test_an_unsigned_update_is_believed_once_the_number_was_proven() -> None:
    made = bench()
    made.hear("a", 100, signature=b"")
    assert made.next_hop() is None
    made.hear("a", 100)
    made.hear("a", 90, signature=b"")
    made.hear("b", 95, signature=b"")
    assert [route.refmetric for route in made.router.routes(node("o"))] == [90, 95]


def test_a_number_is_verified_once_whoever_tells_it() -> None:
    made = bench()
    made.up("c")
    for name in ("a", "b", "c"):
        made.hear(name, 100)
    assert len(made.verified) == 1
    made.hear("a", 100, seqno=2)
    made.hear("b", 100, seqno=2)
    assert len(made.verified) == 2


def test_a_number_that_was_proven_a_moment_ago_needs_no_signature() -> None:
    made = bench()
    for seqno in range(1, PROOFS_KEPT + 1):
        made.hear("a", 100, seqno=seqno)
    made.hear("b", 90, signature=b"")
    assert made.refusals() == []
    made.hear("a", 100, seqno=PROOFS_KEPT + 1)
    made.retract("b")
    made.hear("b", 90, signature=b"")
    assert made.refusals() == ["route-signature"]


def test_a_retraction_needs_no_signature() -> None:
    made = bench()
    made.hear("a", 100)
    made.retract("a")
    assert made.next_hop() is None
    assert made.router.routes(node("o")) == ()
    assert made.refusals() == []


def test_a_retraction_of_something_unknown_leaves_no_trace() -> None:
    made = bench()
    made.retract("a")
    assert made.router.dump()["origins"] == {}


def test_an_epoch_more_than_a_day_ahead_of_the_wall_clock_is_refused() -> None:
    made = bench()
    made.call("wall", EPOCH)
    day_ms = 86_400_000
    made.hear("a", 100, epoch=EPOCH + day_ms + 1)
    assert made.refusals() == ["route-signature"]
    made.hear("a", 100, epoch=EPOCH + day_ms)
    assert made.next_hop() == "a"


def test_the_wall_clock_goes_on_between_readings() -> None:
    made = bench()
    made.call("wall", EPOCH)
    made.advance(10.0)
    made.hear("a", 100, epoch=EPOCH + 86_400_000 + 9_000)
    assert made.next_hop() == "a"


def test_without_a_wall_clock_any_epoch_will_do() -> None:
    made = bench()
    made.hear("a", 100, epoch=2**48 - 1)
    assert made.next_hop() == "a"


def test_a_restart_under_the_same_name_is_accepted_at_once() -> None:
    made = bench()
    made.hear("a", 100)
    made.advance(0.2)
    made.take_changes()
    made.hear("a", 5_000, epoch=EPOCH + 1_500, seqno=0)
    assert made.next_hop() == "a"
    assert made.take_changes() == [RouteChanged(node("o"))]


def test_a_ghost_of_the_time_before_a_restart_is_never_used() -> None:
    made = bench()
    made.hear("a", 100, epoch=EPOCH + 1_500)
    made.advance(0.2)
    made.hear("b", 1, epoch=EPOCH)
    made.retract("a")
    assert made.next_hop() is None


def test_updates_about_ourselves_are_ignored() -> None:
    made = bench()
    made.call("originate")
    made.hear("a", 100, origin="me")
    assert made.router.routes(made.me) == ()
    assert made.refusals() == []


def test_a_path_longer_than_the_hop_limit_is_no_route() -> None:
    made = bench()
    made.hear("a", 100, hops=24)
    assert made.next_hop() is None
    made.hear("a", 100, hops=23)
    assert made.next_hop() == "a"
    made.advance(0.2)
    (update,) = made.sent(Update, "b")
    assert update.hops == 24


def test_a_sum_of_metrics_that_reaches_infinity_is_no_route() -> None:
    made = bench()
    made.hear("a", INFINITY - 100)
    assert made.next_hop() is None


def test_offers_are_kept_by_neighbour_and_stream() -> None:
    made = bench()
    made.hear("a", 100, offers=(offer(slots=3),))
    made.hear("b", INFINITY, offers=(offer(slots=1),))
    assert made.router.offers(node("o"), STREAM) == [
        (node("a"), offer(slots=3)),
        (node("b"), offer(slots=1)),
    ]
    assert OffersChanged(node("o"), node("b")) in made.take_changes()


def test_an_offer_without_a_route_is_no_route() -> None:
    made = bench()
    made.hear("a", INFINITY, offers=(offer(),))
    assert made.next_hop() is None
    assert len(made.router.routes(node("o"))) == 1


def test_an_offer_for_an_invented_origin_is_refused() -> None:
    made = bench()
    made.hear("a", INFINITY, offers=(offer(),), signature=b"")
    assert made.router.offers(node("o"), STREAM) == []
    assert made.refusals() == ["route-signature"]


def test_changed_offers_are_reported_and_unchanged_ones_are_not() -> None:
    made = bench()
    made.hear("a", 100, offers=(offer(slots=3),))
    made.take_changes()
    made.hear("a", 120, offers=(offer(slots=3),))
    assert made.take_changes() == []
    made.hear("a", 120, offers=())
    assert made.take_changes() == [OffersChanged(node("o"), node("a"))]


def test_offers_are_gone_with_their_neighbour() -> None:
    made = bench()
    made.hear("a", 100, offers=(offer(),))
    made.take_changes()
    made.down("a")
    assert set(made.take_changes()) == {
        OffersChanged(node("o"), node("a")),
        RouteLost(node("o")),
    }
    assert made.router.offers(node("o"), STREAM) == []


# -- room -----------------------------------------------------------------------------


def test_a_full_table_refuses_and_says_so_once() -> None:
    made = bench(origins_max=3)
    for number in range(6):
        made.hear("a", 100, origin=f"o{number}")
    assert len(made.router.origins()) == 3
    limits = [e for e in made.events if isinstance(e, LimitReached)]
    assert limits == [LimitReached("origins_max", 3)]


def test_a_full_table_still_hears_other_neighbours_about_what_it_holds() -> None:
    made = bench(origins_max=1)
    made.hear("a", 100)
    made.hear("b", 30)
    assert len(made.router.routes(node("o"))) == 2


def test_room_that_comes_free_is_used() -> None:
    made = bench(origins_max=1)
    made.hear("a", 100, origin="o1")
    made.retract("a", origin="o1")
    made.hear("a", 100, origin="o2")
    assert made.router.origins() == [node("o2")]


def test_a_wanted_origin_takes_the_place_of_an_unwanted_one() -> None:
    made = bench(origins_max=2)
    made.hear("a", 100, origin="o1")
    made.hear("a", 100, origin="o2")
    made.call("want", node("o1"), True)
    made.call("want", node("o3"), True)
    made.hear("a", 100, origin="o3")
    assert made.router.origins() == [node("o1"), node("o3")]
    assert RouteLost(node("o2")) in made.take_changes()


def test_wanted_origins_do_not_push_each_other_out() -> None:
    made = bench(origins_max=1)
    made.call("want", node("o1"), True)
    made.hear("a", 100, origin="o1")
    made.call("want", node("o2"), True)
    made.hear("a", 100, origin="o2")
    assert made.router.origins() == [node("o1")]


def test_distances_without_routes_are_bounded_too() -> None:
    made = bench(origins_max=2, sources_max=4)
    for number in range(6):
        made.hear("a", 100, origin=f"o{number}")
        made.retract("a", origin=f"o{number}")
    assert len(made.router.dump()["origins"]) == 4
    assert LimitReached("sources_max", 4) in made.events


def test_an_unsigned_update_for_what_had_no_room_is_no_offence() -> None:
    made = bench(origins_max=1)
    made.hear("a", 100, origin="o1")
    made.hear("a", 100, origin="o2")
    made.hear("a", 300, origin="o2", signature=b"")
    assert made.refusals() == []
