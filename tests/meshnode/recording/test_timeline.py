"""One time line: by reports where there are, by arrival where not, never backwards."""

from __future__ import annotations

import itertools

import pytest

from meshnode.recording.timeline import GAP_S, SETTLE_S, Timeline
from meshproto.forwarding.clock import ntp_bits

VIDEO, AUDIO = 0, 1
RATES = {VIDEO: 90000, AUDIO: 48000}
NTP_S = 3_900_000_000.0


def begun(video_ntp_s: float = NTP_S, audio_ntp_s: float = NTP_S) -> Timeline:
    """Timestamp 0 of each track at that NTP time; both have arrived at 5 s."""
    line = Timeline()
    line.begin(RATES)
    line.arrived(VIDEO, 0, 5.0)
    line.arrived(AUDIO, 0, 5.0)
    line.report(VIDEO, ntp_bits(video_ntp_s), 0)
    line.report(AUDIO, ntp_bits(audio_ntp_s), 0)
    return line


def test_reports_say_how_tracks_belong_together() -> None:
    line = begun(audio_ntp_s=NTP_S + 0.3)
    assert line.ready(5.0 + SETTLE_S)
    line.start(VIDEO, 0, 5.0)
    assert line.at(VIDEO, 0, 5.0) == pytest.approx(0, abs=1e-6)
    assert line.at(AUDIO, 0, 5.0) == pytest.approx(0.3, abs=1e-6)
    assert line.at(VIDEO, 90000, 6.0) == pytest.approx(1, abs=1e-6)
    assert line.end_s == pytest.approx(1, abs=1e-6)


def test_without_reports_arrival_must_do_after_a_while() -> None:
    line = Timeline()
    line.begin(RATES)
    assert not line.ready(0.0)
    line.arrived(VIDEO, 1000, 5.0)
    line.arrived(AUDIO, 77, 5.2)
    assert not line.ready(5.0 + SETTLE_S - 0.1)
    assert line.ready(5.0 + SETTLE_S)
    line.start(VIDEO, 1000, 5.0)
    assert line.at(VIDEO, 1000, 5.0) == pytest.approx(0, abs=1e-6)
    assert line.at(AUDIO, 77, 5.2) == pytest.approx(0.2, abs=1e-6)


def test_a_track_without_reports_is_placed_beside_one_that_has_them() -> None:
    line = Timeline()
    line.begin(RATES)
    line.arrived(VIDEO, 0, 5.0)
    line.arrived(AUDIO, 0, 5.1)
    line.report(VIDEO, ntp_bits(NTP_S), 0)
    line.start(VIDEO, 0, 5.0)
    assert line.at(AUDIO, 0, 5.1) == pytest.approx(0.1, abs=1e-5)


def test_reports_that_come_first_are_guesses() -> None:
    line = begun(audio_ntp_s=NTP_S + 0.3)
    assert not line.ready(5.0 + SETTLE_S - 0.1)
    line.report(AUDIO, ntp_bits(NTP_S + 3), 3 * 48000)
    assert line.ready(5.0 + SETTLE_S)
    line.start(VIDEO, 0, 5.0)
    assert line.at(AUDIO, 0, 5.0) == pytest.approx(0, abs=1e-6)


def test_one_track_alone_need_not_wait() -> None:
    line = Timeline()
    line.begin({VIDEO: 90000})
    line.arrived(VIDEO, 0, 5.0)
    assert not line.ready(5.0)
    line.report(VIDEO, ntp_bits(NTP_S), 0)
    assert line.ready(5.0)


def test_behind_a_gap_reports_are_guesses_again() -> None:
    line = begun()
    line.start(VIDEO, 0, 5.0)
    line.at(VIDEO, 0, 5.0)
    line.at(AUDIO, 0, 5.0)
    line.arrived(VIDEO, 0, 5.0 + GAP_S)
    assert line.ready(5.0 + GAP_S)
    line.arrived(VIDEO, 180_000, 7.0)
    line.arrived(AUDIO, 96_000, 7.0)
    assert not line.ready(7.0 + SETTLE_S - 0.1)
    line.report(AUDIO, ntp_bits(NTP_S + 2.2), 96_000)
    assert line.ready(7.0 + SETTLE_S)
    line.settle()
    assert line.at(VIDEO, 180_000, 7.0) == pytest.approx(2.0, abs=1e-6)
    assert line.at(AUDIO, 96_000, 7.0) == pytest.approx(2.2, abs=1e-6)


def test_drift_is_followed_without_a_jump() -> None:
    line = begun()
    line.start(VIDEO, 0, 5.0)
    times = [line.at(AUDIO, 0, 5.0)]
    for second in range(1, 21):
        # 300 ppm: the sound card is slow
        slow = round(second * 48000 * 0.9997)
        line.report(AUDIO, ntp_bits(NTP_S + second), slow)
        times.append(line.at(AUDIO, slow, 5.0 + second))
    steps = [b - a for a, b in itertools.pairwise(times)]
    assert times[-1] == pytest.approx(20, abs=0.002)
    assert max(steps) < 1.06


def test_time_never_falls_within_a_track() -> None:
    line = begun()
    line.start(VIDEO, 0, 5.0)
    first = line.at(VIDEO, 9000, 5.1)
    assert line.at(VIDEO, 4500, 5.1) > first


def test_what_is_older_than_the_start_is_below_zero() -> None:
    line = begun()
    line.start(VIDEO, 9000, 5.1)
    assert line.at(AUDIO, 0, 5.0) == pytest.approx(-0.1, abs=1e-6)


def test_the_next_session_goes_on_by_the_clock_of_arrival() -> None:
    line = begun()
    line.start(VIDEO, 0, 5.0)
    line.at(VIDEO, 90000, 6.0)
    line.begin(RATES)
    assert not line.started
    line.arrived(VIDEO, 4_000_000, 16.0)
    line.report(VIDEO, ntp_bits(NTP_S - 500), 4_000_000)
    line.report(AUDIO, ntp_bits(NTP_S - 500), 123)
    assert line.ready(16.0 + SETTLE_S)
    line.start(VIDEO, 4_000_000, 16.0)
    assert line.at(VIDEO, 4_000_000, 16.0) == pytest.approx(11, abs=1e-5)
    assert line.at(AUDIO, 123, 16.0) == pytest.approx(11, abs=1e-5)


def test_a_clock_that_was_set_is_found_out_anew() -> None:
    line = begun()
    line.start(VIDEO, 0, 5.0)
    line.at(VIDEO, 0, 5.0)
    line.at(AUDIO, 0, 5.0)
    line.report(VIDEO, ntp_bits(NTP_S + 3600), 90000)
    assert not line.started
    line.arrived(VIDEO, 90000, 6.0)
    line.report(AUDIO, ntp_bits(NTP_S + 3600), 48000)
    assert line.ready(6.0 + SETTLE_S)
    line.start(VIDEO, 90000, 6.0)
    assert line.at(VIDEO, 90000, 6.0) == pytest.approx(1, abs=1e-5)
    assert line.at(AUDIO, 48000, 6.0) == pytest.approx(1, abs=1e-5)


def test_a_track_that_begins_late_is_placed_too() -> None:
    line = Timeline()
    line.begin(RATES)
    line.arrived(VIDEO, 0, 5.0)
    line.start(VIDEO, 0, 5.0)
    line.at(VIDEO, 0, 5.0)
    line.at(VIDEO, 90000, 6.0)
    line.arrived(AUDIO, 5000, 6.5)
    assert line.at(AUDIO, 5000, 6.5) == pytest.approx(1.5, abs=1e-5)
