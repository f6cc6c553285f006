"""One node of the draft: it does what the draft says, flaws included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshsim.draft import TIMEOUT_S, Member, Variant
from meshsim.workload import Stream


class Neighbourhood:
    """Members that talk without delay; what they said is kept."""

    def __init__(self, *rows: list[int], variant: Variant = Variant.LITERAL) -> None:
        self.neighbours = rows
        self.variant = variant
        self.circulating = 0
        self.changed = False
        self.now = 0.0
        self.said: list[tuple[int, int, Any]] = []
        self.got: list[tuple[int, bool]] = []
        self.members = [Member(self, index) for index in range(len(rows))]
        for member in self.members:
            member.wake(0.0, 1.0)

    def cost_s(self, src: int, dst: int) -> float:
        return 0.02

    def tell(
        self, src: int, dst: int, octets: int, deliver: Callable[..., None], what: Any
    ) -> None:
        assert octets > 0
        self.said.append((src, dst, what))
        deliver(src, what, self.now)

    def pass_on(self, src: int, dst: int, name: str, sequence: int) -> None:
        self.members[dst].packet(name, sequence, self.now)

    def delivered(self, node: int, name: str, *, again: bool, now: float) -> None:
        self.got.append((node, again))

    def turn(self, rounds: int = 1) -> None:
        for _ in range(rounds):
            self.now += 1.0
            for member in self.members:
                if member.awake:
                    member.handle_timeout(self.now)


def line(size: int, **more: Any) -> Neighbourhood:
    rows = [[p for p in (n - 1, n + 1) if 0 <= p < size] for n in range(size)]
    mesh = Neighbourhood(*rows, **more)
    mesh.members[0].local["s"] = Stream("s")
    return mesh


def test_routes_spread_hop_by_hop_with_cost_and_path() -> None:
    mesh = line(4)
    mesh.turn(3)
    assert mesh.members[3].best("s") == 2
    found = mesh.members[3].routes["s"][2]
    assert found.path == (0, 1, 2)
    assert abs(found.cost - 0.06) < 1e-9


def test_a_route_is_not_told_to_whom_it_leads_over() -> None:
    mesh = line(3)
    mesh.turn(3)
    told_to_0 = [what for src, dst, what in mesh.said if (src, dst) == (1, 0)]
    assert all("s" not in rows for rows in told_to_0)


def test_a_subscriber_pulls_hop_by_hop_and_packets_come() -> None:
    mesh = line(4)
    mesh.turn(3)
    mesh.members[3].watch("s")
    mesh.members[0].packet("s", 1, mesh.now)
    assert mesh.got == [(3, False)]


def test_a_second_subscriber_below_the_same_relay_costs_no_second_copy() -> None:
    mesh = Neighbourhood([1], [0, 2, 3], [1], [1])
    mesh.members[0].local["s"] = Stream("s")
    mesh.turn(2)
    mesh.members[2].watch("s")
    mesh.members[3].watch("s")
    asked = [what for src, dst, what in mesh.said if (src, dst) == (1, 0)]
    assert asked.count("s") == 1
    mesh.members[0].packet("s", 1, mesh.now)
    assert sorted(mesh.got) == [(2, False), (3, False)]


def test_who_leaves_ends_the_relays_above() -> None:
    mesh = line(4)
    mesh.turn(3)
    mesh.members[3].watch("s")
    mesh.members[3].unwatch("s")
    mesh.turn(4)
    assert all("s" not in mesh.members[n].relays for n in (1, 2, 3))


def test_who_does_not_ask_for_five_seconds_is_dropped() -> None:
    mesh = line(3)
    mesh.turn(3)
    mesh.members[2].watch("s")
    mesh.members[2].awake = False
    mesh.turn(int(TIMEOUT_S))
    assert mesh.members[1].relays
    mesh.turn(3)
    assert not mesh.members[1].relays


def test_after_an_unpublish_the_ghost_stays_for_good() -> None:
    mesh = line(3)
    mesh.turn(3)
    mesh.members[0].local.clear()
    mesh.turn(60)
    assert mesh.members[2].best("s") is not None


def test_with_expiry_or_replacement_the_ghost_goes() -> None:
    for variant in (Variant.EXPIRY, Variant.REPLACE):
        mesh = line(3, variant=variant)
        mesh.turn(3)
        mesh.members[0].local.clear()
        mesh.turn(20)
        assert mesh.members[2].best("s") is None


def test_two_relays_that_asked_each_other_never_stop() -> None:
    mesh = line(3)
    mesh.turn(3)
    mesh.members[1].subscribed(2, "s", mesh.now)
    mesh.members[2].subscribed(1, "s", mesh.now)
    mesh.members[1].routes["s"] = {2: mesh.members[2].routes["s"][1]}
    mesh.members[0].awake = False
    mesh.turn(3)
    assert mesh.members[1].relays["s"].upstream == 2
    assert mesh.members[2].relays["s"].upstream == 1
    mesh.turn(30)
    assert mesh.members[1].relays["s"].upstream == 2


def test_what_enters_a_cycle_circulates_and_is_stopped_by_us_alone() -> None:
    mesh = Neighbourhood([1], [0, 2], [1])
    mesh.members[1].subscribed(2, "s", 0.0)
    mesh.members[2].subscribed(1, "s", 0.0)
    mesh.members[2].watch("s")
    mesh.members[1].packet("s", 1, 0.0)
    assert mesh.circulating > 0
    assert mesh.got[0] == (2, False)
    assert all(again for _, again in mesh.got[1:])
    assert len(mesh.got) > 1


def test_a_sleeping_node_hears_nothing() -> None:
    mesh = line(3)
    mesh.members[1].awake = False
    assert mesh.members[1].next_timeout() is None
    mesh.turn(5)
    assert mesh.members[2].best("s") is None
    mesh.members[1].packet("s", 1, 1.0)
    mesh.members[1].subscribed(2, "s", 1.0)
    mesh.members[1].unsubscribed(2, "s", 1.0)
    assert not mesh.members[1].relays
