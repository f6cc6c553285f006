"""Whose offer counts: the pure machine behind renegotiation (RFC 0004 section 6.1).

Strategy: a side says `need` whenever its tracks changed; an offer is then `due` as soon
as no other exchange is under way, and changes made meanwhile go into the same offer.
When offers cross, the polite side drops its own and answers, the impolite side goes on
waiting for its answer (JSEP, RFC 9429 section 4.1.10.2, is where rollback stands).
A node is polite by default, for a plain client cannot roll back.

How to use it: when an offer is `due`, `offer` begins the exchange, and
`counteroffer.offer` writes it from the sections agreed last.  On an offer of the far
end ask `offer_arrived`, answer by `conference.answer`, then call `answered`.  On an
answer ask `answer_arrived`, read it by `counteroffer.accept`, then call `applied`;
where it cannot be read, `abandon`.  Rolling back is to forget the `CounterOffer`
sent: agreed sections change only by an answer.  A door that refuses an offer calls
`answered` as well.  Messages of one client must arrive in order.
`meshnode.signalling.connection` does all of this for a door.
"""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """Where an exchange stands, seen from this side."""

    STABLE = "stable"
    OFFERED = "offered"
    ANSWERING = "answering"
    CLOSED = "closed"


class Verdict(Enum):
    """What to do with a description that arrived."""

    TAKE = "take"
    ROLL_BACK_AND_TAKE = "roll-back-and-take"
    IGNORE = "ignore"  # crossed ours, and ours counts
    UNEXPECTED = "unexpected"  # fits no exchange: count it, change nothing


class Negotiation:
    """The exchange of one connection.  One offer is under way at most."""

    def __init__(self, *, polite: bool = True) -> None:
        self._polite = polite
        self._owed = False
        self._ignoring = False
        self.phase = Phase.STABLE

    @property
    def due(self) -> bool:
        """Whether something is to be offered, and now is the time."""
        return self._owed and self.phase is Phase.STABLE

    def need(self) -> bool:
        """Tracks changed.  Whether an offer is due now; else it is for later."""
        self._owed = self.phase is not Phase.CLOSED
        return self.due

    def offer(self) -> bool:
        """Begin an exchange; False where no offer is due."""
        if not self.due:
            return False
        self._owed = False
        self.phase = Phase.OFFERED
        return True

    def offer_arrived(self) -> Verdict:
        """The far end offers."""
        if self.phase in (Phase.ANSWERING, Phase.CLOSED):
            return Verdict.UNEXPECTED
        crossed = self.phase is Phase.OFFERED
        self._ignoring = crossed and not self._polite
        if self._ignoring:
            return Verdict.IGNORE
        self._owed = self._owed or crossed  # what ours would have said is still to say
        self.phase = Phase.ANSWERING
        return Verdict.ROLL_BACK_AND_TAKE if crossed else Verdict.TAKE

    def answered(self, *, met: bool = False) -> bool:
        """Our answer is sent, or the offer refused; `met`: the answer said all that
        we had to say.  Whether an offer is due.
        """
        if self.phase is Phase.ANSWERING:
            self._owed = self._owed and not met
        return self._settle(Phase.ANSWERING)

    def answer_arrived(self) -> Verdict:
        """The far end answers; only an offer of ours that still counts has one."""
        offered = self.phase is Phase.OFFERED
        return Verdict.TAKE if offered else Verdict.UNEXPECTED

    def applied(self) -> bool:
        """The answer to our offer is in force.  Whether another is due."""
        return self._settle(Phase.OFFERED)

    def abandon(self) -> bool:
        """No usable answer came.  Whether an offer is due: of what changed since.

        The offer itself is not made again: a client that cannot read it never will.
        """
        return self._settle(Phase.OFFERED)

    def heeds_candidates(self) -> bool:
        """False while candidates arrive that belong to an offer we ignored."""
        return not self._ignoring and self.phase is not Phase.CLOSED

    def close(self) -> None:
        """The connection is gone; nothing is owed any more."""
        self.phase = Phase.CLOSED
        self._owed = False

    def _settle(self, expected: Phase) -> bool:
        if self.phase is not expected:
            return False
        self.phase = Phase.STABLE
        self._ignoring = False
        return self.due
