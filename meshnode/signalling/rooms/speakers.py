"""Who speaks: the pure machine behind `dominant-speaker` (RFC 0014 section 5.1).

Loudness alone names the noisiest microphone.  So each member is measured against its
own background, the quietest moment of the last two seconds, and only what stands well
above that counts as speech.  A fan never does, however loud; a voice does, since it
pauses between words.  Digital silence says nothing about a background: a muted member
that unmutes would otherwise be heard breathing.  Short speech is gathered in a score
that rises within a few tenths of a second and falls within one or two; who speaks keeps
the word until somebody else scores clearly higher, so that a cough or an "aha" does not
take it.

    quiet ..... score 0 ..... somebody passes ENTER ........... speaker
    speaker ... somebody else has TAKE times its score and ENTER -> the other
    speaker ... score below LEAVE, nobody else above ENTER ..... stays, until gone

Several may be heard at once: `ranking` has everybody who has a voice, those who speak
first.  It changes no more than it must, for who is heard by it is heard by many.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

SILENCE = 127
SPEECH_DB = 12.0
"""Above the own background from which sound counts as speech."""
SPEECH_MAX_DB = 30.0
"""More than that does not count for more: who sits close is not more important."""
WINDOW_S = 2.0
FLOOR_MIN_DB = 20.0
"""Nothing below that is heard at all."""
RISE_S = 0.3
FALL_S = 1.2
ENTER = 0.35
TAKE = 1.4


class _Voice:
    """One member: its quiet moments, and how much it spoke lately (0 to 1)."""

    __slots__ = ("at", "quiet", "score")

    def __init__(self, now: float) -> None:
        self.quiet: deque[tuple[float, float]] = deque(maxlen=32)
        self.score = 0.0
        self.at = now

    def hear(self, levels: Sequence[int], now: float) -> None:
        passed_s = max(now - self.at, 0.001)
        self.at = now
        loud_db = [float(SILENCE - level) for level in levels if level < SILENCE]
        spoke = self._speech(loud_db, now) if loud_db else 0.0
        self._follow(spoke, passed_s)

    def _speech(self, loud_db: list[float], now: float) -> float:
        """How much of these moments is speech, from 0 to 1."""
        self.quiet.append((now, min(loud_db)))
        while now - self.quiet[0][0] > WINDOW_S:
            self.quiet.popleft()
        floor_db = max(min(db for _, db in self.quiet), FLOOR_MIN_DB)
        above_db = sum(loud_db) / len(loud_db) - floor_db
        return min(above_db / SPEECH_MAX_DB, 1.0) if above_db > SPEECH_DB else 0.0

    def _follow(self, spoke: float, passed_s: float) -> None:
        time_s = RISE_S if spoke > self.score else FALL_S
        share = min(1.0, passed_s / time_s)
        self.score += (spoke - self.score) * share


class Speakers:
    """All members of one room; `speaker` is who has the word, "" nobody yet; `ranking`
    is everybody with a voice, the loudest of those who speak first.
    """

    def __init__(self) -> None:
        self.speaker = ""
        self.ranking: tuple[str, ...] = ()
        self._voices: dict[str, _Voice] = {}

    def hear(self, peer: str, levels: Sequence[int], now: float) -> None:
        """The levels of a member's packets since the last time (-dBov, 127 silence)."""
        voice = self._voices.get(peer)
        if voice is None:
            voice = self._voices[peer] = _Voice(now)
        voice.hear(levels, now)

    def keep(self, peers: Sequence[str]) -> None:
        """Forget everybody else."""
        here = frozenset(peers)
        for peer in [p for p in self._voices if p not in here]:
            del self._voices[peer]
        if self.speaker not in here:
            self.speaker = ""

    def decide(self) -> str:
        """Who speaks now."""
        self.ranking = self._ranked()
        if not self._voices:
            return self.speaker
        best = max(self._voices, key=lambda peer: self._voices[peer].score)
        score = self._voices[best].score
        holder = self._voices.get(self.speaker)
        held = 0.0 if holder is None else holder.score
        if best != self.speaker and score >= ENTER and score >= TAKE * held:
            self.speaker = best
        return self.speaker

    def _ranked(self) -> tuple[str, ...]:
        """The order of before, but who speaks before who does not, and who is clearly
        louder before the one ahead: one step at a time, so that six voices do not take
        five places in turns.
        """
        voices, ranked = self._voices, frozenset(self.ranking)
        known = [peer for peer in self.ranking if peer in voices]
        known += [peer for peer in voices if peer not in ranked]
        speaking = [peer for peer in known if voices[peer].score >= ENTER]
        for place in range(len(speaking) - 1, 0, -1):
            ahead, behind = speaking[place - 1 : place + 1]
            if voices[behind].score >= TAKE * voices[ahead].score:
                speaking[place - 1 : place + 1] = behind, ahead
        return (*speaking, *(p for p in known if voices[p].score < ENTER))
