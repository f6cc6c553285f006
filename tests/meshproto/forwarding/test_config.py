"""The numbers of the packet path."""

from __future__ import annotations

import random
import secrets
from dataclasses import fields

import pytest

from meshproto.forwarding.config import ForwardingConfig, RandomSource


def test_every_bound_and_interval_is_positive() -> None:
    config = ForwardingConfig()
    for field in fields(config):
        value = getattr(config, field.name)
        assert isinstance(value, str) or value > 0, field.name


def test_what_the_rules_bind() -> None:
    config = ForwardingConfig()
    assert config.key_frame_interval_s >= 0.5
    assert config.key_frame_refresh_s >= 2.0
    assert config.cache_bytes <= config.history_bytes
    assert config.slow_consumer_s == 0.5
    assert config.replay_beyond_s == 0.1
    assert config.replay_speed <= 2.0


@pytest.mark.parametrize("source", [random.Random(1), secrets.SystemRandom()])
def test_the_random_sources_of_python_will_do(source: RandomSource) -> None:
    assert 0 <= source.getrandbits(15) < 1 << 15
