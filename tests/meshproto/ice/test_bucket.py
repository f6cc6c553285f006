from __future__ import annotations

import resource
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import StateError
from meshproto.ice.bucket import PrefixBucket

KEY = bytes(range(16))
HERE = bytes((192, 0, 2, 1))


def taken(bucket: PrefixBucket, host: bytes, now: float) -> int:
    return next(n for n in count() if not bucket.take(host, now))


def test_a_burst_is_granted_and_then_no_more() -> None:
    bucket = PrefixBucket(KEY, rate_per_s=10, burst=5)
    assert taken(bucket, HERE, 100.0) == 5


def test_tokens_come_back_at_the_rate_up_to_the_burst() -> None:
    bucket = PrefixBucket(KEY, rate_per_s=10, burst=5)
    taken(bucket, HERE, 100.0)
    assert taken(bucket, HERE, 100.25) == 2
    assert taken(bucket, HERE, 1000.0) == 5


def test_a_network_shares_one_bucket() -> None:
    bucket = PrefixBucket(KEY, rate_per_s=1, burst=4)
    hosts = [bytes((192, 0, 2, last)) for last in range(100)]
    assert sum(bucket.take(host, 0.0) for host in hosts) == 4
    assert bucket.take(bytes((192, 0, 3, 1)), 0.0)


def test_an_ipv6_site_shares_one_bucket() -> None:
    bucket = PrefixBucket(KEY, rate_per_s=1, burst=4)
    site = bytes.fromhex("20010db80001")
    hosts = [site + bytes((last,)) * 10 for last in range(100)]
    assert sum(bucket.take(host, 0.0) for host in hosts) == 4
    assert bucket.take(bytes.fromhex("20010db80002") + bytes(10), 0.0)


def test_every_prefix_gets_an_answer_however_many_there_are() -> None:
    bucket = PrefixBucket(KEY, slots=8)
    assert all(bucket.take(n.to_bytes(3, "big") + b"\1", 1.0) for n in range(1000))


@pytest.mark.untraced
def test_a_flood_of_prefixes_needs_no_memory() -> None:
    bucket = PrefixBucket(KEY)
    for n in range(50_000):
        bucket.take(n.to_bytes(3, "big") + b"\1", 1.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for n in range(50_000, 250_000):
        bucket.take(n.to_bytes(3, "big") + b"\1", 1.0)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 512


def test_which_prefixes_collide_depends_on_the_key() -> None:
    def collisions(key: bytes) -> list[int]:
        bucket = PrefixBucket(key, rate_per_s=1, burst=1, slots=64)
        found = []
        for n in range(1, 200):
            bucket.take(HERE, 0.0)
            bucket.take(bytes((10, 0, n, 1)), 0.0)
            if bucket.take(HERE, 0.0):
                found.append(n)
        return found

    assert collisions(KEY) != collisions(KEY[::-1])


@pytest.mark.parametrize(
    "wrong", [{"rate_per_s": 0}, {"burst": 0}, {"slots": 0}, {"key": b"short"}]
)
def test_impossible_buckets_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(StateError):
        PrefixBucket(**{"key": KEY, **wrong})  # type: ignore[arg-type]


@given(
    st.lists(st.floats(0, 3), min_size=1, max_size=80),
    st.integers(1, 10),
    st.integers(1, 20),
)
def test_never_more_than_burst_and_rate_allow(
    pauses: list[float], rate: int, burst: int
) -> None:
    bucket = PrefixBucket(KEY, rate_per_s=rate, burst=burst)
    now = granted = 0.0
    for pause in pauses:
        now += pause
        granted += bucket.take(HERE, now)
    assert granted <= burst + now * rate + 1e-6
