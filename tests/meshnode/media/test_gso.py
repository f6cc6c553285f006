from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshnode.media.gso import RUN_MAX_BYTES, SEGMENTS_MAX, runs


@given(
    sizes=st.lists(st.integers(1, 1500), max_size=200),
    limit=st.sampled_from([0, 600, 1200, 65535]),
)
def test_runs_cover_everything_in_order_within_the_kernel_s_rules(
    sizes: list[int], limit: int
) -> None:
    found = list(runs(sizes, limit))
    assert [n for start, stop in found for n in range(start, stop)] == list(
        range(len(sizes))
    )
    for start, stop in found:
        run = sizes[start:stop]
        assert len(run) <= SEGMENTS_MAX
        assert len(run) == 1 or sum(run) <= RUN_MAX_BYTES
        assert len(run) == 1 or run[0] <= limit
        assert set(run[:-1]) <= {run[0]}
        assert run[-1] <= run[0]


def test_a_frame_with_a_short_last_packet_is_one_run() -> None:
    assert list(runs([1200] * 9 + [300], 65535)) == [(0, 10)]


def test_a_short_packet_ends_its_run() -> None:
    assert list(runs([1200, 300, 1200, 1200], 65535)) == [(0, 2), (2, 4)]


def test_a_longer_packet_begins_another_run() -> None:
    assert list(runs([300, 1200], 65535)) == [(0, 1), (1, 2)]


def test_a_hundred_equal_packets_need_two_runs() -> None:
    assert list(runs([1200] * 100, 65535)) == [(0, 54), (54, 100)]
    assert list(runs([100] * 100, 65535)) == [(0, 64), (64, 100)]
