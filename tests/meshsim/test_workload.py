"""Workloads: arrivals, publishers, audiences, rooms and churn, as declared."""

from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.workload import (
    DAY_S,
    Arrivals,
    Audience,
    Churn,
    Come,
    Play,
    Rooms,
    Stream,
    Workload,
    daylight,
    spread,
)
from support.stage import Ledger


def played(workload: Workload, until: float = 100.0, size: int = 20) -> Ledger:
    stage = Ledger(size)
    Play(stage.engine, stage).schedule(workload)
    stage.engine.run_until(until)
    return stage


def test_everybody_starts_at_once_unless_said_otherwise() -> None:
    starts = played(Workload()).verbs("start")
    assert sorted(call[2] for call in starts) == list(range(20))
    assert {call[0] for call in starts} == {0.0}


def test_the_first_are_there_and_others_arrive_evenly() -> None:
    arrivals = Arrivals(Come.EVENLY, at_s=10.0, over_s=16.0, first=4)
    times = [call[0] for call in played(Workload(arrivals)).verbs("start")]
    assert times == [0.0] * 4 + [10.0 + n for n in range(16)]


def test_newcomers_arrive_late_and_one_after_another() -> None:
    arrivals = Arrivals(late=4, late_at_s=50.0, late_over_s=8.0)
    times = [call[0] for call in played(Workload(arrivals)).verbs("start")]
    assert times == [0.0] * 16 + [50.0, 52.0, 54.0, 56.0]


@given(
    st.sampled_from(Come), st.integers(0, 50), st.floats(0.0, 1e5), st.integers(0, 99)
)
def test_a_crowd_comes_in_order_and_in_time(
    come: Come, count: int, over_s: float, seed: int
) -> None:
    times = spread(come, count, over_s, random.Random(seed))
    assert len(times) == count
    assert times == sorted(times)
    assert all(0.0 <= time <= over_s for time in times)


def test_half_of_a_flash_crowd_comes_in_the_first_eighth() -> None:
    times = spread(Come.FLASH, 4000, 80.0, random.Random(1))
    assert statistics.median(times) == pytest.approx(10.0, rel=0.1)


def test_by_day_most_come_at_noon() -> None:
    times = spread(Come.DIURNAL, 4000, DAY_S, random.Random(1))
    hours = [int(time / 3600) for time in times]
    assert sum(9 <= hour < 15 for hour in hours) > 6 * sum(
        hour < 3 or hour >= 21 for hour in hours
    )


def test_daylight_goes_from_night_to_noon() -> None:
    assert daylight(0.0) == 0.0
    assert daylight(DAY_S / 2) == 1.0
    assert daylight(DAY_S / 4) == pytest.approx(0.5)


def test_a_publisher_is_where_it_was_put_and_goes_when_it_should() -> None:
    stream = Stream("s", node=23, at_s=5.0, until_s=9.0)
    stage = played(Workload(streams=(stream,)))
    assert stage.verbs("publish") == [(5.0, "publish", 3, "s")]  # 23 modulo 20
    assert stage.verbs("unpublish") == [(9.0, "unpublish", 3, "s")]


def test_a_publisher_is_drawn_from_its_class_and_no_node_has_two() -> None:
    stage = Ledger()
    stage.kinds = ["middle" if node in {4, 9, 13} else "thin" for node in range(20)]
    play = Play(stage.engine, stage)
    play.schedule(
        Workload(streams=tuple(Stream(name, kind="middle") for name in "abc"))
    )
    assert sorted(play.publishers.values()) == [4, 9, 13]
    assert sorted(play.publishers) == ["a", "b", "c"]


def test_who_cannot_feed_a_copy_is_drawn_for_no_stream_if_anybody_can() -> None:
    stage = Ledger()
    stage.copies = [int(node in {4, 9, 13}) for node in range(20)]
    play = Play(stage.engine, stage)
    rooms = Rooms(count=40, size=12)
    play.schedule(Workload(streams=(Stream("a"), Stream("b")), rooms=(rooms,)))
    stage.engine.run_until(1.0)
    assert {play.publishers["a"], play.publishers["b"]} <= {4, 9, 13}
    for _, _, talker, name in stage.verbs("publish"):
        members = {c[2] for c in stage.verbs("subscribe") if c[3] == name}
        assert stage.copies[int(str(talker))] or not {4, 9, 13} & members


def test_an_audience_is_a_share_of_the_others() -> None:
    workload = Workload(
        streams=(Stream("s", node=0),), audiences=(Audience("s", share=0.5, at_s=3.0),)
    )
    watching = played(workload).verbs("subscribe")
    assert len(watching) == round(0.5 * 19)
    assert {call[0] for call in watching} == {3.0}
    assert all(call[2] != 0 and call[3] == "s" for call in watching)


