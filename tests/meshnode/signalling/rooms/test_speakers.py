"""A scripted conversation: who speaks is named, who is merely loud is not."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest

from meshnode.signalling.rooms.speakers import Speakers

STEP_S = 0.2
PACKETS = 10

Voice = Callable[[float], list[int]]


def silent(_now: float) -> list[int]:
    """A muted microphone, or discontinuous transmission."""
    return []


def room(chance: random.Random) -> Voice:
    """An open microphone in a quiet room."""
    return lambda _now: [chance.randint(70, 80) for _ in range(PACKETS)]


def fan(chance: random.Random) -> Voice:
    """An open microphone beside a fan: as loud as speech, all the time."""
    return lambda _now: [chance.randint(28, 34) for _ in range(PACKETS)]


def talk(chance: random.Random, start: float, end: float) -> Voice:
    """Speech in a quiet room: words of half a second with short gaps."""

    def levels(now: float) -> list[int]:
        speaking = start <= now < end
        return [
            chance.randint(25, 42)
            if speaking and (now + n * 0.02) % 0.65 < 0.5
            else chance.randint(70, 80)
            for n in range(PACKETS)
        ]

    return levels


def play(voices: dict[str, Voice], seconds: float) -> list[tuple[float, str]]:
    """The speaker after each step."""
    speakers, found = Speakers(), []
    for step in range(int(seconds / STEP_S)):
        now = step * STEP_S
        for peer, voice in voices.items():
            speakers.hear(peer, voice(now), now)
        found.append((now, speakers.decide()))
    return found


@pytest.mark.parametrize("seed", range(10))
def test_a_conversation_beside_a_noisy_open_microphone(seed: int) -> None:
    chance = random.Random(seed)
    script = [("ann", 5, 12), ("ben", 12, 18), ("cyd", 19, 25), ("ann", 25, 30)]
    voices: dict[str, Voice] = {"noisy": fan(chance), "muted": silent}
    for name in ("ann", "ben", "cyd"):
        parts = [talk(chance, s, e) for who, s, e in script if who == name]
        voices[name] = lambda now, parts=parts: [
            min(levels) for levels in zip(*(p(now) for p in parts), strict=True)
        ]
    heard = play(voices, 31)
    assert "noisy" not in {who for _, who in heard}
    for who, start, end in script:
        during = [found for now, found in heard if start + 1.0 <= now < end]
        assert set(during) == {who}, f"{who} from {start}: {during}"


def test_nobody_speaks_in_a_quiet_room() -> None:
    chance = random.Random(1)
    heard = play({"ann": room(chance), "ben": silent, "fan": fan(chance)}, 20)
    assert {who for _, who in heard} == {""}


def test_a_fan_that_starts_is_soon_background() -> None:
    chance = random.Random(2)
    quiet, loud = room(chance), fan(chance)
    voices: dict[str, Voice] = {
        "fan": lambda now: (loud if now >= 5 else quiet)(now),
        "ann": talk(chance, 16, 25),
    }
    heard = dict(play(voices, 25))
    assert heard[24.8] == "ann"


def test_a_short_word_does_not_take_the_floor() -> None:
    chance = random.Random(3)
    voices = {"ann": talk(chance, 1, 20), "ben": talk(chance, 10.0, 10.2)}
    heard = play(voices, 20)
    assert {who for now, who in heard if now > 2} == {"ann"}


def test_who_left_does_not_speak() -> None:
    speakers = Speakers()
    speakers.hear("ann", [80] * 10, 0.0)
    for step in range(1, 6):
        speakers.hear("ann", [30] * 10, step * STEP_S)
    assert speakers.decide() == "ann"
    speakers.keep(["ben"])
    assert speakers.decide() == ""


def rank(voices: dict[str, Voice], seconds: float) -> list[tuple[str, ...]]:
    """The ranking after each step."""
    speakers, found = Speakers(), []
    for step in range(int(seconds / STEP_S)):
        now = step * STEP_S
        for peer, voice in voices.items():
            speakers.hear(peer, voice(now), now)
        speakers.keep(list(voices))
        speakers.decide()
        found.append(speakers.ranking)
    return found


def test_those_who_speak_come_first_and_who_begins_soon_does() -> None:
    chance = random.Random(3)
    voices = {f"quiet{n}": room(chance) for n in range(10)}
    voices |= {"early": talk(chance, 2.0, 30.0), "late": talk(chance, 10.0, 30.0)}
    voices["fan"] = fan(chance)
    found = rank(voices, 20.0)
    assert found[int(9.0 / STEP_S)][0] == "early"
    assert set(found[int(11.0 / STEP_S)][:2]) == {"early", "late"}
    assert all(set(ranking) == set(voices) for ranking in found)


def test_six_voices_do_not_take_five_places_in_turns() -> None:
    chance = random.Random(4)
    voices = {f"v{n}": talk(chance, 0.0, 60.0) for n in range(6)}
    found = [frozenset(ranking[:5]) for ranking in rank(voices, 60.0)]
    changes = sum(a != b for a, b in itertools.pairwise(found[25:]))
    assert changes <= 6


def test_who_left_is_ranked_no_more() -> None:
    speakers = Speakers()
    for peer in ("a", "b"):
        speakers.hear(peer, [70], 0.0)
    speakers.decide()
    speakers.keep(["b"])
    speakers.decide()
    assert speakers.ranking == ("b",)
