"""What a link costs its receiver (RFC 0010 section 3)."""

from __future__ import annotations

import pytest

from meshproto.config.routing import CostConfig
from meshproto.ids import NodeId
from meshproto.routing.cost import expected_sends, link_cost_s

PEER = NodeId(b"neighbour")


class Near:
    """Measurements of one link."""

    def __init__(
        self,
        rtt_s: float = 0.020,
        loss: float = 0.0,
        suspect: bool = False,
        penalty_s: float = 0.0,
    ) -> None:
        self._rtt_s, self._loss = rtt_s, loss
        self._suspect, self._penalty_s = suspect, penalty_s

    def rtt_s(self, node: NodeId) -> float:
        assert node == PEER
        return self._rtt_s

    def loss(self, node: NodeId) -> float:
        return self._loss

    def suspect(self, node: NodeId) -> bool:
        return self._suspect

    def penalty_s(self, node: NodeId) -> float:
        return self._penalty_s


def cost_s(near: Near, hop_s: float = 0.001, load: float = 0.0) -> float:
    return link_cost_s(near, PEER, CostConfig(), hop_s, load)


def test_a_clean_link_costs_half_its_round_trip_and_our_own_hop() -> None:
    assert cost_s(Near(0.020)) == pytest.approx(0.011)
    assert cost_s(Near(0.020), hop_s=0.002) == pytest.approx(0.012)


def test_loss_costs_the_repair_of_what_is_lost() -> None:
    clean, lossy = cost_s(Near()), cost_s(Near(loss=0.1))
    config = CostConfig()
    repairs = (1 / 0.9 - 1) * config.loss_weight * (0.020 + config.repair_s)
    assert lossy - clean == pytest.approx(repairs)


def test_more_loss_always_costs_more_and_total_loss_is_finite() -> None:
    costs = [cost_s(Near(loss=loss / 20)) for loss in range(20)]
    assert costs == sorted(set(costs))
    assert costs[-1] <= cost_s(Near(loss=1.0)) < 60.0


def test_load_costs_in_proportion() -> None:
    assert cost_s(Near(), load=1.0) - cost_s(Near()) == pytest.approx(0.005)
    assert cost_s(Near(), load=0.5) - cost_s(Near()) == pytest.approx(0.0025)


def test_a_suspect_link_is_worse_than_a_detour() -> None:
    assert cost_s(Near(suspect=True)) - cost_s(Near()) == pytest.approx(0.2)


def test_relayed_links_and_liars_pay_their_penalty() -> None:
    assert cost_s(Near(penalty_s=0.03)) - cost_s(Near()) == pytest.approx(0.03)


def test_packets_are_sent_once_when_all_arrive_and_for_ever_when_none_does() -> None:
    assert expected_sends(1.0) == 1.0
    assert expected_sends(0.25) == 4.0
    assert expected_sends(0.0) == float("inf")
    assert expected_sends(0.0, floor=0.05) == 20.0
