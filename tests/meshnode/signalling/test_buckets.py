"""How often one caller may knock."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meshnode.signalling.buckets import Buckets, network
from support.offers import publish_offer


def test_a_minute_of_requests_and_not_one_more() -> None:
    buckets = Buckets(60)
    assert [buckets.take("a", 0.0) for _ in range(60)] == [0.0] * 60
    assert 0.9 < buckets.take("a", 0.0) <= 1.0
    assert buckets.take("b", 0.0) == 0.0


def test_a_bucket_fills_evenly() -> None:
    buckets = Buckets(60)
    for _ in range(61):
        buckets.take("a", 0.0)
    assert buckets.take("a", 1.01) == 0.0
    assert buckets.take("a", 1.02) > 0.0


def test_knocking_while_refused_costs_nothing() -> None:
    buckets = Buckets(60)
    for _ in range(1000):
        buckets.take("a", 0.0)
    assert buckets.take("a", 1.01) == 0.0


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), max_size=200))
def test_no_more_than_the_rate_over_any_time(waits) -> None:
    buckets, now, admitted = Buckets(60), 0.0, 0
    for wait_s in waits:
        now += wait_s
        admitted += buckets.take("a", now) == 0.0
    assert admitted <= 60 + now


def test_invented_keys_do_not_grow_the_table() -> None:
    buckets = Buckets(60, keys_max=100)
    for key in range(10_000):
        buckets.take(str(key), 0.0)
    assert len(buckets) == 100


def test_a_caller_is_an_address_or_a_64_of_them() -> None:
    assert network("192.0.2.1") == "192.0.2.1"
    assert network("::ffff:192.0.2.1") == "192.0.2.1"
    assert network("2001:db8::1") == network("2001:db8::ffff:1")
    assert network("2001:db8::1") != network("2001:db8:0:1::1")
    assert network("fe80::1%eth0") == network("fe80::2")
    assert network("nonsense") == "nonsense"


# -- over HTTP -------------------------------------------------------------------------


async def test_too_many_requests_are_429_and_name_the_limit(start) -> None:
    client = await start({"requests_per_minute": 3})
    answers = [await client.publish(publish_offer(), f"s{n}") for n in range(5)]
    assert [answer.status for answer in answers] == [201, 201, 201, 429, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    told = await answers[-1].json(content_type=None)
    assert told["limit"] == "requests_per_minute"
    assert "requests_per_minute=3" in told["detail"]


async def test_looking_costs_nothing(start) -> None:
    client = await start({"requests_per_minute": 1})
    for _ in range(5):
        assert (await client.ask("GET", "/api/streams")).status == 200
        assert (await client.ask("OPTIONS", "/whip/demo")).status == 200


async def test_behind_a_proxy_every_client_has_its_own_allowance(start) -> None:
    client = await start(
        {"requests_per_minute": 1}, trusted_proxy="127.0.0.1", publish_key="k"
    )
    key = {"Authorization": "Bearer "}
    for address in ("203.0.113.1", "203.0.113.2"):
        sent = {**key, "X-Forwarded-For": address}
        assert (await client.publish(publish_offer(), **sent)).status == 401
        assert (await client.publish(publish_offer(), **sent)).status == 429


async def test_a_key_has_an_allowance_of_its_own(start) -> None:
    client = await start(
        {"requests_per_minute": 2}, trusted_proxy="127.0.0.1", publish_key="k"
    )
    statuses = []
    for number in range(3):
        sent = {"Authorization": "Bearer k", "X-Forwarded-For": f"203.0.113.{number}"}
        answer = await client.publish(publish_offer(), f"s{number}", **sent)
        statuses.append(answer.status)
    assert statuses == [201, 201, 429]