def test_an_audience_may_be_counted_and_does_not_stay_for_ever() -> None:
    workload = Workload(
        streams=(Stream("s", node=0),),
        audiences=(
            Audience("s", count=400, come=Come.RANDOMLY, over_s=9.0, stay_s=30.0),
        ),
    )
    stage = played(workload, 10_000.0, size=1000)
    came = {call[2]: call[0] for call in stage.verbs("subscribe")}
    went = {call[2]: call[0] for call in stage.verbs("unsubscribe")}
    assert len(came) == 400
    assert came.keys() == went.keys()
    stays = [went[node] - came[node] for node in came]
    assert statistics.mean(stays) == pytest.approx(30.0, rel=0.15)


def test_an_audience_may_be_listed_and_comes_in_that_order() -> None:
    crowd = Audience("s", nodes=(7, 3, 9), come=Come.EVENLY, at_s=3.0, over_s=6.0)
    stage = played(Workload(streams=(Stream("s", node=0),), audiences=(crowd,)))
    came = [(call[0], call[2]) for call in stage.verbs("subscribe")]
    assert came == [(3.0, 7), (5.0, 3), (7.0, 9)]


def test_in_a_room_everybody_watches_every_talker_but_themselves() -> None:
    stage = played(Workload(rooms=(Rooms(count=3, size=5, talkers=2, at_s=1.0),)))
    published = stage.verbs("publish")
    assert len(published) == 6
    for _, _, talker, name in published:
        watchers = [c[2] for c in stage.verbs("subscribe") if c[3] == name]
        assert len(watchers) == 4
        assert talker not in watchers


def test_a_room_closes_and_its_members_go() -> None:
    rooms = Rooms(count=200, size=3, at_s=1.0, stay_s=30.0)
    stage = played(Workload(rooms=(rooms,)), 10_000.0, size=50)
    opened = {call[3]: call[0] for call in stage.verbs("publish")}
    closed = {call[3]: call[0] for call in stage.verbs("unpublish")}
    assert opened.keys() == closed.keys()
    stays = [closed[name] - opened[name] for name in opened]
    assert statistics.mean(stays) == pytest.approx(30.0, rel=0.25)
    assert len(stage.verbs("unsubscribe")) == 2 * len(opened)


def test_churn_has_its_rate_and_everybody_comes_back() -> None:
    workload = Workload(churn=(Churn(per_min=0.01, away_s=30.0),))
    stage = played(workload, 3600.0, size=500)
    gone = stage.verbs("stop")
    assert len(gone) == pytest.approx(500 * 0.01 * 60, rel=0.15)
    assert not any(goodbye for *_, goodbye in gone)
    back = stage.verbs("start")[500:]
    assert len(gone) - len(back) == 500 - len(stage.running)
    assert all(kept for *_, kept in back)
    left_at: dict[object, float] = {}
    away = []
    for time, verb, node, _ in stage.calls:
        if verb == "stop":
            left_at[node] = time  # type: ignore[assignment]
        elif node in left_at:
            away.append(time - left_at.pop(node))  # type: ignore[operator]
    assert statistics.mean(away) == pytest.approx(30.0, rel=0.2)


def test_churn_spares_publishers_keeps_to_its_time_and_can_be_polite() -> None:
    workload = Workload(
        streams=(Stream("s", node=0), Stream("t", node=1)),
        churn=(Churn(1.0, at_s=60.0, until_s=120.0, goodbye=True, keep_state=False),),
    )
    stage = played(workload, 1000.0)
    gone = stage.verbs("stop")
    assert gone
    assert all(60.0 <= call[0] <= 120.0 for call in gone)
    assert not {0, 1} & {call[2] for call in gone}
    assert all(goodbye for *_, goodbye in gone)
    assert not any(kept for *_, kept in stage.verbs("start"))


def test_by_day_more_come_and_go_than_by_night() -> None:
    workload = Workload(churn=(Churn(0.01, diurnal=True, away_s=5.0),))
    hours = [int(call[0] // 3600) for call in played(workload, DAY_S, 50).verbs("stop")]
    night = sum(hour < 6 or hour >= 18 for hour in hours)
    assert len(hours) - night > 3 * night


def test_the_same_seed_plays_the_same_and_another_does_not() -> None:
    workload = Workload(
        Arrivals(Come.RANDOMLY, over_s=10.0),
        (Stream("s"),),
        (Audience("s", come=Come.FLASH, over_s=20.0, stay_s=5.0),),
        churn=(Churn(0.1),),
    )

    def calls(seed: int) -> list[tuple[object, ...]]:
        stage = Ledger(seed=seed)
        Play(stage.engine, stage).schedule(workload)
        stage.engine.run_until(300.0)
        return stage.calls

    assert calls(1) == calls(1) != calls(2)
