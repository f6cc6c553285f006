"""One client on one transport, on which tracks come and go both ways.

This is what WebSocket, polling and two-slot doors are made of.  WHIP and WHEP agree
once; here either side may offer at any time, offers may cross, and a track that is
added or removed leaves the others alone (RFC 0014 section 2).

How a dialect uses it:

    connection = Connection(media, directory, addresses, party, rules)
    answer = connection.offered(text)       # the client offers: send the answer to it
    text = connection.offer()               # ours, None while there is nothing to say
    connection.answered(text)               # the client answers it
    connection.trickled(text)               # its candidates; ours: local_candidates()
    connection.restart()                    # new ICE credentials with the next offer
    connection.close("left")                # only then it is over

and what is played on it (a room, a slot) calls `send` and `stop`.  The connection tells
its `Party`: `negotiate` when something is to be agreed.  Who can push sends
`connection.offer()` then; who is polled waits until the client asks, for the offer is
written at that moment; who speaks to clients that only offer themselves asks them to.
`received` brings the tracks that the client sends now, `placed` an outlet that has a
leg for the forwarding table, `lost` one that has none any more.

Every call is one synchronous step, as in `calls`.  Text that cannot be read raises
`DecodeError` and changes nothing; a full table raises `LimitError`.  What fits no
exchange, as the answer to an offer that was rolled back, is counted in `ignored`.

Where the transport is lost (a page that is loaded again says goodbye before it comes
back) everything that was agreed is forgotten, and the client may offer anew: the
outlets wait for that.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from meshnode.signalling.carriage import Carriage, Owner
from meshnode.signalling.directory import Directory
from meshnode.signalling.entries import candidates
from meshnode.signalling.problems import Refused
from meshnode.signalling.seam import Media, Transport
from meshnode.signalling.tracks import Outlet, Source
from meshproto.errors import DecodeError, MeshError
from meshproto.ids import TransportId
from meshproto.wire.sdp import conference, counteroffer
from meshproto.wire.sdp import offer as offers
from meshproto.wire.sdp.candidate import parse_candidate
from meshproto.wire.sdp.counteroffer import CounterOffer
from meshproto.wire.sdp.endpoint import LocalEndpoint, RemoteEndpoint
from meshproto.wire.sdp.model import SdpLimits
from meshproto.wire.sdp.negotiation import Negotiation, Verdict
from meshproto.wire.sdp.offer import REFUSED, Offer
from meshproto.wire.sdp.play import SendRules
from meshproto.wire.sdp.section import Section
from meshproto.wire.sdp.sections import ReceiveRules

Addresses = Callable[[bool], Sequence[tuple[str, int]]]
CANDIDATES_MAX = 256
"""Candidates of a client that are looked at; later ones are only counted."""
ROOM_SDP = SdpLimits(524_288, 32_768, 256)
"""A member of a room of a hundred has two sections for each of the others."""


class Party(Owner, Protocol):
    """Who speaks for the client at the other end of the connection's calls."""

    def negotiate(self) -> None:
        """Something is to be agreed; told once until an exchange begins."""

    def changed(self, state: str) -> None:
        """The transport is "connecting", "connected" or "closed"."""

    def said(self, label: str, data: bytes | str) -> None:
        """A data-channel message."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a dialect negotiates.

    `polite`: whose offer counts when two cross (RFC 0004 section 6.1); only for clients
    that roll back themselves may it be False.  `here`: the client is on this machine.
    `data`: offers of ours have a section for data channels, and the client may add them
    late.
    """

    polite: bool = True
    here: bool = False
    data: bool = False
    sections_max: int = 256
    sdp_limits: SdpLimits = ROOM_SDP
    receive: ReceiveRules = field(default_factory=ReceiveRules)
    send: SendRules = field(default_factory=SendRules)


