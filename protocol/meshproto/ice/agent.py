"""The full side of ICE for links between nodes, over the shared port (RFC 8445).

Strategy.  Clients check and we answer (`lite`); between nodes both ends check, because
each may sit behind a translator that lets in only what answers its own datagrams.  The
pairs of all associations are checked through one queue, one in 20 ms, those that a
neighbour's check triggered first.  The first pair that answers is used at once, so that
DTLS can begin; a moment later the controlling side settles on the best round trip.
From then on the path in use is checked at a pace set from outside (`liveness`): each
answer is a sample of the round trip, each miss a warning, both are told.

Verbs take `now`; after each the owner sends what `take_out` gives and reads
`take_events`.  Nothing a remote sends raises; what has no effect is counted in
`refused` under a fixed label.  One deadline serves all: `next_timeout`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence

from meshproto.chance import Chance
from meshproto.config.ice import AgentConfig
from meshproto.errors import DecodeError, LimitError, StateError
from meshproto.ice.answering import Answering, RemoteMaker
from meshproto.ice.events import AgentEvent, Checked, Local, MappedSeen, PathProven
from meshproto.ice.link_path import Association, LinkPath, Phase
from meshproto.ice.liveness import NEVER
from meshproto.ice.pair import Pair, PairState
from meshproto.ice.path import PathSilent, Remote
from meshproto.ice.priority import PEER_REFLEXIVE_PREFERENCE, candidate_priority
from meshproto.ice.probes import Probes, transaction_id
from meshproto.ids import TransportId
from meshproto.timers import Timers
from meshproto.wire import stun, stun_attributes
from meshproto.wire import stun_binding as binding
from meshproto.wire.stun_attributes import Address

_PRIORITY = candidate_priority(PEER_REFLEXIVE_PREFERENCE)


Datagram = tuple[Local, Address, bytes]
"""Send these octets from there to there."""


class IceAgent:
    """All links of one media port.

    `by_address` is shared with the agent of clients: who owns which address.
    `make_remote` makes what stands in it, for owners that keep it elsewhere as well.
    """

    def __init__(
        self,
        config: AgentConfig,
        chance: Chance,
        by_address: dict[Address, Remote] | None = None,
        make_remote: RemoteMaker = Remote,
    ) -> None:
        self.refused: Counter[str] = Counter()
        self.by_address = {} if by_address is None else by_address
        self._out: list[Datagram] = []
        self._events: list[AgentEvent] = []
        self._config = config
        self._chance = chance
        self._bases: tuple[tuple[Local, bool], ...] = ()
        self._paths: dict[TransportId, LinkPath] = {}
        self._by_ufrag: dict[bytes, LinkPath] = {}
        self._by_transaction: dict[bytes, LinkPath] = {}
        self._timers: Timers[TransportId] = Timers()
        self._queue: deque[tuple[LinkPath, Pair]] = deque()
        self._pace_at = 0.0
        self._probes = Probes(config, chance)
        self._mapped: dict[Address, Address] = {}
        self._answering = Answering(self.refused, self.by_address, make_remote)

    # -- verbs of the owner ------------------------------------------------------------

    def open(self, hosts: Sequence[str]) -> None:
        """The sockets there are, by the host each is bound to, in the owner's order."""
        self._bases = tuple((Local(n), ":" in host) for n, host in enumerate(hosts))

    def add(
        self, spec: Association, candidates: Iterable[Address], now: float
    ) -> LinkPath:
        """Begin to check the neighbour's `candidates`, best first.

        Raises `LimitError` when full, `StateError` if transport or ufrag is taken.
        """
        ufrag = spec.local_ufrag.encode()
        if spec.transport in self._paths or ufrag in self._by_ufrag:
            raise StateError(f"association {spec.transport} is there already")
        if len(self._paths) >= self._config.associations:
            raise LimitError("associations", self._config.associations)
        path = LinkPath(spec, self._chance.randrange(1 << 64), self._config, now)
        self._paths[spec.transport] = self._by_ufrag[ufrag] = path
        self.add_candidates(spec.transport, candidates, now)
        return path

    def add_candidates(
        self, transport: TransportId, addresses: Iterable[Address], now: float
    ) -> None:
        """Check more addresses of a neighbour; those beyond the limit are left out."""
        path = self._path(transport)
        known = {p.remote for p in path.pairs.values() if p.announced}
        for address in addresses:
            if len(known) >= self._config.candidates:
                self.refused["ice-candidates"] += 1
                break
            known.add(address)
            for local, v6 in self._bases:
                if v6 == (":" in address[0]):
                    path.learn(local, address, now, announced=True)
        self._examine(path, now)
        self._pump(now)

    def pace(self, transport: TransportId, interval_s: float, now: float) -> None:
        """Check the association every `interval_s` from now on."""
        path = self._path(transport)
        path.live.pace(interval_s, now)
        self._arm(path)

    def check(self, transport: TransportId, now: float) -> None:
        """Check the association at once, a lost one too."""
        path = self._path(transport)
        path.check_now(now)
        self._examine(path, now)

    def heard(self, transport: TransportId, now: float) -> None:
        """The newest DTLS datagram of the association was authentic."""
        path = self._paths.get(transport)
        if path is not None:
            path.dtls_heard(now)

    def remove(self, transport: TransportId) -> None:
        """Forget an association.  Unknown ids are fine."""
        path = self._paths.pop(transport, None)
        if path is None:
            return
        del self._by_ufrag[path.username.partition(b":")[0]]
        for transaction in path.sent:
            del self._by_transaction[transaction]
        for remote in path.remotes.values():
            if self.by_address.get(remote.address) is remote:
                del self.by_address[remote.address]
        self._timers.cancel(transport)

    def probe(self, address: Address, token: int, now: float) -> None:
        """Measure the round trip to a media port; ends in `Probed`.

        Raises `LimitError` when too many are under way.
        """
        datagram = self._probes.begin(address, token, now)
        for local, v6 in self._bases:
            if v6 == (":" in address[0]):
                self._out.append((local, address, datagram))
                return

    def take_out(self) -> list[Datagram]:
        """What is to be sent, in order."""
        taken, self._out = self._out, []
        return taken

    def take_events(self) -> list[AgentEvent]:
        """What happened, in order."""
        taken, self._events = self._events, []
        return taken

    # -- what arrives ------------------------------------------------------------------

    def receive(
        self, message: stun.Message, address: Address, local: Local, now: float
    ) -> bool:
        """Handle a message that concerns a link or a probe; False for any other."""
        path = self._by_transaction.get(message.transaction_id)
        if message.message_type in (binding.SUCCESS, binding.ERROR):
            if path is not None:
                self._answer(path, message, address, local, now)
            elif self._probes.awaits(message):
                self._probe_answer(message, address, now)
            else:
                return False
            return True
        if message.message_type != binding.REQUEST:
            return False
        username = message.attributes.get(stun_attributes.USERNAME, b"")
        path = self._by_ufrag.get(username.partition(b":")[0])
        if path is None:
            return False
        self._request(path, message, address, local, now)
        return True

    def _probe_answer(
        self, message: stun.Message, address: Address, now: float
    ) -> None:
        probed = self._probes.answered(message, address, now)
        if probed is None:
            self.refused["probe-answer"] += 1
            return
        self._events.append(probed)
        try:
            self._mapping(binding.mapped_address(message), address)
        except DecodeError as error:
            self.refused[error.reason] += 1

    def _request(
        self,
        path: LinkPath,
        message: stun.Message,
        address: Address,
        local: Local,
        now: float,
    ) -> None:
        """A check of the neighbour."""
        was_controlling = path.controlling
        reply, fresh = self._answering.reply(path, message, address, now)
        if reply is not None:
            self._out.append((local, address, reply))
        if path.controlling is not was_controlling:
            self._role_changed(path, now)
        if not fresh:
            return
        pair = path.pair(local, address)
        if pair is None:
            pair = path.learn(local, address, now, announced=False)
            # A new address may mean that the old one died with its translator.
            path.live.check_now(now)
        if pair is not None:
            nominated = stun_attributes.USE_CANDIDATE in message.attributes
            self._trigger(path, pair, nominated and not path.controlling, now)
        self._examine(path, now)
        self._pump(now)

    def _trigger(self, path: LinkPath, pair: Pair, nominated: bool, now: float) -> None:
        """The neighbour checked `pair`: so do we, unless we know all about it."""
        in_use = pair is path.selected and path.phase is Phase.LIVE
        if nominated:
            path.nominate(pair)
        proven = pair.state is PairState.PROVEN and path.phase is Phase.LIVE
        if in_use or (proven and not nominated):
            return
        if pair.state is not PairState.WAITING or pair.spent(self._config):
            pair.again(now)
        self._enqueue(path, pair, first=True)

    def _answer(
        self,
        path: LinkPath,
        message: stun.Message,
        address: Address,
        local: Local,
        now: float,
    ) -> None:
        """An answer to a check of ours, or something that pretends to be one."""
        pair, sent_at = path.sent[message.transaction_id]
        if address != pair.remote or local.socket != pair.local.socket:
            self.refused["ice-answer-elsewhere"] += 1
            return
        if not stun.verify(message, path.remote_key):
            # A neighbour that was not told of us yet cannot sign: its 401 is no news.
            self.refused["ice-answer-integrity"] += 1
            return
        del path.sent[message.transaction_id]
        del self._by_transaction[message.transaction_id]
        if path.pairs.get((pair.local, pair.remote)) is not pair:
            return
        if message.message_type == binding.ERROR:
            self._refusal(path, pair, message, now)
        else:
            self._success(path, pair, message, local, now, now - sent_at)
        self._examine(path, now)
        self._pump(now)

    def _refusal(
        self, path: LinkPath, pair: Pair, message: stun.Message, now: float
    ) -> None:
        try:
            code, _ = binding.error_code(message)
        except DecodeError as error:
            self.refused[error.reason] += 1
            return
        if code != binding.ROLE_CONFLICT:
            self.refused["ice-refused"] += 1
            return
        path.controlling = not path.controlling
        path.tie_breaker = self._chance.randrange(1 << 64)
        self._role_changed(path, now)
        if pair.state is not PairState.PROVEN:
            pair.again(now)
            self._enqueue(path, pair, first=True)

    def _role_changed(self, path: LinkPath, now: float) -> None:
        self.refused["ice-role"] += 1
        path.nominated = False
        unsettled = path.controlling and path.phase is Phase.LIVE
        path.nominate_at = now if unsettled else NEVER

    def _success(
        self,
        path: LinkPath,
        pair: Pair,
        message: stun.Message,
        local: Local,
        now: float,
        rtt_s: float,
    ) -> None:
        try:
            mapped = binding.mapped_address(message)
        except DecodeError as error:
            self.refused[error.reason] += 1
            return
        pair.answered(rtt_s)
        if not pair.local.address:
            path.resolve(pair, local)
        self._answering.claim(path, pair.remote, now)
        self._mapping(mapped, pair.remote)
        if path.phase is not Phase.LIVE:
            self._stands(path, pair, now)
        elif pair is not path.selected:
            if not path.beats(pair):
                return
            self._move(path, pair)
        pair.nominated = False
        path.live.answered(now)
        self._events.append(Checked(path.transport, rtt_s))

    def _stands(self, path: LinkPath, pair: Pair, now: float) -> None:
        """The first answer, or the first after a loss."""
        if path.phase is Phase.SEEKING and path.controlling:
            wait_s = min(max(pair.rtt_s, 0.0), self._config.nominate_wait_s)
            waiting = self._config.pace_s * len(path.pairs)
            path.nominate_at = now + max(wait_s, min(waiting, 0.1))
        path.warm_at = now + self._config.warm_s
        self._move(path, pair)

    def _move(self, path: LinkPath, pair: Pair) -> None:
        if path.select(pair):
            self._events.append(PathProven(path.transport, pair.remote, pair.local))

    def _mapping(self, mapped: Address, by: Address) -> None:
        if self._mapped.get(by) == mapped:
            return
        if by not in self._mapped and len(self._mapped) >= self._config.mapped_known:
            del self._mapped[next(iter(self._mapped))]
        self._mapped[by] = mapped
        self._events.append(MappedSeen(mapped, by))

    # -- time --------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When `handle_timeout` has something to do."""
        pace_at = self._pace_at if self._queue else None
        due = (self._timers.next(), pace_at, self._probes.next_timeout())
        return min((at for at in due if at is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        """Check, repeat, give up and judge, as is due."""
        for transport in self._timers.due(now):
            self._examine(self._paths[transport], now)
        self._pump(now)
        self._events += self._probes.expired(now)

    def _examine(self, path: LinkPath, now: float) -> None:
        for pair in tuple(path.pairs.values()):
            if pair.due_at <= now:
                if pair.spent(self._config):
                    pair.failed()
                else:
                    self._enqueue(path, pair, first=False)
        if path.phase is Phase.LIVE:
            self._watch(path, now)
        if path.phase is Phase.LOST and not self._search(path, now):
            return
        self._arm(path)

    def _watch(self, path: LinkPath, now: float) -> None:
        """A path in use: nominate, check it, count its misses, notice silence."""
        live = path.live
        if path.nominate_at <= now or (path.nominate_at != NEVER and path.settled()):
            self._nominate(path, now)
        if live.missed(now):
            self._events.append(Checked(path.transport, None))
            if live.misses >= self._config.move_misses:
                self._try_others(path, now)
            if live.misses == self._config.move_misses:
                self._look_around(path, now)
        if live.due(now) and path.selected is not None:
            self._check(path, path.selected, now)
            live.sent(path.selected.rtt_s, now)
        if path.warm_at <= now:
            path.warm_at = now + self._config.warm_s
            runner_up = path.runner_up()
            if runner_up is not None:
                self._check(path, runner_up, now)
        heard_at = path.heard_at
        if live.silent_at(heard_at) <= now:
            path.lose(now)
            silence_s = now - heard_at
            self._events.append(PathSilent(path.transport, silence_s, expired=False))

    def _nominate(self, path: LinkPath, now: float) -> None:
        path.nominate_at, path.nominated = NEVER, True
        best = path.best()
        if best is not None:
            self._move(path, best)
        path.live.check_now(now)

    def _try_others(self, path: LinkPath, now: float) -> None:
        """The path in use fails: whichever of the two best others answers replaces it.

        None proven: the announced addresses are tried anew, one after the other.
        """
        other = path.runner_up() or path.next_in_turn()
        if other is not None:
            self._check(path, other, now)

    def _look_around(self, failing: LinkPath, now: float) -> None:
        """Perhaps it is our own translator that restarted: then the neighbours on the
        other paths must see our new address before we need them.
        """
        for path in self._paths.values():
            if path is not failing and path.phase is Phase.LIVE:
                path.live.check_now(now)
                self._arm(path)

    def _search(self, path: LinkPath, now: float) -> bool:
        """A lost association: look for the neighbour; False once it is forgotten."""
        if path.expires_at <= now:
            silence_s = now - path.heard_at
            self._events.append(PathSilent(path.transport, silence_s, expired=True))
            self.remove(path.transport)
            return False
        path.proving = now - path.live.answered_at >= self._config.consent_s
        if path.resume_at <= now:
            path.resume_at = now + self._config.resume_check_s
            for pair in (path.selected, path.next_in_turn()):
                if pair is not None:
                    self._check(path, pair, now)
        return True

    # -- sending -----------------------------------------------------------------------

    def _enqueue(self, path: LinkPath, pair: Pair, *, first: bool) -> None:
        pair.due_at = NEVER
        if pair.queued:
            return
        pair.queued = True
        if first:
            self._queue.appendleft((path, pair))
        else:
            self._queue.append((path, pair))

    def _pump(self, now: float) -> None:
        """Send the next set-up check if the pace allows one."""
        while self._queue and self._pace_at <= now:
            path, pair = self._queue.popleft()
            pair.queued = False
            here = self._paths.get(path.transport) is path
            if here and pair.state is PairState.WAITING:
                self._check(path, pair, now)
                pair.sent(self._config, now)
                self._pace_at = now + self._config.pace_s
                self._arm(path)

    def _check(self, path: LinkPath, pair: Pair, now: float) -> None:
        chosen = transaction_id(self._chance)
        spare = path.expects(chosen, pair, now)
        if spare is not None:
            del self._by_transaction[spare]
        self._by_transaction[chosen] = path
        role = path.tie_breaker
        datagram = binding.request(
            chosen,
            username=path.remote_username,
            key=path.remote_key,
            priority=_PRIORITY,
            controlling=role if path.controlling else None,
            controlled=None if path.controlling else role,
            use_candidate=path.nominated and pair is path.selected,
        )
        self._out.append((pair.local, pair.remote, datagram))

    # -- the rest ----------------------------------------------------------------------

    def _path(self, transport: TransportId) -> LinkPath:
        try:
            return self._paths[transport]
        except KeyError:
            raise StateError(f"no association {transport}") from None

    def _arm(self, path: LinkPath) -> None:
        due_at = path.next_at()
        if due_at == NEVER:
            self._timers.cancel(path.transport)
        elif self._timers.at(path.transport) != due_at:
            self._timers.set(path.transport, due_at)
