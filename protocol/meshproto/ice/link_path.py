"""One association with a neighbour: its pairs, the one in use, and its life.

    SEEKING --an answer to a check of ours--> LIVE --silence--> LOST --an answer--> LIVE
                                                                 |
                                                                 +-- 5 min --> gone

Both ends check (RFC 8445).  An address is *heard* from the first fresh check that came
from it, and *sent to* only after it answered a check of ours, so no replay and no
forged source can aim anything at a victim (RFC 0002 section 3.1).  The dialler is the
controlling side.  What it sends media over it marks with USE-CANDIDATE in every check,
and the other end follows as soon as that path is proven in its own direction; while
the path in use fails, either end takes whatever other proven path answers.

The class keeps and judges; `agent` sends.  To a packet path it is a `PacketPath`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from meshproto.config.ice import AgentConfig
from meshproto.errors import StateError
from meshproto.ice.credentials import PWD_LENGTH, UFRAG_LENGTH
from meshproto.ice.events import Local
from meshproto.ice.liveness import NEVER, Liveness
from meshproto.ice.pair import Pair, PairState
from meshproto.ice.path import Remote
from meshproto.ids import TransportId
from meshproto.wire.stun_attributes import Address


class Phase(Enum):
    """Life of an association."""

    SEEKING = "seeking"
    LIVE = "live"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Association:
    """What both descriptors say, and who dialled (`controlling`)."""

    transport: TransportId
    local_ufrag: str
    local_pwd: str
    remote_ufrag: str
    remote_pwd: str
    controlling: bool

    def __post_init__(self) -> None:
        ufrags = self.local_ufrag, self.remote_ufrag
        pwds = self.local_pwd, self.remote_pwd
        short = min(map(len, ufrags)) < UFRAG_LENGTH or min(map(len, pwds)) < PWD_LENGTH
        if short or any(":" in ufrag for ufrag in ufrags):
            raise StateError("ICE credentials are too short")


class LinkPath:
    """State of one association; `tie_breaker` is 64 random bits."""

    def __init__(
        self, spec: Association, tie_breaker: int, config: AgentConfig, now: float
    ) -> None:
        self.transport = spec.transport
        self.address: Address | None = None
        self.local: Local | None = None
        self.proving = False
        """True while nothing may be sent, because nobody answers any more."""
        self.hold_s = config.consent_s
        self.remotes: dict[Address, Remote] = {}
        self.controlling = spec.controlling
        self.tie_breaker = tie_breaker
        self.username = spec.local_ufrag.encode() + b":" + spec.remote_ufrag.encode()
        self.remote_username = f"{spec.remote_ufrag}:{spec.local_ufrag}"
        self.local_key = spec.local_pwd.encode()
        self.remote_key = spec.remote_pwd.encode()
        self.pairs: dict[tuple[Local, Address], Pair] = {}
        self.phase = Phase.SEEKING
        self.selected: Pair | None = None
        self.nominated = False
        """Whether the controlling side has settled on the selected pair."""
        self.live = Liveness(config, now)
        self.nominate_at = NEVER
        self.warm_at = NEVER
        self.resume_at = NEVER
        self.lost_at = NEVER
        self.sent: dict[bytes, tuple[Pair, float]] = {}
        """Own checks without an answer yet: pair and time."""
        self._config = config
        self._dtls_from: Remote | None = None
        self._seen: dict[bytes, Address] = {}
        self._turn = 0

    # -- the packet path ---------------------------------------------------------------

    def may_send(self, octets: int) -> bool:
        """False while nobody answers."""
        del octets
        return not self.proving

    def received(self, remote: Remote, octets: int) -> None:
        """Nothing to count: what is sent to has answered a check."""

    def received_dtls(self, remote: Remote, octets: int) -> None:
        """Remember where the newest DTLS datagram came from."""
        del octets
        self._dtls_from = remote

    def prove(self, remote: Remote) -> None:
        """Nothing to prove: what is sent to has answered a check."""

    def handshake_done(self) -> None:
        """DTLS of clients proves addresses; that of links is only heard."""

    def dtls_heard(self, now: float) -> None:
        """The newest DTLS datagram was authentic."""
        if self._dtls_from is not None:
            self._dtls_from.heard = now

    def forget(self, remote: Remote) -> None:
        """The address belongs to somebody else from now on."""
        self.remotes.pop(remote.address, None)
        if self._dtls_from is remote:
            self._dtls_from = None

    @property
    def heard_at(self) -> float:
        """When anything authenticated last came, from any address."""
        heard = max((r.heard for r in self.remotes.values()), default=0.0)
        return max(heard, self.live.answered_at)

    # -- pairs -------------------------------------------------------------------------

    def pair(self, local: Local, remote: Address) -> Pair | None:
        """The pair that a datagram from `remote` to `local` belongs to."""
        exact = self.pairs.get((local, remote))
        if exact is not None:
            return exact
        chosen = self.pairs.get((Local(local.socket), remote))
        fits = chosen is not None and chosen.resolved == local.address
        return chosen if fits else None

    def learn(
        self, local: Local, remote: Address, now: float, *, announced: bool
    ) -> Pair | None:
        """A new pair, or the one there is; None when there are too many.

        A failed one makes room.
        """
        known = self.pair(local, remote)
        if known is not None:
            known.announced |= announced
            return known
        if len(self.pairs) >= self._config.pairs and not self._spare():
            return None
        made = Pair(local, remote, now, announced=announced)
        self.pairs[local, remote] = made
        return made

    def _spare(self) -> bool:
        for key, pair in self.pairs.items():
            if pair.state is PairState.FAILED and pair is not self.selected:
                del self.pairs[key]
                return True
        return False

    def resolve(self, pair: Pair, local: Local) -> None:
        """An answer came to `local`: the address that the system chose for `pair`."""
        pair.resolved = local.address
        twin = self.pairs.get((local, pair.remote))
        if twin is not None and twin is not pair and twin is not self.selected:
            twin.failed()
            pair.nominated |= twin.nominated
            del self.pairs[local, pair.remote]

    def best(self) -> Pair | None:
        """The proven pair of the shortest round trip; of equal ones the first."""
        best = None
        for pair in self.pairs.values():
            if pair.state is not PairState.PROVEN:
                continue
            if best is None or pair.rtt_s < best.rtt_s - self._config.tie_s:
                best = pair
        return best

    def nominate(self, pair: Pair) -> None:
        """The controlling end uses `pair`, and so none of those it used before."""
        for other in self.pairs.values():
            other.nominated = other is pair

    def beats(self, pair: Pair) -> bool:
        """Whether `pair`, which has just answered, is to replace the one in use: it is
        what the other end uses, or far better, or the one in use is failing.
        """
        config, used = self._config, self.selected
        if used is None or pair.nominated or self.live.misses >= config.move_misses:
            return True
        gain_s = used.rtt_s - pair.rtt_s
        far_better = gain_s > max(config.better_share * used.rtt_s, config.better_s)
        return self.nominated and far_better

    def runner_up(self) -> Pair | None:
        """The next best proven pair, to another address if possible."""
        used = self.selected
        proven = [p for p in self.pairs.values() if p.state is PairState.PROVEN]
        others = [p for p in proven if p is not used]
        same = used.remote if used is not None else None
        return min(others, key=lambda p: (p.remote == same, p.rtt_s), default=None)

    def settled(self) -> bool:
        """Whether no pair waits for its first answer."""
        return not any(p.state is PairState.WAITING for p in self.pairs.values())

    def next_in_turn(self) -> Pair | None:
        """One pair after the other, but not the selected one: where the neighbour of a
        lost association may be found.
        """
        others = [p for p in self.pairs.values() if p is not self.selected]
        if not others:
            return None
        self._turn += 1
        return others[self._turn % len(others)]

    # -- checks ------------------------------------------------------------------------

    def check_now(self, now: float) -> None:
        """Let the path in use, or where a lost neighbour may be, be checked next."""
        if self.phase is Phase.LOST:
            self.resume_at = now
        else:
            self.live.check_now(now)

    def seen_from(self, transaction_id: bytes) -> Address | None:
        """Where a check with this transaction id came from before, if one did."""
        return self._seen.get(transaction_id)

    def remember(self, transaction_id: bytes, address: Address) -> None:
        """A fresh check came from `address`."""
        if len(self._seen) >= self._config.remembered_checks:
            del self._seen[next(iter(self._seen))]
        self._seen[transaction_id] = address

    def expects(self, transaction_id: bytes, pair: Pair, now: float) -> bytes | None:
        """A check left; the transaction id that is given up for it, if one is."""
        spare = None
        if len(self.sent) >= self._config.outstanding:
            spare = next(iter(self.sent))
            del self.sent[spare]
        self.sent[transaction_id] = (pair, now)
        return spare

    def select(self, pair: Pair) -> bool:
        """Use `pair`; False when it is in use already and nothing was lost."""
        changed = pair is not self.selected or self.phase is not Phase.LIVE
        self.selected, self.phase = pair, Phase.LIVE
        self.address, self.local = pair.remote, pair.local
        self.proving, self.resume_at, self.lost_at = False, NEVER, NEVER
        return changed

    def lose(self, now: float) -> None:
        """Nothing comes any more; keep the keys and look for the neighbour."""
        self.phase, self.lost_at = Phase.LOST, now
        self.nominate_at = self.warm_at = NEVER
        self.resume_at = now

    # -- time --------------------------------------------------------------------------

    def next_at(self) -> float:
        """When something is due."""
        pairs_at = min((p.due_at for p in self.pairs.values()), default=NEVER)
        if self.phase is Phase.LOST:
            return min(pairs_at, self.resume_at, self.expires_at)
        if self.phase is Phase.SEEKING:
            return pairs_at
        silent_at = self.live.silent_at(self.heard_at)
        return min(
            *(pairs_at, self.live.next_at(), silent_at, self.nominate_at, self.warm_at)
        )

    @property
    def expires_at(self) -> float:
        """When a lost association is forgotten."""
        return self.lost_at + self._config.keep_s

    def __repr__(self) -> str:
        return f"<LinkPath {self.transport} to {self.address} {self.phase.value}>"