class Connection:
    """See above.  `transport` is None before the first description of the client."""

    def __init__(
        self,
        media: Media,
        directory: Directory,
        addresses: Addresses,
        party: Party,
        rules: Rules = Rules(),
    ) -> None:
        self.transport: Transport | None = None
        self.closed = False
        self.ignored: Counter[str] = Counter()
        self.carriage = Carriage(media.plane.program, directory, party)
        self._media = media
        self._party = party
        self._rules = rules
        self._exchange = Negotiation(polite=rules.polite)
        self._sections: tuple[Section, ...] = ()
        self._sent: CounterOffer | None = None
        self._remote: RemoteEndpoint | None = None
        self._restarting = self._told = False
        self._candidates = self._version = 0
        ufrag, pwd = media.new_credentials()
        named = candidates(addresses(rules.here))
        self._local = LocalEndpoint(
            ufrag, pwd, media.fingerprint, named, secrets.randbits(62)
        )
        self._offered = self._local

    def __repr__(self) -> str:
        inlets, outlets = len(self.carriage.inlets), len(self.carriage)
        phase = self._exchange.phase.value
        return f"<Connection {phase}, {inlets} in, {outlets} out>"

    # -- what a dialect calls ----------------------------------------------------------

    @property
    def due(self) -> bool:
        """Whether `offer` would make one."""
        return self._exchange.due

    @property
    def busy(self) -> bool:
        """Whether an offer of ours waits for its answer."""
        return self._sent is not None

    @property
    def sections(self) -> tuple[Section, ...]:
        """What was agreed last."""
        return self._sections

    def offered(self, text: str) -> str | None:
        """The client offers: our answer, None where it is to be ignored (glare)."""
        self._told = False
        verdict = self._exchange.offer_arrived()
        if verdict in (Verdict.IGNORE, Verdict.UNEXPECTED):
            self.ignored[f"offer-{verdict.value}"] += 1
            return None
        if verdict is Verdict.ROLL_BACK_AND_TAKE:
            self.ignored["rolled-back"] += 1
            self._forget_offer()
        try:
            answer = self._answer(text)
        except MeshError:
            self._settle(self._exchange.answered())
            raise
        met = not self.carriage.waiting and not self._restarting
        self._settle(self._exchange.answered(met=met) or (not met and self._need()))
        return answer

    def offer(self) -> str | None:
        """An offer of ours, None while nothing is due or another is under way."""
        self._told = False
        if not self._exchange.offer():
            return None
        self._offered = self._next(self._renewed() if self._restarting else self._local)
        try:
            self._sent = counteroffer.offer(
                self._offered,
                self.carriage.offerable(),
                self._sections,
                self._rules.send,
                self._rules.data,
            )
        except MeshError:
            self._exchange.abandon()
            raise
        self.carriage.bind(self._sent.tracks)
        return self._sent.text

    def answered(self, text: str) -> None:
        """The client answers our offer."""
        if self._exchange.answer_arrived() is not Verdict.TAKE or self._sent is None:
            self.ignored["answer"] += 1
            return
        try:
            self._take_answer(self._sent, text)
        except MeshError:
            self.give_up()
            raise
        self._sent = None
        self._settle(self._exchange.applied())

    def give_up(self) -> None:
        """No answer will come.  The offer is made again when something changes."""
        self._forget_offer()
        self._settle(self._exchange.abandon())

    def trickled(self, candidate: str) -> None:
        """A candidate of the client, "" for the last.  Raises `DecodeError`.

        It is not needed, for we are ICE-lite and learn addresses from checks; a broken
        one is the client's fault all the same.
        """
        self._candidates += 1
        if candidate and self._candidates <= CANDIDATES_MAX:
            parse_candidate(candidate)
        if not self._exchange.heeds_candidates():
            self.ignored["candidate"] += 1

    def local_candidates(self) -> tuple[str, ...]:
        """Ours, as `RTCIceCandidate.candidate` has them, for dialects that trickle."""
        return tuple(str(candidate) for candidate in self._local.candidates)

    def restart(self) -> None:
        """Offer new ICE credentials; media goes on meanwhile."""
        self._restarting = True
        self._settle(self._need())

    def close(self, reason: str) -> None:
        """End it all; the party hears "closed" if there was a transport."""
        self.closed = True
        self._exchange.close()
        if self.transport is not None:
            self.transport.close(reason)

    # -- what is played on it ----------------------------------------------------------

    def send(self, source: Source) -> Outlet:
        """Have the client get a track; it is `placed` once that is agreed."""
        outlet = self.carriage.add(source)
        self._settle(self._need())
        return outlet

    def stop(self, outlet: Outlet) -> None:
        """Stop sending; the next description tells the client."""
        if self.carriage.remove(outlet):
            self._settle(self._need())

    def say(self, label: str, data: bytes | str) -> bool:
        """Send on the client's data channels of that label."""
        return self.transport is not None and self.transport.send_message(label, data)

    # -- descriptions ------------------------------------------------------------------

    def _answer(self, text: str) -> str:
        """Answer an offer of the client."""
        rules = self._rules
        offer = offers.read(text, rules.sdp_limits)
        if len(offer.description.media) > rules.sections_max:
            raise Refused(422, f"an offer has at most {rules.sections_max} sections")
        if self._is_other(offer.remote):
            self._begin_again()
        if self._remote is not None:
            # RFC 8842 section 5.2: an association keeps its roles
            role = self._remote.our_dtls_role
            offer = Offer(offer.description, replace(offer.remote, our_dtls_role=role))
        restarts = self._remote is not None and self._restarts(offer.remote)
        local = self._next(self._renewed() if restarts else self._local)
        agreed = conference.answer(
            offer, local, self.carriage.answerable(), rules.receive, rules.send
        )
        transport = self._join(offer.remote, local, data=agreed.data is not None)
        self._sections = agreed.sections
        self._carry(transport, lambda id_: self.carriage.receive(id_, agreed.incoming))
        self._carry(transport, lambda id_: self.carriage.send(id_, agreed.outgoing))
        return agreed.text

    def _take_answer(self, sent: CounterOffer, text: str) -> None:
        agreed = counteroffer.accept(sent, text, self._rules.sdp_limits)
        if self._is_other(agreed.remote):
            raise DecodeError(f"{REFUSED}-answer", "it is of another association")
        transport = self._join(
            agreed.remote, self._offered, data=agreed.data is not None
        )
        self._sections = agreed.sections
        known = {inlet.agreed.mid: inlet.agreed for inlet in self.carriage.inlets}
        still = [known[mid] for mid in agreed.receiving if mid in known]
        self._carry(transport, lambda id_: self.carriage.receive(id_, still))
        self._carry(transport, lambda id_: self.carriage.send(id_, agreed.tracks))

    def _carry(self, transport: Transport, do: Callable[[TransportId], None]) -> None:
        try:
            do(transport.id)
        except MeshError:
            transport.close("the forwarding table refused it")
            raise

    def _next(self, local: LocalEndpoint) -> LocalEndpoint:
        """Our end for one more description of the session (RFC 3264 section 8)."""
        self._version += 1
        return replace(local, session_version=self._version)

    def _renewed(self) -> LocalEndpoint:
        ufrag, pwd = self._media.new_credentials()
        return replace(self._local, ufrag=ufrag, pwd=pwd)

    def _forget_offer(self) -> None:
        self._sent = None
        self.carriage.unbind()

    # -- the transport -----------------------------------------------------------------

    def _is_other(self, remote: RemoteEndpoint) -> bool:
        """Whether this is another association: a page that was loaded again."""
        known = self._remote
        return known is not None and known.fingerprints != remote.fingerprints

    def _restarts(self, remote: RemoteEndpoint) -> bool:
        known = self._remote
        return known is None or (known.ufrag, known.pwd) != (remote.ufrag, remote.pwd)

    def _join(
        self, remote: RemoteEndpoint, local: LocalEndpoint, data: bool
    ) -> Transport:
        """The transport between these two ends, made or restarted where they are new.

        Raises `MeshError`.
        """
        if self.transport is None:
            self.transport = self._accept(remote, local, data)
            self._restarting = False
        elif self._local.ufrag != local.ufrag:
            self.transport.restart_ice(remote.ufrag, (local.ufrag, local.pwd))
            self._restarting = False
        self._remote, self._local = remote, local
        return self.transport

    def _accept(
        self, remote: RemoteEndpoint, local: LocalEndpoint, data: bool
    ) -> Transport:
        hashes = tuple((f.algorithm, f.value) for f in remote.fingerprints)
        transport = self._media.accept(
            remote_ufrag=remote.ufrag,
            remote_fingerprints=hashes,
            dtls_role=remote.our_dtls_role.value,
            local_ufrag=local.ufrag,
            local_pwd=local.pwd,
            data=data or self._rules.data,
        )
        transport.on_state(lambda _: self._changed(transport))
        transport.on_message(lambda said: self._party.said(said.label, said.data))
        return transport

    def _begin_again(self) -> None:
        """Nothing of before holds: the transport is gone, or to be replaced."""
        before, self.transport, self._remote = self.transport, None, None
        self._sections, self._local = (), self._renewed()
        self._sent, self._restarting = None, False
        if before is not None:
            before.close("the client came back")  # with it go its legs and producers
        self.carriage.forget()

    def _changed(self, transport: Transport) -> None:
        if transport is not self.transport:
            return
        state = transport.state.value
        if state == "closed":
            self._exchange.abandon()
            self._begin_again()
        self._party.changed(state)

    # -- when to negotiate -------------------------------------------------------------

    def _need(self) -> bool:
        return self._exchange.need()

    def _settle(self, due: bool) -> None:
        """Tell the party, soon and once, that there is something to agree."""
        if due and not self._told:
            self._told = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        if self._exchange.due:
            self._party.negotiate()
        else:
            self._told = False
